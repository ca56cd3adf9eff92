import type * as tf from "../tfjs.js";
import { createRng } from "../rng.js";
import { sizeOf, type Values } from "./values.js";

/** An input of a probe: standard normal numbers, each passed through `of`. */
export interface Input {
  readonly shape: readonly number[];
  readonly of: (normal: number) => number;
}

/** One operation that the library needs, as TensorFlow.js has it and by its definition. */
export interface Probe {
  readonly operation: string;
  /** By name, in the order of the parameters of `run` and `reference`. */
  readonly inputs: Readonly<Record<string, Input>>;
  readonly run: (...inputs: never[]) => tf.Tensor;
  /** The same of plain numbers in float64, by its definition: its differences are what gradients are compared with. */
  readonly reference: (...inputs: Values[]) => Values;
  /** Where nothing differentiates the operation. */
  readonly differentiated?: false;
  /** Where its result cannot be NaN: it is made of whole numbers. */
  readonly whole?: true;
  /** Where it is an operation of this library, made of the engine's unless the engine has a kernel for it. */
  readonly own?: true;
  /** Larger inputs, on which it is timed. */
  readonly larger?: Larger;
}

export interface Larger {
  /** One shape per input. */
  readonly shapes: readonly (readonly number[])[];
  /** How many there are of each pass, where the operation is a product. */
  readonly multiplications?: number;
}

export const normal = (...shape: number[]): Input => ({ shape, of: (value) => value });
export const positive = (...shape: number[]): Input => ({ shape, of: (value) => Math.abs(value) + 0.3 });
export const negative = (...shape: number[]): Input => ({ shape, of: (value) => -Math.abs(value) - 0.3 });

// Of larger inputs only the time matters, for which these repeat themselves; a prime, so that rows differ.
const DIFFERENT = 1021;

/** The inputs themselves, or larger ones; the same at every call, and exact in float32. */
export function draw(inputs: Probe["inputs"], shapes?: Larger["shapes"]): Values[] {
  return Object.values(inputs).map(({ shape: small, of }, i) => {
    const shape = shapes?.[i] ?? small;
    const data = new Float64Array(sizeOf(shape));
    const numbers = createRng(i).normals(Math.min(data.length, DIFFERENT)).map(of);
    // Larger inputs are drawn hundreds of times: Float64Array.from took a third of all the time.
    for (let at = 0; at < data.length; at++) data[at] = numbers[at % DIFFERENT]!;
    return { shape, data };
  });
}
