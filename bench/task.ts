import * as tf from "@tensorflow/tfjs";
import * as cfd from "cfd-distill";
import type { DrawingStep, TrainingStep, Workload } from "./workloads.js";

const STUDENT_STEPS = 4;

/** A workload's networks and batch. What a step needs is made once. */
export interface Task {
  readonly params: cfd.Params;
  /** The prediction or the sampled images. */
  readonly draw: (step: DrawingStep) => Promise<tf.Tensor4D>;
  readonly terms: (step: TrainingStep) => cfd.LossTerms;
}

export function makeTask({ unet, batch, size, recompute = false }: Workload): Task {
  const rng = cfd.createRng(1);
  const network = cfd.unet({ ...unet, timeScale: 1024 });
  const params = network.init(rng.fork("student"));
  const student = cfd.denoiser(network, params, "x0", { recompute });
  const teacher = once(() => cfd.denoiser(network, cfd.cloneParams(params), "x0"));
  const classifier = once(() => {
    const residual = cfd.resnet({ depth: 18, classes: 10 });
    return cfd.classifier(residual, residual.init(rng.fork("classifier")));
  });
  const images = () => tf.tensor4d(rng.normals(batch * size * size * 3), [batch, size, size, 3]);
  const x0 = tf.clipByValue<tf.Tensor4D>(images(), -1, 1);
  const eps = images();
  const times = Array.from({ length: batch }, (_, i) => ((i % STUDENT_STEPS) + 1) / STUDENT_STEPS);
  const schedule = cfd.cosineSchedule();
  const data = { schedule, x0, eps, times };
  const distilled = () => ({ ...data, student, teacher: teacher(), studentSteps: STUDENT_STEPS });
  const losses: Record<TrainingStep, () => cfd.LossTerms> = {
    base: () => cfd.denoisingLoss({ ...data, denoiser: student }),
    progressive: () => cfd.progressiveLoss(distilled()),
    cfd: () => {
      const weights = { temperature: 0.95, beta: 0.003, gamma: 0.75 };
      return cfd.cfdLoss({ ...distilled(), classifier: classifier(), ...weights });
    },
  };
  return {
    params,
    draw: async (step) => {
      if (step === "forward") return student(eps, times);
      return cfd.sampleDdim(student, schedule, eps, { steps: Number(step.slice("sample ".length)) });
    },
    terms: (step) => losses[step](),
  };
}

/** Made when first asked for. */
function once<T>(make: () => T): () => T {
  let made: T | undefined;
  return () => (made ??= make());
}
