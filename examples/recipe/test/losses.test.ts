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

const sine: Denoiser = Object.assign((zt: tf.Tensor4D) => tf.sin(zt), { predictionType: "x0" as const });

function scaled(by: number): Denoiser {
  return Object.assign((zt: tf.Tensor4D) => tf.mul<tf.Tensor4D>(zt, by), { predictionType: "x0" as const });
}

/** The denoiser, which says at which time it is asked. */
function counted(denoiser: Denoiser, note: (time: number) => void): Denoiser {
  const answer = (...question: Parameters<Denoiser>) => {
    note(question[1][0]!);
    return denoiser(...question);
  };
  return Object.assign(answer, { predictionType: denoiser.predictionType });
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
  const both: Classifier = (images) => ({ ...sums(images), earlier: [squares(images).features] });

  it.each([
    ["by one layer", sums, 0],
    ["by two", both, 0],
    ["with pixels", sums, 0.5],
    ["of all of that", both, 2],
  ] as const)("is the sum of its parts: %s", (_, classify, pixels) => {
    const before = tf.memory().numTensors;
    const given = { ...batch(), schedule, student: scaled(0.3), teacher: sine };
    const choice = { temperature: 0.9, beta: 0.1, gamma: 0.75 };
    const terms = featureTerms(given, classify, { ...choice, pixels });
    const parts: LossTerms[] = [cfdLoss({ ...given, ...choice, classifier: sums })];
    const added: LossTerms[] =
      classify === both ? [cfdLoss({ ...given, classifier: squares, temperature: 0.9 })] : [];
    const error: LossTerms = progressiveLoss(given);
    const expected = [...parts, ...added].reduce(
      (sum, { loss }) => sum + numberOf(loss),
      pixels * numberOf(error.loss),
    );
    expect(numberOf(terms.loss)).toBeCloseTo(expected, 5);
    expect("feature1" in terms).toBe(classify === both);
    tf.dispose([given.x0, given.eps, terms, parts, added, error]);
    expect(tf.memory().numTensors).toBe(before);
  });
});

describe("how often a halving asks", () => {
  const features = (images: tf.Tensor4D) => tf.mean<tf.Tensor2D>(images, [1, 2]);

  it("the student once and the teacher twice for pixels, features and classes together", () => {
    const asked = { student: 0, teacher: 0, classifier: 0 };
    const given = {
      ...batch(),
      schedule,
      student: counted(scaled(0.3), () => asked.student++),
      teacher: counted(sine, () => asked.teacher++),
    };
    const classify: Classifier = (images) => {
      asked.classifier++;
      return { logits: features(images), features: features(images), earlier: [features(images)] };
    };
    const choice = { temperature: 0.9, beta: 0.1, gamma: 0.75, pixels: 1 };
    tf.dispose([featureTerms(given, classify, choice), given.x0, given.eps]);
    expect(asked).toEqual({ student: 1, teacher: 2, classifier: 2 });
  });

  it("the student three times for consistency, at t, halfway on and at noise of its own, the teacher twice", () => {
    const asked: [string, number][] = [];
    const given = {
      ...batch(),
      schedule,
      student: counted(scaled(0.3), (time) => asked.push(["student", time])),
      teacher: counted(sine, (time) => asked.push(["teacher", time])),
    };
    const choice = { ...HALVING, method: "pd", weighting: "x0", consistency: true } as const;
    tf.dispose([pixelTerms(given, choice), given.x0, given.eps]);
    expect(asked.sort()).toEqual([
      ["student", 0.5],
      ["student", 0.5],
      ["student", 1],
      ["teacher", 0.5],
      ["teacher", 1],
    ]);
  });
});
