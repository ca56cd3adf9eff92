// The bench's small network, timed in a page or in a worker of it.
import "cfd-distill/backends/wasm";
import { useBackend } from "cfd-distill";
import { expose, wrap } from "comlink";
import { makeWork, type Work } from "./steps.js";
import { small, type StepName } from "./workloads.js";

/** What is timed: a network at a batch, and a step of it. */
const tasks = {
  "1 image in 4 steps": { batch: 1, step: "sample 4" },
  "base step": { batch: small.batch, step: "base" },
} as const satisfies Record<string, { batch: number; step: StepName }>;
export type TaskName = keyof typeof tasks;

const works = new Map<TaskName, Work>();

/** Starts the engine, and returns how many threads it has. */
async function start(threads: number): Promise<number> {
  const report = await useBackend("wasm", { threads });
  for (const name of Object.keys(tasks) as TaskName[]) {
    works.set(name, makeWork({ ...small, batch: tasks[name].batch }));
  }
  return report.threads!;
}

/** Milliseconds of one run. */
async function time(name: TaskName): Promise<number> {
  const begin = performance.now();
  await works.get(name)!.run(tasks[name].step);
  return performance.now() - begin;
}

const bench = { start, time };
export type Bench = typeof bench;

if (typeof document === "undefined") expose(bench);
else {
  const inWorker = location.hash === "#worker";
  const script = document.querySelector("script")!.src;
  Object.assign(globalThis, { bench: inWorker ? wrap<Bench>(new Worker(script)) : bench });
}
