// Draws images, away from the page's thread.
import type { Tensor4D } from "@tensorflow/tfjs";
import { transfer } from "comlink";
import { loadGenerator, noise, type Generator, type SampleOptions, type SamplerStep } from "cfd-distill";
import { startEngine } from "./start-engine.js";

/** What to draw: one image per seed. */
export interface Job {
  readonly model: string;
  readonly steps: number;
  readonly seeds: readonly number[];
  readonly labels: readonly number[];
}

/** Images [count, height, width, channels] in [-1, 1], and after which of how many steps. */
export interface Drawn {
  readonly pixels: Float32Array;
  readonly shape: readonly [number, number, number];
  readonly step: number;
  readonly steps: number;
}

type Show = (drawn: Drawn) => void | Promise<void>;

/** What a loaded model is like. */
export interface ModelFacts {
  readonly steps: number;
  readonly shape: readonly [number, number, number];
  /** How many classes it knows, and what they are called; of unconditional models undefined. */
  readonly classes?: number | undefined;
  readonly classNames?: readonly string[] | undefined;
}

/** How long calls of the network took, with reading what they drew: the first, in which engines compile, is left out. */
export interface Timing {
  /** Median, in milliseconds, of a call for all images of the job. */
  readonly call: number;
  /** Of so many. */
  readonly calls: number;
}

const models = new Map<string, Generator>();
let running = new AbortController();

/** Takes a checkpoint as `id`; throws if it is not a diffusion model's. */
async function load(id: string, bytes: Uint8Array): Promise<ModelFacts> {
  const generator = await loadGenerator(bytes);
  models.get(id)?.dispose();
  models.set(id, generator);
  const { steps, imageShape: shape, classes, classNames } = generator;
  return { steps, shape, classes, classNames };
}

/** The noise that images start from. */
async function startOf(model: string, seeds: readonly number[]): Promise<Float32Array> {
  const zT = noise(seeds, loaded(model).imageShape);
  const pixels = Float32Array.from(await zT.data());
  zT.dispose();
  return transfer(pixels, [pixels.buffer]);
}

/**
 * Draws, showing every step and waiting for the page to do so: what is shown and what is returned travel on two ways,
 * which keep no common order. A drawing of few calls is repeated, unseen, until there are enough to tell a median.
 */
async function sample(job: Job, show: Show): Promise<Timing> {
  const { signal } = (running = new AbortController());
  const [, ...times] = await drawOnce(job, signal, show);
  while (times.length < 9 && sum(times) < (times.length < 5 ? 2000 : 400)) {
    times.push(...(await drawOnce(job, signal)));
  }
  return { call: times.sort((a, b) => a - b)[times.length >> 1]!, calls: times.length };
}

/** Returns the milliseconds that each call took. */
async function drawOnce(job: Job, signal: AbortSignal, show?: Show): Promise<number[]> {
  const { steps } = job;
  const generator = loaded(job.model);
  const shape = generator.imageShape;
  const times: number[] = [];
  let since = performance.now();
  const read = async (images: Tensor4D, step: number) => {
    const pixels = Float32Array.from(await images.data());
    times.push(performance.now() - since);
    await show?.(transfer({ pixels, shape, step, steps }, [pixels.buffer]));
    since = performance.now();
  };
  const onStep = async ({ index, zt }: SamplerStep) => {
    if (index + 1 < steps) await read(zt, index + 1);
  };
  const images = await generator.sample({ ...startsOf(generator, job), steps, signal, onStep });
  await read(images, steps);
  images.dispose();
  return times;
}

/** Labels are only for models that know so many classes. */
function startsOf({ classes }: Generator, { seeds, labels }: Job): Pick<SampleOptions, "seeds" | "labels"> {
  if (classes === undefined) return { seeds };
  return { seeds, labels: labels.map((label) => (label < classes ? label : -1)) };
}

const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);

/** Ends the drawing under way, which rejects. */
function stop(): void {
  running.abort(new Error("stopped"));
}

function loaded(model: string): Generator {
  const found = models.get(model);
  if (found === undefined) throw new Error(`The model ${model} is not loaded.`);
  return found;
}

/** What the worker that draws does. */
export const sampler = { start: startEngine, load, startOf, sample, stop };
export type Sampler = typeof sampler;
