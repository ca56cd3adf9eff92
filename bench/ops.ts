import * as tf from "@tensorflow/tfjs";
import { createRng } from "cfd-distill";
import type { Options } from "./options.js";
import { startEngine } from "./engine.js";
import { inThreads, textTable } from "../tools/text-table.js";
import { medianTime } from "./timing.js";

const BATCH = 16;
const rng = createRng(1);

function random<R extends tf.Rank>(...shape: tf.ShapeMap[R]): tf.Tensor<R> {
  return tf.tensor(rng.normals(tf.util.sizeFromShape(shape)), shape);
}

/** GFLOP/s of one call that does `operations` multiplications and additions. */
function speed(f: () => tf.Tensor, operations: number, rounds: number): string {
  const run = () => {
    tf.dispose(f());
  };
  return (operations / medianTime(run, rounds) / 1e6).toFixed(1);
}

/** Speed of a 3x3 convolution and its two gradients, as a row of {@link timeOps}. */
function convolution([channels, size]: readonly [number, number], rounds: number): string[] {
  const x = random<tf.Rank.R4>(BATCH, size, size, channels);
  const dy = random<tf.Rank.R4>(BATCH, size, size, channels);
  const filter = random<tf.Rank.R4>(3, 3, channels, channels);
  const operations = 2 * 9 * BATCH * size ** 2 * channels ** 2;
  const attrs = { strides: [1, 1], pad: "same", dataFormat: "NHWC" };
  const gradient = (name: string, inputs: tf.NamedTensorMap, shape: object) => () =>
    tf.engine().runKernel<tf.Tensor>(name, inputs, { ...attrs, ...shape });
  const runs = [
    () => tf.conv2d(x, filter, 1, "same"),
    gradient(tf.Conv2DBackpropInput, { dy, filter }, { inputShape: x.shape }),
    gradient(tf.Conv2DBackpropFilter, { x, dy }, { filterShape: filter.shape }),
  ];
  const speeds = runs.map((f) => speed(f, operations, rounds));
  tf.dispose([x, dy, filter]);
  return [`conv 3x3 ${channels} -> ${channels}, ${size}x${size}`, ...speeds];
}

/** Speed of attention's first product and of its gradients. */
function attentionProduct(rounds: number): string[] {
  const [pixels, channels] = [256, 64];
  const q = random<tf.Rank.R3>(BATCH, pixels, channels);
  const weights = random<tf.Rank.R3>(BATCH, pixels, pixels);
  const operations = 2 * BATCH * pixels ** 2 * channels;
  const runs = [
    () => tf.matMul(q, q, false, true),
    () => tf.matMul(weights, q),
    () => tf.matMul(weights, q, true, false),
  ];
  const speeds = runs.map((f) => speed(f, operations, rounds));
  tf.dispose([q, weights]);
  return [`matMul [${BATCH}, ${pixels}, ${channels}], q k'`, ...speeds];
}

/** A table of GFLOP/s per operation, in this process. */
export async function timeOps(options: Options): Promise<string> {
  const { rounds } = options;
  await startEngine(options.engine, options.threads.at(-1)!);
  const shapes = [
    [32, 32],
    [64, 16],
    [128, 32],
  ] as const;
  return textTable([
    [`GFLOP/s, ${inThreads(options.threads.at(-1)!)}`, "forward", "input gradient", "filter gradient"],
    ...shapes.map((shape) => convolution(shape, rounds)),
    attentionProduct(rounds),
  ]);
}
