// What losses and targets say of what they do not take, in full words, and what a teacher is asked.
import * as tf from "@tensorflow/tfjs";
import { describe, expect, it } from "vitest";
import {
  cfdLoss,
  datasetOrientedLoss,
  denoisingLoss,
  featureDistillationLoss,
  progressiveLoss,
  progressiveTarget,
  tableSchedule,
  type Denoiser,
} from "../../src/index.js";
import { complaint } from "../support/complaint.js";
import { onCpuWithoutLeaks } from "../support/no-leaks.js";

onCpuWithoutLeaks();

const schedule = tableSchedule([1, 0.8, 0.5, 0.2, 0.05]);
const half: Denoiser = Object.assign((zt: tf.Tensor4D) => tf.mul<tf.Tensor4D>(zt, 0.5), {
  predictionType: "x0" as const,
});
const image = (...numbers: number[]) => tf.tensor4d(numbers, [numbers.length, 1, 1, 1]);
const judge = (images: tf.Tensor4D) => {
  const rows = tf.reshape<tf.Rank.R2>(images, [images.shape[0], 1]);
  return { logits: tf.concat2d([rows, tf.neg(rows)], 1), features: tf.concat2d([rows, tf.square(rows)], 1) };
};

describe("refusals in full words", () => {
  const distilled = () => {
    const [x0, eps] = [image(0.5), image(1)];
    return { student: half, teacher: half, schedule, x0, eps, times: [0.5], studentSteps: 2 };
  };
  const cfd = (change: object) => () =>
    tf.tidy(() => cfdLoss({ ...distilled(), classifier: judge, temperature: 1, ...change }).loss);
  const progressive = (change: object) => () =>
    tf.tidy(() => progressiveLoss({ ...distilled(), ...change }).loss);
  const target =
    (change: { teacher?: unknown; schedule?: unknown; zt?: unknown; times?: unknown; options?: object }) =>
    () =>
      tf.tidy(
        () =>
          progressiveTarget(
            ...([change.teacher ?? half, change.schedule ?? schedule, change.zt ?? image(1)] as [
              Denoiser,
              never,
              never,
            ]),
            (change.times ?? [0.5]) as number[],
            { studentSteps: 2, ...change.options },
          ).x0,
      );
  const without = { teacher: undefined };

  const cases: [string, () => unknown][] = [
    ["cfdLoss: expected classifier to be a function, got 3.", cfd({ classifier: 3 })],
    ["cfdLoss: expected the classifier's logits and features, got null.", cfd({ classifier: () => null })],
    ["cfdLoss: expected beta >= 0, got -1.", cfd({ beta: -1 })],
    ["cfdLoss: expected temperature > 0, got 0.", cfd({ temperature: 0 })],
    [
      "cfdLoss: expected the classifier's logits [1, classes], got a tensor of shape [1, 1, 1, 1].",
      cfd({ classifier: (x: tf.Tensor4D) => ({ ...judge(x), logits: x }) }),
    ],
    [
      "cfdLoss: expected the classifier's features [1, width], got a tensor of shape [2, 1].",
      cfd({ classifier: (x: tf.Tensor4D) => ({ ...judge(x), features: tf.zeros([2, 1]) }) }),
    ],
    [
      "denoisingLoss: expected eps to be a tensor [batch, height, width, channels], got 3.",
      () =>
        tf.tidy(
          () => denoisingLoss({ denoiser: half, schedule, x0: image(1), eps: 3 as never, times: [0.5] }).loss,
        ),
    ],
    [
      "progressiveLoss: expected x0 and eps of one shape, got [1, 1, 1, 1] and [2, 1, 1, 1].",
      () => tf.tidy(() => progressiveLoss({ ...distilled(), eps: image(1, 1) }).loss),
    ],
    ["progressiveLoss: expected either teacher or target, got neither.", progressive(without)],
    ["progressiveLoss: expected target with x0 and eps, got 3.", progressive({ ...without, target: 3 })],
    [
      "progressiveLoss: expected target.x0 to be a tensor [batch, height, width, channels], got undefined.",
      progressive({ ...without, target: {} }),
    ],
    [
      "progressiveLoss: expected target.x0 and x0 of one shape, got [2, 1, 1, 1] and [1, 1, 1, 1].",
      () =>
        tf.tidy(() => {
          const made = { x0: image(1, 1), eps: image(1, 1) };
          return progressiveLoss({ ...distilled(), teacher: undefined, target: made }).loss;
        }),
    ],
    ["progressiveTarget: expected option labels, got label.", target({ options: { label: [1] } })],
    ["progressiveTarget: expected schedule to be a noise schedule, got 3.", target({ schedule: 3 })],
    [
      "progressiveTarget: expected zt to be a tensor [batch, height, width, channels], got 3.",
      target({ zt: 3 }),
    ],
    ["progressiveTarget: expected times to be an array of numbers, got 3.", target({ times: 3 })],
    [
      "progressiveTarget: expected labels to be an array of integers, got 3.",
      target({ options: { labels: 3 } }),
    ],
    [
      "progressiveTarget: expected every time to be i / studentSteps, i = 1..2, got [0.25].",
      target({ times: [0.25] }),
    ],
    [
      "progressiveTarget: expected at most 1000000 studentSteps, got 1000001.",
      target({ times: [1], options: { studentSteps: 1_000_001 } }),
    ],
    [
      "datasetOrientedLoss: expected logits [batch, classes], got a tensor of shape [2].",
      () => tf.tidy(() => datasetOrientedLoss(tf.zeros([2]) as never, { gamma: 1 }).loss),
    ],
    [
      "featureDistillationLoss: expected studentFeatures [batch, width], got a tensor of shape [2].",
      () =>
        tf.tidy(() => featureDistillationLoss(tf.zeros([2]) as never, tf.zeros([1, 2]), { temperature: 1 })),
    ],
    [
      "featureDistillationLoss: expected teacherFeatures [batch, width], got a tensor of shape [2].",
      () =>
        tf.tidy(() => featureDistillationLoss(tf.zeros([1, 2]), tf.zeros([2]) as never, { temperature: 1 })),
    ],
    [
      "featureDistillationLoss: expected studentFeatures and teacherFeatures of one shape, got [1, 2] and [1, 3].",
      () => tf.tidy(() => featureDistillationLoss(tf.zeros([1, 2]), tf.zeros([1, 3]), { temperature: 1 })),
    ],
  ];
  it.each(cases)("%s", async (message, call) => {
    expect(await complaint(call)).toBe(message);
  });
});

describe("a target", () => {
  it("is the teacher's at both of its times, with the labels", () => {
    const asked: unknown[][] = [];
    const spy = Object.assign(
      (...[zt, times, labels]: Parameters<Denoiser>) => {
        asked.push([times, labels]);
        return zt.clone();
      },
      { predictionType: "x0" as const },
    );
    tf.dispose(
      tf.tidy(() =>
        progressiveTarget(spy, schedule, image(1, 1), [1, 0.5], { studentSteps: 2, labels: [3, -1] }),
      ),
    );
    expect(asked).toEqual([
      [
        [1, 0.5],
        [3, -1],
      ],
      [
        [0.75, 0.25],
        [3, -1],
      ],
    ]);
  });

  it("is the mean of the teacher's two answers where the schedule is flat", async () => {
    const answers = Object.assign(
      (zt: tf.Tensor4D, times: readonly number[]) => tf.fill<tf.Rank.R4>(zt.shape, times[0]!),
      { predictionType: "x0" as const },
    );
    const flat = tableSchedule([0.5, 0.5, 0.5]);
    const x0 = tf.tidy(() => progressiveTarget(answers, flat, image(1), [1], { studentSteps: 1 }).x0);
    expect((await x0.data())[0]).toBeCloseTo((1 + 0.5) / 2, 6);
    x0.dispose();
  });
});
