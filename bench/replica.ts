// What a worker of the bench computes: a task's loss or prediction for its share of the batch.
import { parentPort } from "node:worker_threads";
import { serveReplica, useBackend } from "cfd-distill";
import { makeTask, type TrainingStep } from "./task.js";
import type { Workload } from "./workloads.js";

export interface Setup {
  readonly engine: "cpu" | "wasm";
  readonly workload: Workload;
}

serveReplica(parentPort, async ({ engine, workload }: Setup) => {
  await useBackend(engine);
  const { params, terms, outputs } = makeTask(workload);
  return {
    params,
    terms: (step: TrainingStep, share) => terms(step, share),
    outputs: (_: TrainingStep, share) => outputs(share),
  };
});
