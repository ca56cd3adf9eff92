import * as tf from "@tensorflow/tfjs";
import { describe, expect, it } from "vitest";
import {
  adam,
  addNoise,
  consistencyLoss,
  cosineAnnealing,
  cosineSchedule,
  denoisingLoss,
  noise,
  progressiveLoss,
  progressiveTarget,
  sampleConsistency,
  sampleDdim,
  scoreDistillationLoss,
  valueAndGrads,
  withGuidance,
  type Denoiser,
  type Labels,
  type LossTerms,
  type Optimizer,
  type Params,
  type Times,
} from "../../src/index.js";
import { gaussianDenoiser } from "../support/denoisers.js";
import { onCpuWithoutLeaks } from "../support/no-leaks.js";

// On data of N(mean, deviation^2) what each loss leads to is known in closed form, and affine in zt. An affine network
// learns from first and second moments alone: with x0 = mean +- deviation and eps = +-1 those are exact in a batch of four
// a time, so that training has no noise and must come to the optimum itself.

onCpuWithoutLeaks();

const schedule = cosineSchedule();
const STEPS = 150;
const data = { mean: 0.3, deviation: 0.5 };

const column = (values: readonly number[]) => tf.tensor4d([...values], [values.length, 1, 1, 1]);

/** gain * zt + offset, for each of `kinds` its own; `kindOf` says which from a sample's time and label. */
function affine(kinds: number, kindOf: (t: number, label?: number) => number) {
  const params: Params = tf.tidy(() => ({
    gain: tf.variable(tf.fill([kinds, 1], 0.3)),
    offset: tf.variable(tf.zeros([kinds, 1])),
  }));
  const apply = (zt: tf.Tensor4D, times: Times, labels?: Labels) =>
    tf.tidy(() => {
      const which = times.map((t, i) => kindOf(t, labels?.[i]));
      const rows = tf.tensor2d(
        which.map((kind) => Array.from({ length: kinds }, (_, k) => Number(k === kind))),
      );
      const of = (weight: tf.Variable) => tf.reshape(tf.matMul(rows, weight as tf.Tensor2D), [-1, 1, 1, 1]);
      return tf.add<tf.Tensor4D>(tf.mul(zt, of(params.gain!)), of(params.offset!));
    });
  const model: Denoiser = Object.assign(apply, { predictionType: "x0" as const });
  return { params, model };
}

/** Each of some times with all four pairs of signs. */
function signed(grid: Times) {
  const times = grid.flatMap((t) => [t, t, t, t]);
  const first = times.map((_, i) => (i % 2 === 0 ? 1 : -1));
  const second = times.map((_, i) => (i % 4 < 2 ? 1 : -1));
  return { times, first, second };
}

/** One step of training. */
function learn(optimizer: Optimizer, params: Params, loss: () => LossTerms): void {
  tf.tidy(() => {
    optimizer.apply(params, valueAndGrads(loss, params).grads);
  });
}

async function farthest(actual: tf.Tensor, expected: tf.Tensor): Promise<number> {
  const most = tf.tidy(() => tf.max(tf.abs(tf.sub(actual, expected))));
  const [difference] = await most.data();
  most.dispose();
  return difference!;
}

describe("consistency, from a time to the one before", () => {
  const teacher = gaussianDenoiser(schedule, "x0", data);
  const steps = 3;
  // With the teacher by one step of DDIM; without by the same noise, whose mean given zt is that very step.
  it.each(["teacher", "data"] as const)("by the %s, becomes all steps of DDIM in one", async (way) => {
    const { params, model } = affine(steps, (t) => Math.round(t * steps) - 1);
    const { times, first, second } = signed([1 / steps, 2 / steps, 1]);
    const [x0, eps] = [column(first.map((sign) => data.mean + data.deviation * sign)), column(second)];
    const earlier = times.map((t) => Math.max(0, t - 1 / steps));
    const optimizer = adam({ learningRate: cosineAnnealing({ rate: 0.1, steps: STEPS }) });
    const batch = { schedule, x0, eps, times, earlier, ...(way === "teacher" && { teacher }) };
    for (let step = 0; step < STEPS; step++)
      learn(optimizer, params, () => consistencyLoss({ student: model, ...batch }));
    const zT = noise([1, 2, 3], [2, 2, 1]);
    const whole = await sampleDdim(teacher, schedule, zT, { steps, clip: false });
    const single = await sampleConsistency(model, schedule, zT, { steps: 1, clip: false });
    expect(await farthest(single, whole)).toBeLessThan(2e-3); // before: 0.9
    tf.dispose([x0, eps, zT, params, single, whole]);
    optimizer.dispose();
  });
});

describe("score distillation, with a critic that learns beside the student", () => {
  it.each(["vsd", "sid"] as const)("%s becomes the teacher's data", async (variant) => {
    const teacher = gaussianDenoiser(schedule, "v", data);
    const { times, first, second } = signed([0.3, 0.6]);
    const critic = affine(2, (t) => Number(t > 0.5));
    const params: Params = tf.tidy(() => ({
      gain: tf.variable(tf.scalar(0.2)),
      offset: tf.variable(tf.scalar(-0.4)),
    }));
    const [zT, eps] = [column(first), column(second)];
    const images = () => tf.add<tf.Tensor4D>(tf.mul(zT, params.gain!), params.offset!);
    const [ofStudent, ofCritic] = [0.03, 0.15].map((rate) =>
      adam({ learningRate: cosineAnnealing({ rate, steps: STEPS }), beta1: 0 }),
    ) as [Optimizer, Optimizer];
    const batch = { schedule, eps, times };
    for (let step = 0; step < STEPS; step++) {
      learn(ofCritic, critic.params, () =>
        denoisingLoss({ denoiser: critic.model, x0: images(), ...batch, weighting: "x0" }),
      );
      learn(ofStudent, params, () =>
        scoreDistillationLoss({ images: images(), teacher, critic: critic.model, ...batch, variant }),
      );
    }
    const [gain, offset] = await Promise.all([params.gain!.data(), params.offset!.data()]);
    expect(Math.abs(gain[0]! - data.deviation)).toBeLessThan(0.015);
    expect(Math.abs(offset[0]! - data.mean)).toBeLessThan(0.015);
    tf.dispose([zT, eps, params, critic.params]);
    ofStudent.dispose();
    ofCritic.dispose();
  });
});

/** The exact denoiser of two classes, N(0.5, 0.2^2) and N(-0.5, 0.2^2); without a label it sees N(0, 0.6^2). */
const ofTwoClasses: Denoiser = Object.assign(
  (zt: tf.Tensor4D, times: Times, labels: Labels = []) =>
    tf.tidy(() => {
      const mean = labels.map((label) => [0.5, -0.5][label] ?? 0);
      const gain = labels.map((label, i) => {
        const [bar, variance] = [schedule.alphaBar(times[i]!), label < 0 ? 0.36 : 0.04];
        return (Math.sqrt(bar) * variance) / (bar * variance + 1 - bar);
      });
      const shift = mean.map((m, i) => m * (1 - gain[i]! * Math.sqrt(schedule.alphaBar(times[i]!))));
      return tf.add<tf.Tensor4D>(tf.mul(zt, column(gain)), column(shift));
    }),
  { predictionType: "x0" as const },
);

it("a student of a guided teacher is as if guided, in one call; one distilled without is far from it", async () => {
  const { times, second } = signed([1, 1]);
  const labels = times.map((_, i) => Number(i < 4));
  const [x0, eps] = [column(times.map(() => 0)), column(second)];
  const zT = noise(labels, [2, 2, 1]);
  const guided = { labels, guidance: 3, clip: false } as const;
  const wanted = await sampleDdim(ofTwoClasses, schedule, zT, { steps: 2, ...guided });
  const distances = [];
  for (const teacher of [withGuidance(ofTwoClasses, 3), ofTwoClasses]) {
    const { params, model: student } = affine(2, (_, label) => label!);
    const zt = addNoise(schedule, x0, eps, times);
    const target = progressiveTarget(teacher, schedule, zt, times, { studentSteps: 1, labels });
    const optimizer = adam({ learningRate: cosineAnnealing({ rate: 0.1, steps: 150 }) });
    const batch = { student, target, schedule, x0, eps, times, studentSteps: 1, labels };
    for (let step = 0; step < 150; step++) learn(optimizer, params, () => progressiveLoss(batch));
    const drawn = await sampleDdim(student, schedule, zT, { steps: 1, labels, clip: false });
    distances.push(await farthest(drawn, wanted));
    tf.dispose([params, zt, target, drawn]);
    optimizer.dispose();
  }
  expect(distances[0]).toBeLessThan(0.01);
  expect(distances[1]).toBeGreaterThan(0.5);
  tf.dispose([x0, eps, zT, wanted]);
});
