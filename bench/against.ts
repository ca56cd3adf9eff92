import * as tf from "@tensorflow/tfjs";
import { createRng } from "cfd-distill";
import { importPackage } from "../tools/packages.js";
import type { Options } from "./options.js";
import { startEngine } from "./engine.js";
import { inThreads, show, textTable } from "../tools/text-table.js";
import { takeTurns } from "./timing.js";

/** What is used here of jax-js, whose arrays are freed by the function that they are passed to. */
interface JaxArray {
  readonly ref: JaxArray;
  mul(other: JaxArray): JaxArray;
  reshape(shape: readonly number[]): JaxArray;
  blockUntilReady(): Promise<JaxArray>;
  dispose(): void;
}
interface Jax {
  init(device: "wasm"): Promise<unknown>;
  defaultDevice(device: "wasm"): unknown;
  readonly numpy: { array(data: Float32Array): JaxArray; sum(x: JaxArray): JaxArray };
  readonly lax: {
    conv(x: JaxArray, w: JaxArray, strides: readonly number[], padding: "SAME"): JaxArray;
  };
  grad(
    f: (w: JaxArray, x: JaxArray) => JaxArray,
    options: { argnums: readonly number[] },
  ): (w: JaxArray, x: JaxArray) => [JaxArray, JaxArray];
}

interface Shape {
  readonly batch: number;
  readonly channels: number;
  readonly size: number;
}

/** The last for tfjs's cpu engine, which takes minutes for the others. */
const SHAPES: readonly Shape[] = [
  { batch: 16, channels: 32, size: 32 },
  { batch: 16, channels: 64, size: 16 },
  { batch: 1, channels: 32, size: 32 },
];

/** A convolution's value and both gradients, here and in what a JavaScript user would take instead. */
export async function compareWithJavaScript({ rounds, threads }: Options): Promise<string> {
  const count = threads.at(-1)!;
  const jax = await importPackage<Jax>("@jax-js/jax", "0.1.25");
  await jax?.init("wasm");
  jax?.defaultDevice("wasm");
  await startEngine("wasm", count); // but not cpu, which so keeps its stock kernels
  const rows = [
    ["ms, 3x3 convolution and its gradients", inThreads(count), "jax-js", "times", "tfjs cpu", "times"],
  ];
  for (const shape of SHAPES) {
    const { batch, channels, size } = shape;
    const cpu = batch === 1 ? trainTensorflow("cpu", shape) : undefined;
    const runners = [trainTensorflow("wasm", shape), jax && trainJax(jax, shape), cpu];
    const [ours = NaN, theirs = NaN, stock = NaN] = await takeTurns(runners, rounds);
    const title = `${channels} -> ${channels}, ${size}x${size}, batch ${batch}`;
    const times = [theirs, stock].map((ms) => [show(ms), show(ms / ours)]);
    rows.push([title, show(ours, 1), ...times.flat()]);
  }
  return `${textTable(rows)}\nTargets: 10 times for jax-js, 30 times for tfjs cpu.`;
}

async function timed(f: () => unknown): Promise<number> {
  const start = performance.now();
  await f();
  return performance.now() - start;
}

function trainTensorflow(engine: "wasm" | "cpu", { batch, channels, size }: Shape): () => Promise<number> {
  const rng = createRng(1);
  const random = (shape: [number, number, number, number]) =>
    tf.tensor4d(rng.normals(tf.util.sizeFromShape(shape)), shape);
  const x = random([batch, size, size, channels]);
  const w = random([3, 3, channels, channels]);
  const gradients = tf.grads((a, b) =>
    tf.sum(tf.square(tf.conv2d(a as tf.Tensor4D, b as tf.Tensor4D, 1, "same"))),
  );
  return async () => {
    await tf.setBackend(engine);
    const run = () => {
      const results = gradients([x, w]);
      for (const result of results) result.dataSync();
      tf.dispose(results);
    };
    run();
    return timed(run);
  };
}

function trainJax(jax: Jax, { batch, channels, size }: Shape): () => Promise<number> {
  const { numpy, lax } = jax;
  const rng = createRng(1);
  const random = (...shape: number[]) =>
    numpy.array(rng.normals(tf.util.sizeFromShape(shape))).reshape(shape);
  const x = random(batch, channels, size, size);
  const w = random(channels, channels, 3, 3);
  const loss = (b: JaxArray, a: JaxArray) => {
    const y = lax.conv(a, b, [1, 1], "SAME");
    return numpy.sum(y.ref.mul(y));
  };
  // Without jit, which made it three times slower when this was written.
  const gradients = jax.grad(loss, { argnums: [0, 1] });
  return () =>
    timed(async () => {
      for (const result of gradients(w.ref, x.ref)) {
        await result.blockUntilReady();
        result.dispose();
      }
    });
}
