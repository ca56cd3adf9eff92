import { MOST } from "../../bounds.js";
import { check } from "../../check.js";
import type { Attribute, Initializer, InitializerData, Node } from "./proto.js";

/** Values of a graph in the making, by their names. */
export type Value = string;

/** A graph in the making: operations are added in the order in which they run. */
export interface GraphBuilder {
  readonly nodes: readonly Node[];
  readonly initializers: readonly Initializer[];
  /** Adds an operation; its result gets a name of its own, or `output`. */
  add(
    op: string,
    inputs: readonly Value[],
    attributes?: Readonly<Record<string, Attribute>>,
    output?: Value,
  ): Value;
  /** A constant; one name is stored once. */
  constant(name: string, shape: readonly number[], data: InitializerData): Value;
}

export function graphBuilder(where: string): GraphBuilder {
  const nodes: Node[] = [];
  const initializers = new Map<string, Initializer>();
  return {
    nodes,
    get initializers() {
      return [...initializers.values()];
    },
    add(op, inputs, attributes = {}, output = `${op}_${nodes.length}`) {
      const { operations } = MOST;
      check(nodes.length < operations, where, `a graph of at most ${operations} operations`, "more");
      nodes.push({ op, inputs, output, attributes });
      return output;
    },
    constant(name, shape, data) {
      if (!initializers.has(name)) initializers.set(name, { name, shape, data });
      return name;
    },
  };
}

/** A list of sizes or axes. */
export function integers(graph: GraphBuilder, values: readonly number[]): Value {
  return graph.constant(`integers_${values.join("_")}`, [values.length], BigInt64Array.from(values, BigInt));
}

/** A number that broadcasts. */
export function scalar(graph: GraphBuilder, value: number): Value {
  return graph.constant(`scalar_${value}`, [], Float32Array.of(value));
}
