// Draws images, away from the page's thread.
import type { Tensor4D } from "@tensorflow/tfjs";
import { transfer } from "comlink";
import { loadGenerator, noise, type Generator, type SampleOptions, type SamplerStep } from "cfd-distill";
import { safetensorsMetadata } from "cfd-distill/formats";
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
  readonly classes: number;
  readonly shape: readonly [number, number, number];
}

interface Loaded {
  readonly generator: Generator;
  readonly classes: number;
}

const models = new Map<string, Loaded>();
const warm = new Set<string>();
let running = new AbortController();

/** Takes a checkpoint as `id`; throws if it is not a diffusion model's. */
async function load(id: string, bytes: Uint8Array): Promise<ModelFacts> {
  const generator = await loadGenerator(bytes);
  const { classes = 0 } = JSON.parse(safetensorsMetadata(bytes).network!) as { classes?: number };
  models.get(id)?.generator.dispose();
  models.set(id, { generator, classes });
  return { steps: generator.steps, classes, shape: generator.imageShape };
}

/** The noise that images start from. */
async function startOf(model: string, seeds: readonly number[]): Promise<Float32Array> {
  const { generator } = loaded(model);
  const zT = noise(seeds, generator.imageShape);
  const pixels = Float32Array.from(await zT.data());
  zT.dispose();
  return transfer(pixels, [pixels.buffer]);
}

/**
 * Draws, showing every step and waiting for the page to do so: what is shown and what is returned travel on two ways,
 * which keep no common order. Returns the milliseconds per image, reading it included: the median of a few drawings.
 */
async function sample(job: Job, show: Show): Promise<number> {
  const { classes } = loaded(job.model);
  const { signal } = (running = new AbortController());
  const labels = job.labels.map((label) => (label < classes ? label : -1));
  const one = { ...job, labels };
  await warmUp(one, signal);
  const times = [await drawOnce(one, signal, show)];
  while (times.length < 5 && sum(times) < 200) times.push(await drawOnce(one, signal));
  return times.sort((a, b) => a - b)[times.length >> 1]! / job.seeds.length;
}

/** Returns the milliseconds it took. */
async function drawOnce(job: Job, signal: AbortSignal, show?: Show): Promise<number> {
  const { steps } = job;
  const { generator } = loaded(job.model);
  const shape = generator.imageShape;
  let milliseconds = 0;
  let since = performance.now();
  const read = async (images: Tensor4D, step: number) => {
    const pixels = Float32Array.from(await images.data());
    milliseconds += performance.now() - since;
    await show?.(transfer({ pixels, shape, step, steps }, [pixels.buffer]));
    since = performance.now();
  };
  const onStep = async ({ index, zt }: SamplerStep) => {
    if (index + 1 < steps) await read(zt, index + 1);
  };
  const images = await generator.sample({ ...optionsOf(job), steps, signal, onStep });
  await read(images, steps);
  images.dispose();
  return milliseconds;
}

/** Labels are only for models that know classes. */
function optionsOf({ model, seeds, labels }: Job): Pick<SampleOptions, "seeds" | "labels"> {
  return loaded(model).classes === 0 ? { seeds } : { seeds, labels };
}

const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);

/** An engine compiles its programs at the first use of their shapes, which says nothing about its speed. */
async function warmUp(job: Job, signal: AbortSignal): Promise<void> {
  const key = `${job.model} ${job.seeds.length}`;
  if (warm.has(key)) return;
  const images = await loaded(job.model).generator.sample({ ...optionsOf(job), steps: 1, signal });
  await images.data();
  images.dispose();
  warm.add(key);
}

/** Ends the drawing under way, which rejects. */
function stop(): void {
  running.abort(new Error("stopped"));
}

function loaded(model: string): Loaded {
  const found = models.get(model);
  if (found === undefined) throw new Error(`The model ${model} is not loaded.`);
  return found;
}

/** What the worker named "sampler" does. */
export const sampler = { start: startEngine, load, startOf, sample, stop };
export type Sampler = typeof sampler;
