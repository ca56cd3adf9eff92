import * as tf from "../tfjs.js";
import { differentiate } from "../autodiff/differentiate.js";
import type { KernelChange } from "../backends/engine.js";
import { expectationOf, type Expectation } from "./expectation.js";
import { ok, type Finding } from "./findings.js";
import { recording, withStockKernels, type WithKernels } from "./kernels.js";
import { draw, type Probe } from "./probe.js";
import { bestSeconds } from "./timing.js";
import type { Values } from "./values.js";

/** One pass of an operation. */
export interface Pass {
  readonly finding: Finding;
  /** What it takes on larger inputs, where there are some and it is right, and how to measure that once more. */
  readonly time?: { readonly seconds: number; readonly again: () => Promise<number> };
}

/** One pass on the kernels that are there and on the engine's own: one and the same where no cure took part. */
export interface Pair {
  readonly now: Pass;
  readonly stock: Pass;
  readonly cures: readonly KernelChange[];
}

/** A probe's forward pass, without and with NaN in each input, and its gradient by each input. */
export interface Examined {
  readonly probe: Probe;
  readonly forward: Pair;
  readonly poisoned: Readonly<Record<string, Pair>>;
  readonly gradients: Readonly<Record<string, Pair>>;
}

/** Runs a probe on the engine. Nothing is left behind, also where it fails, which is a finding like others. */
export async function examine(probe: Probe): Promise<Examined> {
  const expected = expectationOf(probe);
  const run: Compute = (inputs) => probe.run(...(inputs as never[]));
  const forward = await pair(probe, run, { ...expected, compare: comparison });
  const poisoned: Record<string, Pair> = {};
  for (const [name, wanted] of Object.entries(expected.poisoned)) {
    poisoned[name] = await pair({ inputs: probe.inputs }, run, { ...expected, ...wanted, compare: keepsNaN });
  }
  const gradients: Record<string, Pair> = {};
  for (const [index, [name, value]] of Object.entries(expected.gradients).entries()) {
    const gradient: Compute = (inputs, dy) => {
      const { grads } = differentiate(() => run(inputs), [inputs[index]!], dy);
      if (grads[0] === undefined) throw new Error("no gradient arrives");
      return grads[0];
    };
    gradients[name] = await pair(probe, gradient, { ...expected, value, compare: comparison });
  }
  return { probe, forward, poisoned, gradients };
}

interface Wanted extends Pick<Expectation, "inputs" | "dy" | "value"> {
  /** Disposes the result. */
  readonly compare: (result: tf.Tensor, value: Values) => Promise<Finding>;
}

/** What is computed on which inputs. */
type Trial = Pick<Probe, "inputs" | "larger">;

async function pair(probe: Trial, compute: Compute, wanted: Wanted): Promise<Pair> {
  const cures = new Set<KernelChange>();
  const now = await pass(probe, recording(cures), compute, wanted);
  const stock = cures.size === 0 ? now : await pass(probe, withStockKernels, compute, wanted);
  return { now, stock, cures: [...cures] };
}

/** `dy` is the gradient of the operation's value; ones where it is left out. */
type Compute = (inputs: readonly tf.Tensor[], dy?: tf.Tensor) => tf.Tensor;

async function pass(
  { larger, inputs }: Trial,
  withKernels: WithKernels,
  compute: Compute,
  wanted: Wanted,
): Promise<Pass> {
  try {
    const once = () => compute(wanted.inputs.map(upload), upload(wanted.dy));
    const result = withKernels(() => tf.tidy(once));
    const finding = await wanted.compare(result, wanted.value);
    if (finding.verdict !== "ok" || larger === undefined) return { finding };
    const again = () => clock(compute, withKernels, draw(inputs, larger.shapes));
    return { finding, time: { seconds: await again(), again } };
  } catch (error) {
    return { finding: { verdict: "missing", note: reason(error) } };
  }
}

async function clock(compute: Compute, withKernels: WithKernels, inputs: readonly Values[]): Promise<number> {
  const tensors = inputs.map(upload);
  try {
    return await bestSeconds(() => tf.tidy(() => compute(tensors)), withKernels);
  } finally {
    tf.dispose(tensors);
  }
}

const upload = ({ shape, data }: Values) => tf.tensor(new Float32Array(data), [...shape]);

const TOLERANCE = 1e-4;

async function comparison(result: tf.Tensor, { shape, data }: Values): Promise<Finding> {
  const [wanted, got] = [shape, result.shape].map((each) => `[${each.join(", ")}]`);
  const numbers = await take(result);
  if (got !== wanted) return { verdict: "wrong", note: `shape ${got!} in place of ${wanted!}` };
  const largest = Math.max(1, ...data.map(Math.abs).filter(Number.isFinite));
  // Infinity is right where it is wanted.
  const error = Math.max(
    ...data.map((value, i) => (value === numbers[i]! ? 0 : Math.abs(value - numbers[i]!))),
  );
  if (error <= TOLERANCE * largest) return ok;
  const note = Number.isNaN(error) ? "not a number" : `off by ${error.toPrecision(2)}`;
  return { verdict: "wrong", note };
}

/** Where NaN is wanted, there is NaN: it may be elsewhere, too. */
async function keepsNaN(result: tf.Tensor, { data }: Values): Promise<Finding> {
  const numbers = await take(result);
  const lost = data.findIndex((value, i) => Number.isNaN(value) && !Number.isNaN(numbers[i]!));
  return lost < 0 ? ok : { verdict: "wrong", note: `NaN becomes ${numbers[lost]!}` };
}

async function take(result: tf.Tensor): Promise<ArrayLike<number>> {
  try {
    return await result.data();
  } finally {
    result.dispose();
  }
}

function reason(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split("\n")[0]!;
}
