import * as tf from "@tensorflow/tfjs";
import { describe, expect, test } from "vitest";
import {
  addNoise,
  cfdLoss,
  cosineSchedule,
  datasetOrientedLoss,
  featureDistillationLoss,
  noise,
  predict,
  predictionLoss,
  progressiveLoss,
  progressiveTarget,
  tableSchedule,
  untaped,
  valueAndGrads,
  type Classifier,
  type Denoiser,
  type LossTerms,
  type Prediction,
  type PredictionLossOptions,
  type PredictionType,
  type Weighting,
} from "../../src/index.js";
import { gaussianDenoiser, scaledDenoiser } from "../support/denoisers.js";
import { onCpuWithoutLeaks } from "../support/no-leaks.js";

onCpuWithoutLeaks();

const TYPES = ["x0", "eps", "v", "flow"] as const;
const schedule = cosineSchedule();
const times = [0.2, 0.9];
const SHAPE: [number, number, number, number] = [2, 1, 1, 3];

// Two images of three numbers, and the noise with them: any pair is a prediction of some zt.
const VALUES = {
  answer: { x0: [0.5, -0.25, 0.75, 0.1, 0.2, -0.4], eps: [1.5, 0.25, -1, 0.3, -0.7, 0.9] },
  target: { x0: [0.25, 0, 0.5, -0.3, 0.6, 0.8], eps: [1, -0.5, 0.25, 2, 0.1, -0.2] },
};
const made = ({ x0, eps }: { x0: number[]; eps: number[] }): Prediction => ({
  x0: tf.tensor4d(x0, SHAPE),
  eps: tf.tensor4d(eps, SHAPE),
});
const read = async (terms: LossTerms) =>
  Object.fromEntries(
    await Promise.all(Object.entries(terms).map(async ([name, t]) => [name, (await t.data())[0]!] as const)),
  );

/** The terms in float64, from the definition: the error of the output, as errors of x0 and eps. */
function byHand(type: PredictionType, weightAt: (snr: number) => number) {
  const rows = times.map((t, i) => {
    const [alpha, sigma] = [Math.sqrt(schedule.alphaBar(t)), Math.sqrt(1 - schedule.alphaBar(t))];
    const output = ({ x0, eps }: { x0: number[]; eps: number[] }, at: number) =>
      ({ x0: x0[at]!, eps: eps[at]!, v: alpha * eps[at]! - sigma * x0[at]!, flow: eps[at]! - x0[at]! })[type];
    const errors = [0, 1, 2].map((c) => output(VALUES.answer, 3 * i + c) - output(VALUES.target, 3 * i + c));
    const own = errors.reduce((sum, error) => sum + error ** 2, 0) / 3;
    // Of one zt, alpha dx0 = -sigma deps, and dv = alpha deps - sigma dx0 = -dx0 / sigma = deps / alpha;
    // deps - dx0 = -(alpha + sigma) / sigma dx0 = (alpha + sigma) / alpha deps.
    const x0 =
      own * { x0: 1, eps: (sigma / alpha) ** 2, v: sigma ** 2, flow: (sigma / (alpha + sigma)) ** 2 }[type];
    const eps =
      own * { x0: (alpha / sigma) ** 2, eps: 1, v: alpha ** 2, flow: (alpha / (alpha + sigma)) ** 2 }[type];
    return { loss: x0 * weightAt((alpha / sigma) ** 2), x0Mse: x0, epsMse: eps };
  });
  const mean = (term: "loss" | "x0Mse" | "epsMse") => (rows[0]![term] + rows[1]![term]) / 2;
  return { loss: mean("loss"), x0Mse: mean("x0Mse"), epsMse: mean("epsMse") };
}

const WEIGHTS: [Weighting | undefined, (snr: number) => number][] = [
  [undefined, (snr) => Math.max(1, snr)],
  ["x0", () => 1],
  ["eps", (snr) => snr],
  ["truncatedSnr", (snr) => Math.max(1, snr)],
  ["snrPlusOne", (snr) => snr + 1],
  ["flow", (snr) => (1 + Math.sqrt(snr)) ** 2],
  [{ minSnr: 2 }, (snr) => Math.min(2, snr)],
  [{ minSnr: 2, floor: 0.5 }, (snr) => Math.max(0.5, Math.min(2, snr))],
];

describe("predictionLoss is what its definition gives in float64", () => {
  test.each(TYPES.flatMap((type) => WEIGHTS.map(([weighting, weight]) => ({ type, weighting, weight }))))(
    "of $type, weighting $weighting",
    async ({ type, weighting, weight }) => {
      const [answer, target] = [made(VALUES.answer), made(VALUES.target)];
      const before = tf.memory().numTensors;
      const terms = predictionLoss(answer, target, { schedule, times, predictionType: type, weighting });
      expect(tf.memory().numTensors).toBe(before + 3);
      const got = await read(terms);
      for (const [name, value] of Object.entries(byHand(type, weight))) {
        expect(Math.abs(got[name]! / value - 1), name).toBeLessThan(1e-6);
      }
      tf.dispose([answer, target, terms]);
    },
  );

  test("keeps the digits of a time at which hardly any signal is left", async () => {
    const deep = tableSchedule([0.9, 1e-12]); // x0 = (zt - sigma eps) / 1e-6 of an eps prediction
    const [answer, target] = [
      { x0: [1, 1, 1], eps: [0.5, 0.5, 0.5] },
      { x0: [2, 2, 2], eps: [0.25, 0.25, 0.25] },
    ].map(({ x0, eps }) => ({ x0: tf.tensor4d(x0, [1, 1, 1, 3]), eps: tf.tensor4d(eps, [1, 1, 1, 3]) }));
    const options = { schedule: deep, times: [1], predictionType: "eps", weighting: "eps" } as const;
    const terms = predictionLoss(answer!, target!, options);
    expect((await read(terms)).loss).toBeCloseTo(0.0625, 7);
    tf.dispose([answer!, target!, terms]);
  });
});

describe("gradients of predictionLoss", () => {
  test.each(TYPES)("of %s reach the answer, as finite differences have it", async (type) => {
    const [answer, target] = [made(VALUES.answer), made(VALUES.target)];
    const params = { w: tf.tidy(() => tf.variable(tf.scalar(0.7))) };
    const lossAt = (w: tf.Scalar) =>
      tf.tidy(() => {
        const scaled = { x0: tf.mul<tf.Tensor4D>(answer.x0, w), eps: tf.mul<tf.Tensor4D>(answer.eps, w) };
        return { ...predictionLoss(scaled, target, { schedule, times, predictionType: type }) };
      });
    const { terms, grads } = valueAndGrads(() => lossAt(params.w as never), params);
    const around = tf.tidy(() => [0.71, 0.69].map((w) => lossAt(tf.scalar(w)).loss.dataSync()[0]!));
    const numeric = (around[0]! - around[1]!) / 0.02;
    expect((await grads.w!.data())[0]! / numeric).toBeCloseTo(1, 3);
    tf.dispose([answer, target, terms, grads, params]);
  });

  test("by hand: 2 w error / (batch * numbers), and none passes a target computed untaped", async () => {
    const [answer, target] = [made(VALUES.answer), made(VALUES.target)];
    const options = { schedule, times, predictionType: "x0", weighting: "x0" } as const;
    const ofAnswer = (x0: tf.Tensor) =>
      predictionLoss({ ...answer, x0: x0 as tf.Tensor4D }, target, options).loss;
    const gradient = tf.tidy(() => tf.grad(ofAnswer)(answer.x0));
    const got = await gradient.data();
    VALUES.answer.x0.forEach((x, i) => {
      expect(got[i]).toBeCloseTo((2 * (x - VALUES.target.x0[i]!)) / 6, 6);
    });
    const params = { w: tf.tidy(() => tf.variable(tf.scalar(1))) };
    const held = valueAndGrads(() => {
      const twice = { x0: tf.mul<tf.Tensor4D>(answer.x0, params.w), eps: answer.eps };
      return predictionLoss(twice, untaped(() => twice), options); // prettier-ignore
    }, params);
    expect((await held.terms.loss.data())[0]).toBe(0);
    expect(Math.abs((await held.grads.w!.data())[0]!)).toBe(0);
    tf.dispose([answer, target, gradient, params, held.terms, held.grads]);
  });
});

describe("a loop of its parts", () => {
  const batch = () => ({ x0: noise([1, 2], [2, 2, 3]), eps: noise([3, 4], [2, 2, 3]) });
  const colours: Classifier = (images) => {
    const features = tf.mean<tf.Tensor2D>(images, [1, 2]);
    return { logits: tf.mul(features, 3), features };
  };

  test.each(TYPES)(
    "of %s, one pass of the student is what progressiveLoss and cfdLoss give",
    async (type) => {
      const { x0, eps } = batch();
      const params = { w: tf.tidy(() => tf.variable(tf.scalar(0.6))) };
      const asked = { student: 0, teacher: 0 };
      const counted = (denoiser: Denoiser, name: keyof typeof asked): Denoiser => {
        const answer = (...question: Parameters<Denoiser>) => {
          asked[name]++;
          return denoiser(...question);
        };
        return Object.assign(answer, { predictionType: type });
      };
      const models = { student: scaledDenoiser(params.w, type), teacher: gaussianDenoiser(schedule, type) };
      const grid = { times: [0.25, 0.75], studentSteps: 4 };
      const once = valueAndGrads(() => {
        const zt = addNoise(schedule, x0, eps, grid.times);
        const teacher = counted(models.teacher, "teacher");
        const target = progressiveTarget(teacher, schedule, zt, grid.times, { studentSteps: 4 });
        const answer = predict(counted(models.student, "student"), schedule, zt, grid.times);
        const pd = predictionLoss(answer, target, { schedule, times: grid.times, predictionType: type });
        const { logits, features } = colours(answer.x0);
        const wanted = untaped(() => colours(target.x0).features);
        const feature = featureDistillationLoss(features, wanted, { temperature: 0.9 });
        const dataset = datasetOrientedLoss(logits, { gamma: 0.75 });
        const cfd = tf.add(feature, tf.mul(dataset.loss, 0.3)).asScalar();
        return { loss: tf.add(cfd, pd.loss).asScalar(), cfd, pd: pd.loss };
      }, params);
      expect(asked).toEqual({ student: 1, teacher: 2 });

      const twice = valueAndGrads(() => {
        const input = { ...models, schedule, x0, eps, ...grid };
        const pd = progressiveLoss(input).loss;
        const cfd = cfdLoss({ ...input, classifier: colours, temperature: 0.9, beta: 0.3 }).loss;
        return { loss: tf.add(cfd, pd).asScalar(), cfd, pd };
      }, params);
      const [a, b] = [await read(once.terms), await read(twice.terms)];
      expect(a.cfd).toBe(b.cfd);
      if (type === "v" || type === "flow")
        expect(a.pd! / b.pd!).toBeCloseTo(1, 6); // which is made again of x0 and eps
      else expect(a.pd).toBe(b.pd);
      expect((await once.grads.w!.data())[0]! / (await twice.grads.w!.data())[0]!).toBeCloseTo(1, 5);
      tf.dispose([x0, eps, params, once.terms, once.grads, twice.terms, twice.grads]);
    },
  );
});

describe("predictionLoss refuses, without a leak", () => {
  const plain = { schedule, times, predictionType: "x0" } as const;
  const rows: [string, (given: { good: Prediction; wide: tf.Tensor4D }) => unknown[]][] = [
    ["expected an object of options, got undefined", ({ good }) => [good, good]],
    ["expected answer with x0 and eps, got undefined", ({ good }) => [undefined, good, plain]],
    ["expected target with x0 and eps, got a tensor", ({ good }) => [good, good.x0, plain]],
    ["expected answer.eps to be a tensor [batch", ({ good }) => [{ x0: good.x0 }, good, plain]],
    [
      "expected target.x0 and target.eps of one shape, got [2, 1, 1, 3] and [2, 1, 1, 4]",
      ({ good, wide }) => [good, { x0: good.x0, eps: wide }, plain],
    ],
    [
      "expected answer and target of one shape, got [2, 1, 1, 3] and [2, 1, 1, 4]",
      ({ good, wide }) => [good, { x0: wide, eps: wide }, plain],
    ],
    [
      "expected schedule to be a noise schedule, got {}",
      ({ good }) => [good, good, { ...plain, schedule: {} }],
    ],
    ["expected 2 times, one per sample, got 1 times", ({ good }) => [good, good, { ...plain, times: [1] }]],
    ["expected every time in [0, 1], got 2", ({ good }) => [good, good, { ...plain, times: [0, 2] }]],
    [
      "expected predictionType among x0, eps, v, flow, got noise",
      ({ good }) => [good, good, { ...plain, predictionType: "noise" }],
    ],
    ['expected weighting "x0", "eps",', ({ good }) => [good, good, { ...plain, weighting: "snr" }]],
    [
      "expected times with noise in them (alphaBar < 1), got 0",
      ({ good }) => [good, good, { ...plain, times: [0.5, 0], schedule: tableSchedule([1, 0.5]) }],
    ],
  ];
  test.each(rows)("%s", (message, argumentsOf) => {
    const [good, wide] = [made(VALUES.answer), tf.zeros<tf.Rank.R4>([2, 1, 1, 4])];
    const before = tf.memory().numTensors;
    expect(() =>
      predictionLoss(...(argumentsOf({ good, wide }) as [Prediction, Prediction, PredictionLossOptions])),
    ).toThrow(`predictionLoss: ${message}`);
    expect(tf.memory().numTensors).toBe(before);
    tf.dispose([good, wide]);
  });

  test("an eps prediction in pure noise", () => {
    const good = made(VALUES.answer);
    const options = { schedule: tableSchedule([0.9, 0]), times: [0.5, 1], predictionType: "eps" } as const;
    expect(() => predictionLoss(good, good, options)).toThrow("pure noise");
    tf.dispose(good);
  });
});
