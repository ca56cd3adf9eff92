import * as tf from "@tensorflow/tfjs";
import * as cfd from "cfd-distill";
import type { StepName, Workload } from "./workloads.js";

const STUDENT_STEPS = 4;

/** A workload's networks, batch and optimiser, as the steps that are timed. What a step needs is made once. */
export interface Work {
  readonly parameters: number;
  run(step: StepName): void;
}

export function makeWork({ unet, batch, size }: Workload): Work {
  const rng = cfd.createRng(1);
  const network = cfd.unet({ ...unet, timeScale: 1024 });
  const params = network.init(rng.fork("student"));
  const student = cfd.denoiser(network, params, "x0");
  const teacher = once(() => cfd.denoiser(network, cfd.cloneParams(params), "x0"));
  const classifier = once(() => {
    const residual = cfd.resnet({ depth: 18, classes: 10 });
    return cfd.classifier(residual, residual.init(rng.fork("classifier")));
  });
  const images = () => tf.tensor4d(rng.normals(batch * size * size * 3), [batch, size, size, 3]);
  const times = Array.from({ length: batch }, (_, i) => ((i % STUDENT_STEPS) + 1) / STUDENT_STEPS);
  const data = { schedule: cfd.cosineSchedule(), x0: tf.clipByValue(images(), -1, 1), eps: images(), times };
  const distilled = () => ({ ...data, student, teacher: teacher(), studentSteps: STUDENT_STEPS });
  const optimizer = cfd.adam({ learningRate: 1e-4 });
  const train = (loss: () => cfd.LossTerms) => {
    tf.tidy(() => {
      const { grads } = cfd.valueAndGrads(loss, params);
      optimizer.apply(params, cfd.clipByGlobalNorm(grads, 1).grads);
    });
  };
  const steps: Record<StepName, () => void> = {
    forward: () => {
      tf.dispose(student(data.x0, times));
    },
    base: () => {
      train(() => cfd.denoisingLoss({ ...data, denoiser: student }));
    },
    progressive: () => {
      const input = distilled();
      train(() => cfd.progressiveLoss(input));
    },
    cfd: () => {
      const input = { ...distilled(), classifier: classifier() };
      train(() => cfd.cfdLoss({ ...input, temperature: 0.95, beta: 0.003, gamma: 0.75 }));
    },
  };
  return {
    parameters: cfd.countParameters(params),
    run: (step) => {
      steps[step]();
    },
  };
}

function once<T>(make: () => T): () => T {
  let made: T | undefined;
  return () => (made ??= make());
}
