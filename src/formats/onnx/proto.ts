import protobuf from "protobufjs/light.js";

// The part of ONNX's messages that a graph of ours needs: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto3.

const list = (type: string, id: number) => ({ rule: "repeated", type, id });
const one = (type: string, id: number) => ({ type, id });

const { ModelProto } = protobuf.Root.fromJSON({
  nested: {
    ModelProto: {
      fields: {
        irVersion: one("int64", 1),
        producerName: one("string", 2),
        docString: one("string", 6),
        graph: one("GraphProto", 7),
        opsetImport: list("OperatorSetIdProto", 8),
      },
    },
    OperatorSetIdProto: { fields: { domain: one("string", 1), version: one("int64", 2) } },
    GraphProto: {
      fields: {
        node: list("NodeProto", 1),
        name: one("string", 2),
        initializer: list("TensorProto", 5),
        input: list("ValueInfoProto", 11),
        output: list("ValueInfoProto", 12),
      },
    },
    NodeProto: {
      fields: {
        input: list("string", 1),
        output: list("string", 2),
        name: one("string", 3),
        opType: one("string", 4),
        attribute: list("AttributeProto", 5),
      },
    },
    AttributeProto: {
      fields: {
        name: one("string", 1),
        f: one("float", 2),
        i: one("int64", 3),
        s: one("bytes", 4),
        floats: list("float", 7),
        ints: list("int64", 8),
        type: one("int32", 20),
      },
    },
    TensorProto: {
      fields: {
        dims: list("int64", 1),
        dataType: one("int32", 2),
        name: one("string", 8),
        rawData: one("bytes", 9),
      },
    },
    ValueInfoProto: { fields: { name: one("string", 1), type: one("TypeProto", 2) } },
    TypeProto: { fields: { tensorType: one("TensorTypeProto", 1) } },
    TensorTypeProto: { fields: { elemType: one("int32", 1), shape: one("TensorShapeProto", 2) } },
    TensorShapeProto: { fields: { dim: list("DimensionProto", 1) } },
    DimensionProto: { fields: { dimValue: one("int64", 1), dimParam: one("string", 2) } },
  },
}).nested as { readonly ModelProto: protobuf.Type };

/** Element types, by ONNX's numbers. */
const ELEMENT = { float: 1, int64: 7, float16: 10 } as const;

/** A value that a graph takes or gives: sizes that are free have names. */
export interface ValueInfo {
  readonly name: string;
  readonly element: keyof typeof ELEMENT;
  readonly shape: readonly (number | string)[];
}

/** Numbers of a constant; those in 16 bits are the bits of float16. */
export type InitializerData = Float32Array | BigInt64Array | Uint16Array;

/** A constant of a graph. */
export interface Initializer {
  readonly name: string;
  readonly shape: readonly number[];
  readonly data: InitializerData;
}

/** An integer stands for itself, `{ float }` for a float, which may be whole. */
export type Attribute = number | string | readonly number[] | { readonly float: number };

export interface Node {
  readonly op: string;
  readonly inputs: readonly string[];
  readonly output: string;
  readonly attributes: Readonly<Record<string, Attribute>>;
}

export interface Graph {
  readonly name: string;
  readonly description: string;
  readonly opset: number;
  readonly nodes: readonly Node[];
  readonly initializers: readonly Initializer[];
  readonly inputs: readonly ValueInfo[];
  readonly outputs: readonly ValueInfo[];
}

/** The bytes of a ModelProto. */
export function encodeModel(graph: Graph): Uint8Array {
  const message = {
    irVersion: 8,
    producerName: "cfd-distill",
    docString: graph.description,
    opsetImport: [{ domain: "", version: graph.opset }],
    graph: {
      name: graph.name,
      node: graph.nodes.map(nodeMessage),
      initializer: graph.initializers.map(tensorMessage),
      input: graph.inputs.map(valueMessage),
      output: graph.outputs.map(valueMessage),
    },
  };
  return ModelProto.encode(ModelProto.fromObject(message)).finish();
}

function nodeMessage({ op, inputs, output, attributes }: Node): object {
  const attribute = Object.entries(attributes).map(([name, value]) => ({ name, ...attributeMessage(value) }));
  return { opType: op, input: inputs, output: [output], name: output, attribute };
}

/** With AttributeProto's number of its kind. */
function attributeMessage(value: Attribute): object {
  if (typeof value === "number") return { i: value, type: 2 };
  if (typeof value === "string") return { s: new TextEncoder().encode(value), type: 3 };
  return "float" in value ? { f: value.float, type: 1 } : { ints: value, type: 7 };
}

function tensorMessage({ name, shape, data }: Initializer): object {
  return {
    name,
    dims: shape,
    dataType: ELEMENT[elementOf(data)],
    rawData: new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
  };
}

function elementOf(data: InitializerData): keyof typeof ELEMENT {
  if (data instanceof Float32Array) return "float";
  return data instanceof Uint16Array ? "float16" : "int64";
}

function valueMessage({ name, element, shape }: ValueInfo): object {
  const dim = shape.map((size) => (typeof size === "number" ? { dimValue: size } : { dimParam: size }));
  return { name, type: { tensorType: { elemType: ELEMENT[element], shape: { dim } } } };
}
