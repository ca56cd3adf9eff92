import {
  connectReplicas,
  splitBatch,
  valueAndGrads,
  type ImageSet,
  type Params,
  type Replicas,
} from "cfd-distill";
import { startWorkers } from "cfd-distill/node";
import type { Data } from "./sheet.js";
import { openTask, type Computation, type Inputs, type Task } from "./tasks.js";
import type { Workplace } from "./workplace.js";

/** A task that is being worked on, with the weights it was opened for. */
export type Job<Input> = Omit<Replicas<Input>, "count">;

/** Who computes: this thread, or worker threads that share every batch. */
export interface Crew {
  /** How many compute side by side. */
  readonly count: number;
  open<K extends Task["kind"]>(task: Extract<Task, { kind: K }>, params: Params): Promise<Job<Inputs[K]>>;
  end(): Promise<void>;
}

/** What a worker gets to know of a task. */
export interface Setup {
  readonly place: Workplace;
  readonly task: Task;
}

/** The crew that a run's config asks for. Everything follows from the weights and the input, so it keeps no state. */
export function hire(place: Workplace): Crew {
  return place.config.parallel === 1 ? alone(place) : together(place);
}

function alone(place: Workplace): Crew {
  const open = async <K extends Task["kind"]>(task: Extract<Task, { kind: K }>, params: Params) =>
    ownJob((await openTask(place, task, params)) as Computation<Inputs[K]>);
  return { count: 1, open, end: () => Promise.resolve() };
}

/** The same calls without workers: the whole batch is one share. */
function ownJob<Input>({ terms, outputs, dispose }: Computation<Input>): Job<Input> {
  const whole = (batch: number) => splitBatch(batch, 1)[0]!;
  return {
    valueAndGrads: (params, input, batch) =>
      Promise.resolve(valueAndGrads(() => terms!(input, whole(batch)), params)),
    outputs: async (_, input, count) => outputs!(input, whole(count)),
    close: () => {
      dispose();
      return Promise.resolve();
    },
  };
}

function together(place: Workplace): Crew {
  const count = place.config.parallel;
  const workers = startWorkers(new URL("./replica.mjs", import.meta.url), count);
  const open = <K extends Task["kind"]>(task: Extract<Task, { kind: K }>) => {
    const setup: Setup = { place: { out: place.out, config: place.config, data: place.data }, task };
    return connectReplicas<Inputs[K]>(workers, setup);
  };
  const end = async () => {
    await Promise.all(workers.map((worker) => worker.terminate()));
  };
  return { count, open, end };
}

/** The data in memory that threads share, so that each picture is held once. */
export function shared({ train, test }: Data): Data {
  return { train: sharedSet(train), test: sharedSet(test) };
}

function sharedSet(set: ImageSet): ImageSet {
  const { images } = set;
  const memory = new SharedArrayBuffer(images.byteLength);
  const copy = images instanceof Uint8Array ? new Uint8Array(memory) : new Float32Array(memory);
  copy.set(images);
  return { ...set, images: copy };
}
