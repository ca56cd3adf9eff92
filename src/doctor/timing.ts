import type * as tf from "../tfjs.js";
import type { WithKernels } from "./kernels.js";

const ROUND = 0.005; // seconds: far above what a browser's clock resolves
const SHORT = 10 * ROUND;

/** The least time that `run` takes, with its result read back; engines queue work, so that reading is what waits. */
export async function bestSeconds(run: () => tf.Tensor, withKernels: WithKernels): Promise<number> {
  const first = await secondsEach(run, 1, withKernels); // compiles what is compiled once
  if (first > SHORT) return first;
  const count = Math.max(1, Math.min(16, Math.round(ROUND / first)));
  let best = first;
  for (let i = 0; i < 2; i++) best = Math.min(best, await secondsEach(run, count, withKernels));
  return best;
}

async function secondsEach(run: () => tf.Tensor, count: number, withKernels: WithKernels): Promise<number> {
  const start = performance.now();
  const last = withKernels(() => {
    for (let i = 1; i < count; i++) run().dispose();
    return run();
  });
  try {
    await last.data();
  } finally {
    last.dispose();
  }
  return (performance.now() - start) / 1000 / count;
}
