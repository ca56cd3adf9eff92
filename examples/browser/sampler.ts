// Draws images, away from the page's thread.
import { transfer } from "comlink";
import { loadGenerator, noise, safetensorsMetadata, type Generator } from "cfd-distill";
import { startEngine } from "./start-engine.js";
import type { EngineName } from "./engines.js";

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

/** Starts the engine, once in a worker's life. Returns what computes, in its own words. */
async function start(engine: EngineName): Promise<string | undefined> {
  const { device } = await startEngine(engine);
  return device;
}

/** Takes a checkpoint as `id`; throws if it is not a diffusion model's. */
function load(id: string, bytes: Uint8Array): ModelFacts {
  const generator = loadGenerator(bytes);
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

/** Draws, showing every step; returns the milliseconds per image, reading the images included. */
async function sample(job: Job, show: (drawn: Drawn) => void): Promise<number> {
  const { generator, classes } = loaded(job.model);
  const shape = generator.imageShape;
  const { signal } = (running = new AbortController());
  const { seeds, steps } = job;
  const labels = job.labels.map((label) => (label < classes ? label : -1));
  await warmUp(job, labels, signal);
  let milliseconds = 0;
  let since = performance.now();
  const images = await generator.sample({
    seeds,
    steps,
    signal,
    ...(classes === 0 ? {} : { labels }),
    onStep: async ({ index, zt }) => {
      const pixels = Float32Array.from(await zt.data());
      milliseconds += performance.now() - since;
      if (index + 1 < steps) show(transfer({ pixels, shape, step: index + 1, steps }, [pixels.buffer]));
      since = performance.now();
    },
  });
  const pixels = Float32Array.from(await images.data());
  images.dispose();
  milliseconds += performance.now() - since;
  show(transfer({ pixels, shape, step: steps, steps }, [pixels.buffer]));
  return milliseconds / seeds.length;
}

/** An engine compiles its programs at the first use of their shapes, which says nothing about its speed. */
async function warmUp({ model, seeds }: Job, labels: readonly number[], signal: AbortSignal): Promise<void> {
  const { generator, classes } = loaded(model);
  const key = `${model} ${seeds.length}`;
  if (warm.has(key)) return;
  const images = await generator.sample({ seeds, steps: 1, signal, ...(classes === 0 ? {} : { labels }) });
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
export const sampler = { start, load, startOf, sample, stop };
export type Sampler = typeof sampler;
