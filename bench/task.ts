import * as tf from "@tensorflow/tfjs";
import * as cfd from "cfd-distill";
import type { StepName, TrainingStep, Workload } from "./workloads.js";

const STUDENT_STEPS = 4;

/** A workload's networks and batch, of which any rows can be computed. What a step needs is made once. */
export interface Task {
  readonly params: cfd.Params;
  /** The prediction or the sampled images for samples `start` to `end - 1`. */
  readonly outputs: (step: Exclude<StepName, TrainingStep>, rows: Rows) => Promise<tf.Tensor4D>;
  /** The loss of those samples. */
  readonly terms: (step: TrainingStep, rows: Rows) => cfd.LossTerms;
}

type Rows = Pick<cfd.Share, "start" | "end">;

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
  const all = { x0: tf.clipByValue<tf.Tensor4D>(images(), -1, 1), eps: images() };
  const allTimes = Array.from({ length: batch }, (_, i) => ((i % STUDENT_STEPS) + 1) / STUDENT_STEPS);
  const schedule = cfd.cosineSchedule();
  const data = ({ start, end }: Rows) => {
    const rows = (x: tf.Tensor4D) => tf.slice(x, start, end - start);
    return { schedule, x0: rows(all.x0), eps: rows(all.eps), times: allTimes.slice(start, end) };
  };
  const distilled = (rows: Rows) => {
    return { ...data(rows), student, teacher: teacher(), studentSteps: STUDENT_STEPS };
  };
  const losses: Record<TrainingStep, (rows: Rows) => cfd.LossTerms> = {
    base: (rows) => cfd.denoisingLoss({ ...data(rows), denoiser: student }),
    progressive: (rows) => cfd.progressiveLoss(distilled(rows)),
    cfd: (rows) => {
      const weights = { temperature: 0.95, beta: 0.003, gamma: 0.75 };
      return cfd.cfdLoss({ ...distilled(rows), classifier: classifier(), ...weights });
    },
  };
  return {
    params,
    outputs: async (step, rows) => {
      const zT = tf.slice(all.eps, rows.start, rows.end - rows.start);
      try {
        if (step === "forward") return student(zT, allTimes.slice(rows.start, rows.end));
        return await cfd.sampleDdim(student, schedule, zT, { steps: Number(step.slice("sample ".length)) });
      } finally {
        zT.dispose();
      }
    },
    terms: (step, rows) => losses[step](rows),
  };
}

/** Made when first asked for. */
function once<T>(make: () => T): () => T {
  let made: T | undefined;
  return () => (made ??= make());
}
