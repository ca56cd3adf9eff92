// What is checked and looked up once a call is not checked and looked up again further down.
import * as tf from "@tensorflow/tfjs";
import { describe, expect, test } from "vitest";
import {
  addNoise,
  cfdLoss,
  cosineSchedule,
  denoisingLoss,
  noise,
  predict,
  predictionLoss,
  progressiveLoss,
  progressiveTarget,
  type Classifier,
  type Denoiser,
  type NoiseSchedule,
} from "../../src/index.js";
import { onCpuWithoutLeaks } from "../support/no-leaks.js";

onCpuWithoutLeaks();

const times = [0.25, 0.75];
const black: Denoiser = Object.assign((zt: tf.Tensor4D) => tf.zerosLike(zt), {
  predictionType: "v" as const,
});
const judge: Classifier = () => ({ logits: tf.zeros([2, 2]), features: tf.zeros([2, 3]) });

/** Every time at which a call looks up its schedule, in order. */
function lookups(call: (schedule: NoiseSchedule, x0: tf.Tensor4D, eps: tf.Tensor4D) => unknown): number[] {
  const looked: number[] = [];
  const plain = cosineSchedule();
  const schedule: NoiseSchedule = {
    ...plain,
    alphaBar: (t) => {
      looked.push(t);
      return plain.alphaBar(t);
    },
  };
  tf.tidy(() => {
    call(schedule, noise([1, 2], [2, 2, 3]), noise([3, 4], [2, 2, 3]));
  });
  return looked;
}

// Of a teacher's target: the times, where the halves of their steps meet, and where those end.
const halves = [0.25, 0.75, 0.125, 0.625, 0, 0.5];

describe("each time is looked up once", () => {
  test.each<[string, number[], Parameters<typeof lookups>[0]]>([
    ["addNoise", times, (schedule, x0, eps) => addNoise(schedule, x0, eps, times)],
    ["predict", times, (schedule, x0) => predict(black, schedule, x0, times)],
    [
      "progressiveTarget",
      halves,
      (schedule, x0) => progressiveTarget(black, schedule, x0, times, { studentSteps: 4 }),
    ],
    [
      "predictionLoss",
      times,
      (schedule, x0, eps) =>
        predictionLoss({ x0, eps }, { x0, eps }, { schedule, times, predictionType: "v" }),
    ],
    [
      "denoisingLoss",
      times,
      (schedule, x0, eps) => denoisingLoss({ denoiser: black, schedule, x0, eps, times }),
    ],
    [
      "progressiveLoss by a target",
      times,
      (schedule, x0, eps) =>
        progressiveLoss({ student: black, target: { x0, eps }, schedule, x0, eps, times, studentSteps: 4 }),
    ],
    [
      "progressiveLoss by a teacher",
      halves,
      (schedule, x0, eps) =>
        progressiveLoss({ student: black, teacher: black, schedule, x0, eps, times, studentSteps: 4 }),
    ],
    [
      "cfdLoss by a teacher",
      halves,
      (schedule, x0, eps) =>
        cfdLoss({
          ...{ student: black, teacher: black, classifier: judge, temperature: 1, beta: 1 },
          ...{ schedule, x0, eps, times, studentSteps: 4 },
        }),
    ],
  ])("%s", (_, expected, call) => {
    expect(lookups(call)).toEqual(expected);
  });
});
