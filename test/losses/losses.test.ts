import * as tf from "@tensorflow/tfjs";
import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import {
  addNoise,
  cfdLoss,
  cosineSchedule,
  datasetOrientedLoss,
  denoisingLoss,
  featureDistillationLoss,
  noise,
  progressiveLoss,
  progressiveTarget,
  tableSchedule,
  type Classifier,
  type PredictionType,
  type Weighting,
} from "../../src/index.js";
import { gaussianDenoiser, scaledDenoiser } from "../support/denoisers.js";

beforeAll(async () => {
  await tf.setBackend("cpu");
});

type Terms = Record<string, tf.Scalar>;

async function read(terms: Terms): Promise<Record<string, number>> {
  const values = Object.entries(terms).map(async ([name, term]) => [name, (await term.data())[0]!] as const);
  const record = Object.fromEntries(await Promise.all(values));
  tf.dispose(Object.values(terms));
  return record;
}

/** The gradient of `f` at `weight`, and its central finite difference. */
async function gradients(f: () => Terms, weight: tf.Variable, step = 1e-3): Promise<[number, number]> {
  const before = tf.memory().numTensors;
  const { value, grads } = tf.variableGrads(() => f().loss!, [weight]);
  const gradient = (await grads[weight.name]!.data())[0]!;
  tf.dispose([value, grads]);
  const [center] = await weight.data();
  const at = async (w: number) => {
    tf.tidy(() => {
      weight.assign(tf.scalar(w));
    });
    return (await read(f())).loss!;
  };
  const numeric = ((await at(center! + step)) - (await at(center! - step))) / (2 * step);
  await at(center!);
  expect(tf.memory().numTensors).toBe(before);
  return [gradient, numeric];
}

// alpha 0.6, sigma 0.8 and SNR 0.5625 at t = 1; alphaBar 0.9 and SNR 9 at t = 0.
const schedule = tableSchedule([0.9, 0.36]);
const pixel = (value: number) => tf.tensor4d([value], [1, 1, 1, 1]);

describe("denoisingLoss", () => {
  test("by hand: x0 0.5, eps 1, zt = 1.1, the network answers zt", async () => {
    const [x0, eps, weight] = [pixel(0.5), pixel(1), tf.variable(tf.scalar(1))];
    const loss = (type: PredictionType, times: number[]) =>
      read(denoisingLoss({ denoiser: scaledDenoiser(weight, type), schedule, x0, eps, times }));
    // x0 error 0.6; truncated SNR weight max(1, 0.5625).
    const x = await loss("x0", [1]);
    expect(x.loss).toBeCloseTo(0.36, 6);
    expect(x.x0Mse).toBeCloseTo(0.36, 6);
    expect(x.epsMse).toBeCloseTo(0.36 * 0.5625, 6);
    // eps error 0.1, x0 error 0.1 * 0.8 / 0.6.
    const e = await loss("eps", [1]);
    expect(e.loss).toBeCloseTo(0.01, 6);
    expect(e.x0Mse).toBeCloseTo(0.01 / 0.5625, 6);
    // v = 0.6 * 1 - 0.8 * 0.5 = 0.2, v error 0.9; SNR + 1 makes it the plain v error.
    const v = await loss("v", [1]);
    expect(v.loss).toBeCloseTo(0.81, 6);
    expect(v.x0Mse).toBeCloseTo(0.81 * 0.64, 6);
    expect(v.epsMse).toBeCloseTo(0.81 * 0.36, 6);
    // At SNR 9 the truncated weight is 9: the eps error.
    const early = await loss("x0", [0]);
    expect(early.loss! / early.x0Mse!).toBeCloseTo(9, 4);
    expect(early.loss).toBeCloseTo(early.epsMse!, 6);
    tf.dispose([x0, eps, weight]);
  });

  const weights: [Weighting, number, number][] = [
    ["x0", 1, 1],
    ["eps", 9, 0.5625],
    ["truncatedSnr", 9, 1],
    ["snrPlusOne", 10, 1.5625],
    ["flow", 16, 3.0625],
    [{ minSnr: 5 }, 5, 0.5625],
    [{ minSnr: 5, floor: 0.75 }, 5, 0.75],
  ];
  test.each(weights)(
    "weighting %j multiplies the x0 error for every prediction type",
    async (weighting, ...w) => {
      const [x0, eps, weight] = [pixel(0.5), pixel(1), tf.variable(tf.scalar(0.8))];
      for (const type of ["x0", "eps", "v", "flow"] as const) {
        for (const time of [0, 1]) {
          const denoiser = scaledDenoiser(weight, type);
          const { loss, x0Mse } = await read(
            denoisingLoss({ denoiser, schedule, x0, eps, times: [time], weighting }),
          );
          expect(loss! / (x0Mse! * w[time]!)).toBeCloseTo(1, 5);
        }
      }
      tf.dispose([x0, eps, weight]);
    },
  );

  test.each(["x0", "eps", "v", "flow"] as const)(
    "gradient of %s against finite differences",
    async (type) => {
      const [x0, eps] = [noise([1, 2], [2, 2, 1]), noise([3, 4], [2, 2, 1])];
      const weight = tf.variable(tf.scalar(0.7));
      const denoiser = scaledDenoiser(weight, type);
      const [gradient, numeric] = await gradients(
        () => denoisingLoss({ denoiser, schedule, x0, eps, times: [0.2, 0.9] }),
        weight,
        1e-2,
      );
      expect(gradient / numeric).toBeCloseTo(1, 3);
      tf.dispose([x0, eps, weight]);
    },
  );

  test("stays finite and exact at both ends of a continuous schedule", async () => {
    const continuous = cosineSchedule();
    const [x0, eps] = [noise([1, 2], [4, 4, 3]), noise([3, 4], [4, 4, 3])];
    for (const type of ["x0", "eps", "v", "flow"] as const) {
      const denoiser = gaussianDenoiser(continuous, type);
      const terms = await read(denoisingLoss({ denoiser, schedule: continuous, x0, eps, times: [0, 1] }));
      expect(Object.values(terms).every(Number.isFinite)).toBe(true);
    }
    tf.dispose([x0, eps]);
  });

  test("refuses clean times, zero terminal SNR with eps, unknown weightings and misfits", () => {
    const [x0, eps, weight] = [pixel(0), pixel(1), tf.variable(tf.scalar(1))];
    const wide = tf.zeros<tf.Rank.R4>([1, 1, 2, 1]);
    const before = tf.memory().numTensors;
    const ends = tableSchedule([1, 0]);
    const loss =
      (type: PredictionType, times: number[], more: object = {}) =>
      () =>
        denoisingLoss({ denoiser: scaledDenoiser(weight, type), schedule: ends, x0, eps, times, ...more });
    expect(loss("x0", [0])).toThrow("denoisingLoss: expected times with noise in them (alphaBar < 1), got 0");
    expect(loss("eps", [1])).toThrow("pure noise");
    expect(loss("x0", [1], { weighting: "snr" })).toThrow('denoisingLoss: expected weighting "x0"');
    expect(loss("x0", [1], { weighting: { minSnr: 0 } })).toThrow("minSnr > 0");
    for (const floor of [-1, 6, Number.NaN])
      expect(loss("x0", [1], { weighting: { minSnr: 5, floor } })).toThrow("floor from 0 to minSnr");
    expect(loss("x0", [1, 1])).toThrow("denoisingLoss: expected 1 times");
    expect(loss("x0", [1], { eps: wide })).toThrow("denoisingLoss: expected x0 and eps of one shape");
    expect(loss("x0", [1], { labels: [0.5] })).toThrow("every label to be an integer >= -1, got 0.5");
    expect(tf.memory().numTensors).toBe(before);
    tf.dispose([x0, eps, weight, wide]);
  });
});

describe("progressiveLoss", () => {
  const batch = () => ({ x0: noise([1, 2], [2, 2, 3]), eps: noise([3, 4], [2, 2, 3]) });

  test.each(["x0", "eps", "v", "flow"] as const)(
    "%s: truncated SNR error against the target, with its gradient",
    async (type) => {
      const { x0, eps } = batch();
      const continuous = cosineSchedule();
      const weight = tf.variable(tf.scalar(0.6));
      const [student, teacher] = [scaledDenoiser(weight, type), gaussianDenoiser(continuous, type)];
      const input = { student, teacher, schedule: continuous, x0, eps, times: [0.25, 0.75], studentSteps: 4 };
      const terms = await read(progressiveLoss(input));

      // The same from the definition, sample by sample: max(x0 error, eps error).
      const zt = addNoise(continuous, x0, eps, input.times);
      const target = progressiveTarget(teacher, continuous, zt, input.times, { studentSteps: 4 });
      const errors = await read(
        progressiveLoss({
          student,
          schedule: continuous,
          x0,
          eps,
          times: input.times,
          studentSteps: 4,
          target,
        }),
      );
      expect(errors.loss).toBeCloseTo(terms.loss!, 6);
      const own = { x0: target.x0, eps: target.eps };
      const answer = tf.tidy(() => tf.mul<tf.Tensor4D>(zt, 0.6));
      const expected = tf.tidy(() =>
        tf.mean(
          tf.stack(
            input.times.map((t, i) => {
              const [a, s] = [Math.sqrt(continuous.alphaBar(t)), Math.sqrt(1 - continuous.alphaBar(t))];
              const row = (tensor: tf.Tensor4D) => tensor.slice([i], [1]);
              const z = row(zt);
              const out = row(answer);
              const x = {
                x0: out,
                eps: z.sub(out.mul(s)).div(a),
                v: z.mul(a).sub(out.mul(s)),
                flow: z.sub(out.mul(s)).div(a + s),
              }[type];
              const e = z.sub(x.mul(a)).div(s);
              return tf.maximum(x.sub(row(own.x0)).square().mean(), e.sub(row(own.eps)).square().mean());
            }),
          ),
        ),
      );
      expect(terms.loss! / (await expected.data())[0]!).toBeCloseTo(1, 5);
      const [gradient, numeric] = await gradients(() => progressiveLoss(input), weight, 1e-2);
      expect(gradient / numeric).toBeCloseTo(1, 3);
      tf.dispose([x0, eps, weight, zt, target.x0, target.eps, answer, expected]);
    },
  );

  test("is 0 for a student that answers the target", async () => {
    const { x0, eps } = batch();
    const continuous = cosineSchedule();
    const teacher = gaussianDenoiser(continuous, "x0");
    const zt = addNoise(continuous, x0, eps, [0.5, 1]);
    const target = progressiveTarget(teacher, continuous, zt, [0.5, 1], { studentSteps: 2 });
    const student = Object.assign(() => target.x0, { predictionType: "x0" as const });
    const input = { student, teacher, schedule: continuous, x0, eps, times: [0.5, 1], studentSteps: 2 };
    expect((await read(progressiveLoss(input))).loss).toBe(0);
    tf.dispose([x0, eps, zt, target.x0, target.eps]);
  });

  test("wants a teacher or a target, and times on the grid", () => {
    const { x0, eps } = batch();
    const weight = tf.variable(tf.scalar(1));
    const before = tf.memory().numTensors;
    const student = scaledDenoiser(weight, "x0");
    const input = { student, schedule: cosineSchedule(), x0, eps, times: [0.5, 1], studentSteps: 2 };
    expect(() => progressiveLoss(input as never)).toThrow("either teacher or target, got neither");
    const target = { x0, eps };
    expect(() => progressiveLoss({ ...input, teacher: student, target } as never)).toThrow("got both");
    const narrow = { x0, eps: tf.slice(x0, [0], [1]) };
    expect(() => progressiveLoss({ ...input, target: narrow })).toThrow("target.eps and x0 of one shape");
    narrow.eps.dispose();
    expect(() => progressiveLoss({ ...input, teacher: student, times: [0.3, 1] })).toThrow(
      "i / studentSteps",
    );
    expect(tf.memory().numTensors).toBe(before);
    tf.dispose([x0, eps, weight]);
  });
});

describe("featureDistillationLoss", () => {
  const kl = (student: number[], teacher: number[], temperature: number) => {
    const softmax = (x: number[]) => {
      const exp = x.map((value) => Math.exp(value - Math.max(...x)));
      return exp.map((value) => value / exp.reduce((a, b) => a + b, 0));
    };
    const [p, q] = [softmax(teacher.map((x) => x / temperature)), softmax(student)];
    return p.reduce((sum, value, i) => sum + value * Math.log(value / q[i]!), 0);
  };

  test("is the mean KL divergence, temperature on the teacher only", async () => {
    const features = fc.array(fc.double({ min: -4, max: 4, noNaN: true }), { minLength: 6, maxLength: 6 });
    await fc.assert(
      fc.asyncProperty(
        features,
        features,
        fc.constantFrom(0.5, 0.9, 1, 2),
        async (student, teacher, temperature) => {
          const before = tf.memory().numTensors;
          const [s, t] = [tf.tensor2d(student, [2, 3]), tf.tensor2d(teacher, [2, 3])];
          const loss = featureDistillationLoss(s, t, { temperature });
          const value = (await loss.data())[0]!;
          const rows = [0, 3].map((i) => kl(student.slice(i, i + 3), teacher.slice(i, i + 3), temperature));
          expect(Math.abs(value - (rows[0]! + rows[1]!) / 2)).toBeLessThan(2e-6);
          expect(value).toBeGreaterThan(-1e-6);
          tf.dispose([s, t, loss]);
          expect(tf.memory().numTensors).toBe(before);
        },
      ),
      { numRuns: 40 },
    );
  });

  test("gradient: (softmax(student) - softmax(teacher / temperature)) / batch, none to the teacher", async () => {
    const [s, t] = [tf.variable(tf.tensor2d([[0, 1]])), tf.variable(tf.tensor2d([[2, 0]]))];
    const loss = () => featureDistillationLoss(s, t, { temperature: 0.5 });
    const { value, grads } = tf.variableGrads(loss, [s, t]);
    const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));
    const [first, second] = await grads[s.name]!.data();
    expect(first).toBeCloseTo(sigmoid(-1) - sigmoid(4), 6);
    expect(second).toBeCloseTo(sigmoid(1) - sigmoid(-4), 6);
    expect(Math.max(...Array.from((await grads[t.name]?.data()) ?? [0]).map(Math.abs))).toBe(0);
    tf.dispose([value, grads, s, t]);
  });

  test("finite at any features", async () => {
    const [s, t] = [tf.tensor2d([[1e4, -1e4]]), tf.tensor2d([[-1e4, 1e4]])];
    const loss = featureDistillationLoss(s, t, { temperature: 0.9 });
    expect((await loss.data())[0]).toBeCloseTo(2e4, 0);
    tf.dispose([s, t, loss]);
  });

  test("refuses a temperature <= 0 and misfits", () => {
    const [s, t] = [tf.zeros<tf.Rank.R2>([1, 2]), tf.zeros<tf.Rank.R2>([1, 3])];
    const before = tf.memory().numTensors;
    for (const temperature of [0, -1, NaN]) {
      expect(() => featureDistillationLoss(s, s, { temperature })).toThrow(
        `featureDistillationLoss: expected temperature > 0, got ${String(temperature)}.`,
      );
    }
    expect(() => featureDistillationLoss(s, t, { temperature: 1 })).toThrow("of one shape");
    expect(tf.memory().numTensors).toBe(before);
    tf.dispose([s, t]);
  });
});

describe("datasetOrientedLoss", () => {
  test("by hand: two even coins, and two certain images of two classes", async () => {
    const even = tf.zeros<tf.Rank.R2>([2, 2]);
    const certain = tf.tensor2d([
      [1000, 0],
      [0, 1000],
    ]);
    const a = await read(datasetOrientedLoss(even, { gamma: 0.75 }));
    expect(a.entropy).toBeCloseTo(Math.log(2), 6);
    expect(a.diversity).toBeCloseTo(-Math.log(2), 6);
    expect(a.loss).toBeCloseTo(0.5 * Math.log(2), 6);
    const b = await read(datasetOrientedLoss(certain, { gamma: 0.75 }));
    expect(b.entropy).toBeCloseTo(0, 12);
    expect(b.diversity).toBeCloseTo(-Math.log(2), 6);
    tf.dispose([even, certain]);
  });

  test("finite, with finite gradients, at any logits", async () => {
    const logits = tf.variable(tf.tensor2d([[1e4, -1e4, 0], [1e4, 0, -300]])); // prettier-ignore
    for (const gamma of [0, 0.5, 1]) {
      const f = () => datasetOrientedLoss(logits, { gamma }).loss;
      const { value, grads } = tf.variableGrads(f, [logits]);
      expect(Number.isFinite((await value.data())[0])).toBe(true);
      expect(Array.from(await grads[logits.name]!.data()).every(Number.isFinite)).toBe(true);
      tf.dispose([value, grads]);
    }
    logits.dispose();
  });

  test("gradient against finite differences", async () => {
    const scale = tf.variable(tf.scalar(1));
    const logits = tf.tensor2d([[1, -0.5, 0.2], [0.3, 2, -1]]); // prettier-ignore
    const f = () => ({ ...datasetOrientedLoss(tf.mul(logits, scale), { gamma: 0.3 }) });
    const [gradient, numeric] = await gradients(() => tf.tidy(f), scale, 1e-2);
    expect(Math.abs(gradient - numeric)).toBeLessThan(1e-4);
    tf.dispose([scale, logits]);
  });

  test("refuses gamma outside [0, 1]", () => {
    const logits = tf.zeros<tf.Rank.R2>([1, 2]);
    expect(() => datasetOrientedLoss(logits, { gamma: 1.1 })).toThrow("gamma in [0, 1], got 1.1");
    logits.dispose();
  });
});

describe("cfdLoss", () => {
  const colours: Classifier = (images) => {
    const features = tf.mean<tf.Tensor2D>(images, [1, 2]);
    return { logits: tf.mul(features, 3), features };
  };
  const continuous = cosineSchedule();
  const parts = () => ({ x0: noise([1, 2], [2, 2, 3]), eps: noise([3, 4], [2, 2, 3]) });

  test.each(["x0", "eps", "v", "flow"] as const)(
    "%s: is the sum of its parts, with its gradient",
    async (type) => {
      const { x0, eps } = parts();
      const weight = tf.variable(tf.scalar(0.6));
      const input = {
        student: scaledDenoiser(weight, type),
        teacher: gaussianDenoiser(continuous, type),
        classifier: colours,
        schedule: continuous,
        ...{ x0, eps, times: [0.5, 0.75], studentSteps: 4, temperature: 0.9, beta: 0.3, gamma: 0.75 },
      };
      const { loss, feature, entropy, diversity } = await read(cfdLoss(input));
      expect(loss).toBeCloseTo(feature! + 0.3 * (0.75 * entropy! + 0.25 * diversity!), 6);
      expect((await read(cfdLoss({ ...input, beta: 0 }))).loss).toBe(feature);
      const [gradient, numeric] = await gradients(() => cfdLoss(input), weight, 1e-2);
      expect(Math.abs(gradient - numeric)).toBeLessThan(2e-4 * Math.max(1, Math.abs(numeric)));
      tf.dispose([x0, eps, weight]);
    },
  );

  test("compares the classifier's view of the student's x0 with that of the target", async () => {
    const { x0, eps } = parts();
    const weight = tf.variable(tf.scalar(0.6));
    const [student, teacher] = [scaledDenoiser(weight, "x0"), gaussianDenoiser(continuous, "x0")];
    const times = [0.5, 0.75];
    const zt = addNoise(continuous, x0, eps, times);
    const target = progressiveTarget(teacher, continuous, zt, times, { studentSteps: 4 });
    const expected = tf.tidy(() =>
      featureDistillationLoss(colours(tf.mul(zt, 0.6)).features, colours(target.x0).features, {
        temperature: 0.9,
      }),
    );
    const input = {
      student,
      classifier: colours,
      schedule: continuous,
      x0,
      eps,
      times,
      studentSteps: 4,
      temperature: 0.9,
    };
    const fromTarget = await read(cfdLoss({ ...input, target }));
    const fromTeacher = await read(cfdLoss({ ...input, teacher }));
    expect(fromTarget.loss).toBeCloseTo((await expected.data())[0]!, 6);
    expect(fromTeacher.loss).toBeCloseTo(fromTarget.loss!, 6);
    tf.dispose([x0, eps, weight, zt, target.x0, target.eps, expected]);
  });

  test("asks the student with the labels", () => {
    const [x0, eps] = [pixel(0.5), pixel(1)];
    const asked: unknown[] = [];
    const student = Object.assign(
      (zt: tf.Tensor4D, _: unknown, labels?: unknown) => {
        asked.push(labels);
        return tf.zerosLike(zt);
      },
      { predictionType: "x0" as const },
    );
    const classifier: Classifier = () => ({ logits: tf.zeros([1, 2]), features: tf.zeros([1, 2]) });
    const target = { x0, eps };
    const batch = { x0, eps, times: [1], labels: [3], studentSteps: 1, temperature: 1 };
    tf.dispose(tf.tidy(() => cfdLoss({ student, target, classifier, schedule, ...batch })));
    expect(asked).toEqual([[3]]);
    tf.dispose([x0, eps]);
  });

  test("keeps neither teacher nor its features on the tape", () => {
    const { x0, eps } = parts();
    const [own, frozen, classifierWeight] = [0.6, 0.5, 2].map((w) => tf.variable(tf.scalar(w))) as [
      tf.Variable,
      tf.Variable,
      tf.Variable,
    ];
    const before = tf.memory().numTensors;
    let calls = 0;
    const classifier: Classifier = (images) => {
      calls++;
      return colours(calls === 1 ? tf.mul(images, classifierWeight) : images);
    };
    const { value, grads } = tf.variableGrads(
      () =>
        cfdLoss({
          student: scaledDenoiser(own, "x0"),
          teacher: scaledDenoiser(frozen, "x0"),
          ...{ classifier, schedule: continuous, x0, eps, times: [0.5, 1], studentSteps: 2, temperature: 1 },
        }).loss,
    );
    expect(calls).toBe(2);
    expect(Object.keys(grads)).toEqual([own.name]);
    tf.dispose([value, grads]);
    expect(tf.memory().numTensors).toBe(before);
    tf.dispose([x0, eps, own, frozen, classifierWeight]);
  });

  test("refuses weights out of range, without a leak", () => {
    const { x0, eps } = parts();
    const before = tf.memory().numTensors;
    const model = gaussianDenoiser(continuous, "x0");
    const loss = (more: object) => () =>
      cfdLoss({
        student: model,
        teacher: model,
        classifier: colours,
        schedule: continuous,
        ...{ x0, eps, times: [0.5, 1], studentSteps: 2, temperature: 0.9 },
        ...more,
      });
    expect(loss({ temperature: 0 })).toThrow("cfdLoss: expected temperature > 0, got 0");
    expect(loss({ beta: -1 })).toThrow("cfdLoss: expected beta >= 0, got -1");
    expect(loss({ gamma: 2 })).toThrow("gamma in [0, 1], got 2");
    expect(loss({ classifier: undefined })).toThrow("cfdLoss: expected classifier to be a function");
    expect(loss({ studentSteps: 3 })).toThrow("every time to be i / studentSteps");
    expect(tf.memory().numTensors).toBe(before);
    tf.dispose([x0, eps]);
  });
});
