import * as tf from "@tensorflow/tfjs";
import * as cfd from "cfd-distill";
import { makeTask } from "./task.js";
import type { StepName, TrainingStep, Workload } from "./workloads.js";

/** A workload's steps. */
export interface Work {
  readonly parameters: number;
  run(step: StepName): Promise<void>;
}

export function makeWork(workload: Workload): Work {
  const { params, draw, terms } = makeTask(workload);
  const optimizer = cfd.adam({ learningRate: 1e-4 });
  const train = (step: TrainingStep) => {
    tf.tidy(() => {
      const { grads } = cfd.valueAndGrads(() => terms(step), params);
      optimizer.apply(params, cfd.clipByGlobalNorm(grads, 1).grads);
    });
  };
  return {
    parameters: cfd.countParameters(params),
    run: async (step) => {
      if (trains(step)) train(step);
      else tf.dispose(await draw(step));
    },
  };
}

function trains(step: StepName): step is TrainingStep {
  return step !== "forward" && !step.startsWith("sample");
}
