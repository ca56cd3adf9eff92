import { createRng } from "../../rng.js";
import { draw, type Probe } from "./probe.js";
import { centralDifferences, type Values } from "./values.js";

/** What a probe ought to give on certain inputs. */
export interface Expectation {
  readonly inputs: readonly Values[];
  readonly value: Values;
  /** What the gradients are by the chain: numbers of which no two count the same. */
  readonly dy: Values;
  /** By input, where the operation is differentiated. */
  readonly gradients: Readonly<Record<string, Values>>;
}

/** Works out by a probe's reference, in float64, what it ought to give. */
export function expectationOf(probe: Probe): Expectation {
  const inputs = draw(probe.inputs);
  const evaluate = () => probe.reference(...inputs);
  const value = evaluate();
  const dy = { shape: value.shape, data: Float64Array.from(createRng(1).normals(value.data.length)) };
  const names = probe.differentiated === false ? [] : Object.keys(probe.inputs);
  const gradients = names.map((name, i) => {
    const input = inputs[i]!;
    return [name, { shape: input.shape, data: centralDifferences(evaluate, dy.data, input) }] as const;
  });
  return { inputs, value, dy, gradients: Object.fromEntries(gradients) };
}
