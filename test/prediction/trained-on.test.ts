// A denoiser that says on which schedule it was trained is refused with another.
import * as tf from "@tensorflow/tfjs";
import { expect, it } from "vitest";
import {
  cfdLoss,
  consistencyLoss,
  cosineSchedule,
  denoisingLoss,
  flowSchedule,
  noise,
  predict,
  progressiveLoss,
  progressiveTarget,
  sampleDdim,
  sampleDpmSolver2M,
  sampleHeun,
  scoreDistillationLoss,
  tableSchedule,
  withGuidance,
  type Classifier,
  type Denoiser,
  type NoiseSchedule,
} from "../../src/index.js";
import { onCpuWithoutLeaks } from "../support/no-leaks.js";

onCpuWithoutLeaks();

const plain: Denoiser = Object.assign((zt: tf.Tensor4D) => tf.tanh(zt), { predictionType: "x0" as const });
const trainedOn = (schedule: unknown): Denoiser =>
  Object.assign((zt: tf.Tensor4D) => tf.tanh(zt), {
    predictionType: "x0" as const,
    schedule: schedule as NoiseSchedule,
  });
const colours: Classifier = (images) => {
  const features = tf.mean<tf.Tensor2D>(images, [1, 2]);
  return { logits: tf.mul(features, 3), features };
};
const image = () => noise([1], [2, 2, 3]);

it("is refused with another schedule by whatever asks it, which says both", async () => {
  const [zt, schedule, flow] = [image(), cosineSchedule(), trainedOn(flowSchedule())];
  const batch = { schedule, x0: zt, eps: zt, times: [0.5], studentSteps: 2 };
  const message = (where: string, who: string) =>
    `${where}: expected ${who} that was trained on the schedule given, of alpha 0.9239 and sigma 0.3827 at time 0.25, ` +
    "got one of alpha 0.7500 and sigma 0.2500.";
  const judged = { classifier: colours, temperature: 1 };
  const { studentSteps, ...plainBatch } = batch;
  const cases: [() => unknown, string, string][] = [
    [() => predict(flow, schedule, zt, [0.5]), "predict", "a denoiser"],
    [() => progressiveTarget(flow, schedule, zt, [0.5], { studentSteps }), "progressiveTarget", "a teacher"],
    [() => denoisingLoss({ ...plainBatch, denoiser: flow }), "denoisingLoss", "a denoiser"],
    [() => progressiveLoss({ ...batch, student: plain, teacher: flow }), "progressiveLoss", "a teacher"],
    [() => progressiveLoss({ ...batch, student: flow, teacher: plain }), "progressiveLoss", "a student"],
    [() => cfdLoss({ ...batch, ...judged, student: plain, teacher: flow }), "cfdLoss", "a teacher"],
  ];
  const half = { schedule, x0: zt, eps: zt, times: [0.5], earlier: [0.25] };
  const scored = { images: zt, schedule, eps: zt, times: [0.5], variant: "vsd" as const };
  cases.push(
    [() => consistencyLoss({ ...half, student: plain, teacher: flow }), "consistencyLoss", "a teacher"],
    [() => consistencyLoss({ ...half, student: plain, average: flow }), "consistencyLoss", "an average"],
    [
      () => scoreDistillationLoss({ ...scored, teacher: flow, critic: plain }),
      "scoreDistillationLoss",
      "a teacher",
    ],
    [
      () => scoreDistillationLoss({ ...scored, teacher: plain, critic: flow }),
      "scoreDistillationLoss",
      "a critic",
    ],
  );
  for (const [ask, where, who] of cases) expect(ask).toThrow(message(where, who));
  for (const sampler of [sampleDdim, sampleDpmSolver2M, sampleHeun]) {
    const drawn = sampler(withGuidance(flow, 2), schedule, zt, { steps: 2, labels: [1] });
    await expect(drawn).rejects.toThrow(message(sampler.name, "a denoiser"));
  }
  expect(() => predict(trainedOn(3), schedule, zt, [0.5])).toThrow(
    "predict: expected a denoiser whose schedule is a noise schedule, got 3.",
  );
  zt.dispose();
});

it("goes with its own schedule, whatever that is called, and with any if it does not say", () => {
  const zt = image();
  const cosine = cosineSchedule();
  const table = tableSchedule(Array.from({ length: 1001 }, (_, i) => cosine.alphaBar(i / 1000)));
  for (const model of [plain, trainedOn(cosine), trainedOn(table), trainedOn(undefined)]) {
    tf.dispose(predict(model, cosine, zt, [0.5]));
  }
  zt.dispose();
});
