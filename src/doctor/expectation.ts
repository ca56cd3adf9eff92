import { createRng } from "../rng.js";
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
  /** By input, one of whose numbers is NaN: the value, which is NaN wherever that number matters. */
  readonly poisoned: Readonly<Record<string, Poisoned>>;
}

export type Poisoned = Pick<Expectation, "inputs" | "value">;

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
  const poisonable = probe.whole === true ? [] : Object.keys(probe.inputs);
  const poisoned = poisonable.map((name, i) => {
    const changed = inputs.map((input, k) => (k === i ? poison(input) : input));
    return [name, { inputs: changed, value: probe.reference(...changed) }] as const;
  });
  return {
    ...{ inputs, value, dy },
    gradients: Object.fromEntries(gradients),
    poisoned: Object.fromEntries(poisoned),
  };
}

/** NaN in the middle: in a filter, the tap that meets the image everywhere. */
function poison({ shape, data }: Values): Values {
  const middle = Math.floor(data.length / 2);
  return { shape, data: data.map((value, i) => (i === middle ? NaN : value)) };
}
