import * as tf from "@tensorflow/tfjs";
import * as cfd from "cfd-distill";
import { startWorkers } from "cfd-distill/node";
import type { Setup } from "./replica.js";
import { makeTask, type TrainingStep } from "./task.js";
import type { StepName, Workload } from "./workloads.js";

/** A workload's steps, in this thread or on workers. */
export interface Work {
  readonly parameters: number;
  run(step: StepName, threads: number): Promise<void>;
}

export function makeWork(engine: Setup["engine"], workload: Workload): Work {
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
  const alone = (step: StepName) => {
    tf.tidy(() => {
      if (step === "forward") task.outputs(whole);
      else update(cfd.valueAndGrads(() => task.terms(step, whole), params));
    });
  };
  const connect = onceEach((threads) => {
    const workers = startWorkers(new URL("replica.mjs", import.meta.url), threads);
    return cfd.connectReplicas<TrainingStep | "forward">(workers, { engine, workload } satisfies Setup);
  });
  const together = async (step: StepName, threads: number) => {
    const replicas = await connect(threads);
    if (step === "forward") {
      tf.dispose(await replicas.outputs(params, step, batch));
    } else {
      const result = await replicas.valueAndGrads(params, step, batch);
      update(result);
      tf.dispose([result.terms, result.grads]);
    }
  };
  return {
    parameters: cfd.countParameters(params),
    run: async (step, threads) => {
      if (threads === 1) alone(step);
      else await together(step, threads);
    },
  };
}

function onceEach<T>(make: (key: number) => T): (key: number) => T {
  const made = new Map<number, T>();
  return (key) => {
    if (!made.has(key)) made.set(key, make(key));
    return made.get(key)!;
  };
}
