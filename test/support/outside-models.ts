import * as tf from "@tensorflow/tfjs";
import { createRng } from "../../src/index.js";

type Symbolic = tf.SymbolicTensor;
const reshape = (input: Symbolic, ...targetShape: number[]) =>
  tf.layers.reshape({ targetShape }).apply(input) as Symbolic;

/** zt * time, plus 10 times the label's index for every pixel if there are classes. */
export function layersDenoiser({
  timeShape = [1],
  classes = 0,
}: { timeShape?: number[]; classes?: number } = {}) {
  const inputs = [tf.input({ shape: [1, 2, 1] }), tf.input({ shape: timeShape })];
  const product = tf.layers.multiply().apply([inputs[0]!, reshape(inputs[1]!, 1, 1, 1)]) as Symbolic;
  if (classes === 0) return tf.model({ inputs, outputs: product });
  inputs.push(tf.input({ shape: [classes] }));
  const kernel = Array.from({ length: classes }, (_, i) => 10 * i);
  const dense = tf.layers.dense({ units: 1, useBias: false });
  const shift = dense.apply(inputs[2]!) as Symbolic;
  tf.tidy(() => {
    dense.setWeights([tf.tensor2d(kernel, [classes, 1])]);
  });
  const outputs = tf.layers.add().apply([product, reshape(shift, 1, 1, 1)]) as Symbolic;
  return tf.model({ inputs, outputs });
}

/** Batch norm, a convolution to two channels, ReLU, pooling ("pool"), a linear layer; weights drawn from a seed. */
export function layersClassifier() {
  const images = tf.input({ shape: [4, 4, 1] });
  const normal = tf.layers.batchNormalization().apply(images) as Symbolic;
  const convolved = tf.layers
    .conv2d({ filters: 2, kernelSize: 3, activation: "relu" })
    .apply(normal) as Symbolic;
  const pool = tf.layers.globalAveragePooling2d({ name: "pool" }).apply(convolved) as Symbolic;
  const scores = tf.layers.dense({ units: 3, name: "scores" }).apply(pool) as Symbolic;
  const model = tf.model({ inputs: images, outputs: scores });
  const rng = createRng(5);
  tf.tidy(() => {
    model.setWeights(
      model.getWeights().map((weight) =>
        // Variances, like the others, away from zero.
        tf.tensor(
          rng.normals(weight.size).map((v) => Math.abs(v) + 0.1),
          weight.shape,
        ),
      ),
    );
  });
  return model;
}

type Node = { name: string; op: string; input?: string[]; attr: object };

/** A graph model from its nodes and constants, with no file in between. */
export function graph(nodes: Node[], constants: Record<string, { shape: number[]; values: number[] }> = {}) {
  const weights = Object.entries(constants).map(([name, { shape, values }]) => ({ name, shape, values }));
  const attr = { dtype: { type: "DT_FLOAT" } };
  return tf.loadGraphModelSync({
    modelTopology: {
      node: [...weights.map(({ name }) => ({ name, op: "Const", attr })), ...nodes],
      versions: { producer: 1 },
    },
    weightSpecs: weights.map(({ name, shape }) => ({ name, shape, dtype: "float32" as const })),
    weightData: new Float32Array(weights.flatMap(({ values }) => values)).buffer,
  });
}

const T = { T: { type: "DT_FLOAT" } };

function placeholder(name: string, sizes: number[], type = "DT_FLOAT"): Node {
  const shape = { shape: { dim: sizes.map((size) => ({ size: String(size) })) } };
  return { name, op: "Placeholder", attr: { dtype: { type }, shape } };
}

/** features = relu(images as rows of 4, times a [4, 2]), logits = features times b [2, 3]. */
export function graphClassifier() {
  return graph(
    [
      placeholder("images", [-1, 2, 2, 1]),
      { name: "rows", op: "Reshape", input: ["images", "size"], attr: T },
      { name: "first", op: "MatMul", input: ["rows", "a"], attr: T },
      { name: "features", op: "Relu", input: ["first"], attr: T },
      { name: "logits", op: "MatMul", input: ["features", "b"], attr: T },
    ],
    {
      size: { shape: [2], values: [-1, 4] },
      a: { shape: [4, 2], values: [1, -1, 2, 0.5, -3, 1, 0.25, 2] },
      b: { shape: [2, 3], values: [1, 2, 3, -1, 0, 1] },
    },
  );
}

export const denoisingNodes = (type?: string, timeSizes = [-1, 1]) => [
  placeholder("zt", [-1, 1, 2, 1]),
  placeholder("time", timeSizes, type),
  { name: "shaped", op: "Reshape", input: ["time", "size"], attr: T },
  { name: "scale", op: "Cast", input: ["shaped"], attr: { DstT: { type: "DT_FLOAT" }, SrcT: { type } } },
  { name: "product", op: "Mul", input: ["zt", "scale"], attr: T },
];
export const sizeOfTimes = { size: { shape: [4], values: [-1, 1, 1, 1] } };

/** Two images of one row. */
export const pixels = () => tf.tensor4d([1, 2, 3, 4], [2, 1, 2, 1]);
