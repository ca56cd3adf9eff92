import * as tf from "@tensorflow/tfjs";
import { beforeAll, describe, expect, it } from "vitest";
import {
  cfdLoss,
  cosineSchedule,
  noise,
  progressiveLoss,
  useBackend,
  valueAndGrads,
  type Classifier,
  type Denoiser,
  type LossTerms,
} from "cfd-distill";
import { featureTerms, pixelTerms } from "../stages/losses.js";

beforeAll(async () => {
  await useBackend("cpu");
});

const schedule = cosineSchedule();
const HALVING = { name: "", teacher: "", studentSteps: 1, steps: 1, batch: 1, microBatches: 1, rate: 1 };

/** Answers with images of one value, which may depend on the time. */
function flat(valueAt: (time: number) => tf.Scalar): Denoiser {
  const answer = (zt: tf.Tensor4D, times: readonly number[]) =>
    tf.mul<tf.Tensor4D>(tf.onesLike(zt), tf.reshape(tf.stack(times.map(valueAt)), [-1, 1, 1, 1]));
  return Object.assign(answer, { predictionType: "x0" as const });
}

function batch() {
  return {
    x0: tf.zeros<tf.Rank.R4>([2, 2, 2, 3]),
    eps: noise([1, 2], [2, 2, 3]),
    times: [1, 1],
    studentSteps: 1,
  };
}

const numberOf = (scalar: tf.Tensor | undefined) => scalar!.dataSync()[0]!;

describe("the consistency loss of a halving", () => {
  it("is of the student's own answer half a step later, which is held fast, and there of the teacher's", () => {
    const w = tf.variable(tf.scalar(0.5));
    const student = flat((time) => (time === 1 ? w : tf.mul(w, 2)));
    const teacher = flat(() => tf.scalar(0.2));
    const given = { ...batch(), schedule, student, teacher };
    const choice = { ...HALVING, method: "pd", weighting: "x0", consistency: true } as const;
    const { terms, grads } = valueAndGrads(() => pixelTerms(given, choice), { w });
    // At 1 (w - 2w)^2, of which only the first w is trained; at 1/2 (2w - 0.2)^2.
    expect(numberOf(terms.loss)).toBeCloseTo((0.25 + 0.64) / 2, 3);
    expect(numberOf(grads.w)).toBeCloseTo((-1 + 3.2) / 2, 3);
    expect(Object.keys(terms).sort()).toEqual(["epsMse", "loss", "x0Mse"]);
    tf.dispose([w, given.x0, given.eps, terms, grads]);
  });
});

describe("the feature loss of a halving", () => {
  const sums: Classifier = (images) => {
    const features = tf.sum<tf.Tensor2D>(images, [1, 2]);
    return { features, logits: features.clone() };
  };
  const squares: Classifier = (images) => sums(tf.square(images));

  it.each([
    ["by one classifier", [sums], 0],
    ["by two", [sums, squares], 0],
    ["with pixels", [sums], 0.5],
    ["of all of that", [sums, squares], 2],
  ] as const)("is the sum of its parts: %s", (_, classifiers, pixels) => {
    const before = tf.memory().numTensors;
    const given = {
      ...batch(),
      schedule,
      student: Object.assign((zt: tf.Tensor4D) => tf.mul<tf.Tensor4D>(zt, 0.3), {
        predictionType: "x0" as const,
      }),
      teacher: Object.assign((zt: tf.Tensor4D) => tf.sin(zt), {
        predictionType: "x0" as const,
      }),
    };
    const choice = { temperature: 0.9, beta: 0.1, gamma: 0.75 };
    const terms = featureTerms(given, classifiers, { ...HALVING, ...choice, method: "cfd", pixels });
    const parts: LossTerms[] = [cfdLoss({ ...given, ...choice, classifier: sums })];
    const added: LossTerms[] =
      classifiers.length > 1 ? [cfdLoss({ ...given, classifier: squares, temperature: 0.9 })] : [];
    const error: LossTerms = progressiveLoss(given);
    const expected = [...parts, ...added].reduce(
      (sum, { loss }) => sum + numberOf(loss),
      pixels * numberOf(error.loss),
    );
    expect(numberOf(terms.loss)).toBeCloseTo(expected, 5);
    tf.dispose([given.x0, given.eps, terms, parts, added, error]);
    expect(tf.memory().numTensors).toBe(before);
  });
});
