// Distils, away from the page's thread. Every run begins in a worker of its own and ends with what was saved.
import type * as tf from "@tensorflow/tfjs";
import { decodeCheckpoint, disposeParams } from "cfd-distill";
import { draw, openDistillation, type Settings } from "./distillation.js";
import { loadEmoji } from "./emoji.js";
import type { EngineName } from "./engines.js";
import type { HalvingSetup } from "./halving.js";
import { startEngine } from "./start-engine.js";
import { save, type Samples, type Saved } from "./store.js";

/** What to do: begin, or go on from `saved`. */
export interface Task {
  readonly engine: EngineName;
  readonly settings: Settings;
  readonly halving: Omit<HalvingSetup, "images" | "method">;
  /** The page's address, beside which the pictures to learn from are: workers have only their own. */
  readonly base: string;
  readonly saved: Saved | undefined;
  /** The images that are drawn now and then. */
  readonly seeds: readonly number[];
  readonly labels: readonly number[];
}

/**
 * What a run tells the page while it runs. It waits for the page each time: what it tells and what it returns travel on
 * two ways, which keep no common order.
 */
export interface Listener {
  /** What computes, in how many threads. */
  readonly started: (engine: EngineName, threads: number) => Told;
  readonly progress: (loss: number) => Told;
  readonly samples: (samples: Samples) => Told;
  /** The run goes on, but a reload would lose it. */
  readonly unsaved: (reason: string) => Told;
}

/** Over a wire, what returns nothing returns a promise. */
type Told = void | Promise<void>;

const DRAW_EVERY = 5;
const SAVE_EVERY = 10;
let pausing = false;

/** Trains until the settings' steps are done or until `pause`. */
async function run(task: Task, listener: Listener): Promise<Saved> {
  const { engine, settings } = task;
  const { threads = 1 } = await startEngine(engine);
  const setup = { ...task.halving, method: settings.method, images: await loadEmoji(task.base) };
  const distillation = openDistillation(setup, settings, task.saved?.checkpoint);
  const losses = [...(task.saved?.losses ?? [])];
  const samples = { ...task.saved?.samples };
  const show = async (of: keyof Samples, images: tf.Tensor4D) => {
    const pixels = Float32Array.from(await images.data());
    images.dispose();
    const [, height, width, channels] = images.shape;
    samples[of] = { pixels, shape: [height, width, channels] };
    await listener.samples(samples);
  };
  const showStudent = async (of: keyof Samples = "student") =>
    show(of, await distillation.draw(task.seeds, task.labels));
  const keep = async (): Promise<Saved> => {
    const saved = { settings, engine, losses, samples, checkpoint: await distillation.checkpoint() };
    await save(saved).catch((reason: unknown) => {
      return listener.unsaved(String(reason));
    });
    return saved;
  };

  await listener.started(engine, threads);
  await show("teacher", await drawTeacher(task));
  if (losses.length === 0) await showStudent("before");
  await showStudent();
  while (losses.length < settings.steps && !pausing) {
    const loss = await distillation.step();
    losses.push(loss);
    await listener.progress(loss);
    if (losses.length % DRAW_EVERY === 0) await showStudent();
    if (losses.length % SAVE_EVERY === 0) await keep();
    await nextTask(); // lets a pause in
  }
  await showStudent();
  return keep();
}

async function drawTeacher({ halving, seeds, labels }: Task): Promise<tf.Tensor4D> {
  const teacher = decodeCheckpoint(halving.teacher);
  const images = await draw(teacher, seeds, labels);
  disposeParams(teacher.params);
  return images;
}

/** Ends the run after the step under way; it resolves then. */
function pause(): void {
  pausing = true;
}

function nextTask(): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, 0);
  });
}

/** What the worker named "distiller" does. */
export const distiller = { run, pause };
export type Distiller = typeof distiller;
