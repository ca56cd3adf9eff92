import * as tf from "@tensorflow/tfjs";
import * as cfd from "cfd-distill";
import { startWorkers } from "cfd-distill/node";
import type { Engine } from "./contender.js";
import type { Setup } from "./replica.js";
import { makeTask } from "./task.js";
import type { StepName, TrainingStep, Workload } from "./workloads.js";

/** A workload's steps, in this thread or on workers. */
export interface Work {
  readonly parameters: number;
  run(step: StepName, threads: number): Promise<void>;
}

export function makeWork(engine: Engine, workload: Workload): Work {
  const { batch } = workload;
  const task = makeTask(workload);
  const { params } = task;
  const optimizer = cfd.adam({ learningRate: 1e-4 });
  const update = ({ grads }: cfd.ValueAndGrads) => {
    tf.tidy(() => {
      optimizer.apply(params, cfd.clipByGlobalNorm(grads, 1).grads);
    });
  };
  const whole = { start: 0, end: batch };
  const alone = async (step: StepName) => {
    if (trains(step)) {
      tf.tidy(() => {
        update(cfd.valueAndGrads(() => task.terms(step, whole), params));
      });
    } else {
      tf.dispose(await task.outputs(step, whole));
    }
  };
  const connect = onceEach((threads) => {
    const workers = startWorkers(new URL("replica.mjs", import.meta.url), threads);
    return cfd.connectReplicas<StepName>(workers, { engine, workload } satisfies Setup);
  });
  const together = async (step: StepName, threads: number) => {
    const replicas = await connect(threads);
    if (!trains(step)) {
      tf.dispose(await replicas.outputs(params, step, batch));
    } else {
      const result = await replicas.valueAndGrads(params, step, batch);
      update(result);
      tf.dispose([result.terms, result.grads]);
    }
  };
  return {
    parameters: cfd.countParameters(params),
    run: (step, threads) => (threads === 1 ? alone(step) : together(step, threads)),
  };
}

function trains(step: StepName): step is TrainingStep {
  return step !== "forward" && !step.startsWith("sample");
}

function onceEach<T>(make: (key: number) => T): (key: number) => T {
  const made = new Map<number, T>();
  return (key) => {
    if (!made.has(key)) made.set(key, make(key));
    return made.get(key)!;
  };
}
