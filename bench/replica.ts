// What a worker of the bench computes: a task's loss or prediction for its share of the batch.
import { parentPort } from "node:worker_threads";
import { serveReplica, useBackend } from "cfd-distill";
import type { Engine } from "./contender.js";
import { makeTask } from "./task.js";
import type { StepName, TrainingStep, Workload } from "./workloads.js";

export interface Setup {
  readonly engine: Engine;
  readonly workload: Workload;
}

serveReplica(parentPort, async ({ engine, workload }: Setup) => {
  if (engine === "node") throw new Error("TensorFlow uses all cores without workers");
  await useBackend(engine);
  const { params, terms, outputs } = makeTask(workload);
  return {
    params,
    terms: (step: StepName, share) => terms(step as TrainingStep, share),
    outputs: (step: StepName, share) => outputs(step as Exclude<StepName, TrainingStep>, share),
  };
});
