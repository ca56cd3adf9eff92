import * as tf from "@tensorflow/tfjs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  addNoise,
  consistencyLoss,
  cosineSchedule,
  flowSchedule,
  noise,
  predict,
  scoreDistillationLoss,
  tableSchedule,
  valueAndGrads,
  type ConsistencyLossInput,
  type Denoiser,
  type PredictionType,
  type ScoreDistillationInput,
} from "../../src/index.js";
import { gaussianDenoiser, scaledDenoiser } from "../support/denoisers.js";
import { onCpuWithoutLeaks } from "../support/no-leaks.js";

onCpuWithoutLeaks();

// alpha 0.6 and sigma 0.8 at t = 1, 0.8 and 0.6 at t = 0.5, 1 and 0 at t = 0.
const schedule = tableSchedule([1, 0.64, 0.36]);
const pixels = (...values: number[]) => tf.tensor4d(values, [values.length, 1, 1, 1]);
const shrink = (by: number, predictionType: PredictionType = "x0"): Denoiser =>
  Object.assign((zt: tf.Tensor4D) => tf.mul<tf.Tensor4D>(zt, by), { predictionType });

async function read(terms: Readonly<Record<string, tf.Scalar>>): Promise<Record<string, number>> {
  const entries = Object.entries(terms).map(async ([name, term]) => [name, (await term.data())[0]!] as const);
  const values = Object.fromEntries(await Promise.all(entries));
  tf.dispose(terms);
  return values;
}

/** The gradient of a loss at a weight, and its central difference. */
async function slopes(lossAt: () => { loss: tf.Scalar }, weight: tf.Variable, step = 1e-2) {
  const { terms, grads } = valueAndGrads(() => ({ loss: lossAt().loss }), { weight });
  const [gradient] = await grads.weight!.data();
  tf.dispose([terms, grads]);
  const [center] = await weight.data();
  const at = async (value: number) => {
    tf.tidy(() => {
      weight.assign(tf.scalar(value));
    });
    return (await read(lossAt())).loss!;
  };
  const difference = ((await at(center! + step)) - (await at(center! - step))) / (2 * step);
  await at(center!);
  return { gradient: gradient!, difference };
}

describe("consistencyLoss", () => {
  let [x0, eps]: tf.Tensor4D[] = [];
  beforeAll(() => {
    [x0, eps] = [pixels(0.5, 0.5), pixels(1, 1)];
  });
  afterAll(() => {
    tf.dispose([x0, eps]);
  });
  const input = (more: Partial<ConsistencyLossInput> = {}): ConsistencyLossInput => ({
    ...{ student: shrink(0.5), schedule, x0: x0!, eps: eps!, times: [1, 0.5], earlier: [0.5, 0] },
    ...more,
  });

  it("by hand: z is 1.1, 1 and 0.5 at times 1, 0.5 and 0", async () => {
    // f is 0.55 at time 1, its target 0.5 * 1; f is 0.5 at time 0.5, its target z = 0.5.
    const same = await read(consistencyLoss(input()));
    expect(same.loss).toBeCloseTo(0.05 ** 2 / 2, 8);
    expect(same.x0Mse).toBeCloseTo(0.05 ** 2 / 2, 8);
    // The average's answer at time 0.5 is 0.2.
    const averaged = await read(consistencyLoss(input({ average: shrink(0.2), weights: [3, 0] })));
    expect(averaged.loss).toBeCloseTo((3 * 0.35 ** 2) / 2, 6);
    expect(averaged.x0Mse).toBeCloseTo(0.35 ** 2 / 2, 6);
    const huber = await read(consistencyLoss(input({ average: shrink(0.2), distance: { huber: 0.1 } })));
    expect(huber.loss).toBeCloseTo((Math.sqrt(0.35 ** 2 + 0.01) - 0.1) / 2, 6);
    // A teacher that sees noise alone: from time 1 to z = 0.6 * 1.1 / 0.8, from time 0.5 to 0.
    const led = await read(consistencyLoss(input({ teacher: shrink(0) })));
    expect(led.loss).toBeCloseTo(((0.55 - 0.5 * 0.825) ** 2 + 0.5 ** 2) / 2, 6);
  });

  it("asks nobody where all earlier times are 0, and otherwise a whole batch", () => {
    const calls: unknown[] = [];
    const listening: Denoiser = Object.assign(
      (zt: tf.Tensor4D, times: readonly number[], labels?: readonly number[]) => {
        calls.push([zt.shape[0], times, labels]);
        return zt;
      },
      { predictionType: "v" as const },
    );
    tf.dispose(consistencyLoss(input({ average: listening, earlier: [0, 0], labels: [1, 2] })));
    expect(calls).toEqual([]);
    tf.dispose(consistencyLoss(input({ average: listening, earlier: [0, 0.25], labels: [1, 2] })));
    tf.dispose(consistencyLoss(input({ average: listening, earlier: [0.5, 0.25] })));
    expect(calls).toEqual([
      [2, [1, 0.25], [1, 2]], // what is said of the first is left out
      [2, [0.5, 0.25], undefined],
    ]);
  });

  it.each(["x0", "eps", "v", "flow"] as const)(
    "of %s has the gradient of its student alone",
    async (type) => {
      const [data, drawn] = [noise([1, 2], [2, 2, 1]), noise([3, 4], [2, 2, 1])];
      const weight = tf.tidy(() => tf.variable(tf.scalar(0.7)));
      const held = tf.tidy(() => tf.variable(tf.scalar(0.7)));
      for (const distance of ["l2", { huber: 0.2 }] as const) {
        const batch = {
          schedule,
          x0: data,
          eps: drawn,
          times: [0.9, 1],
          earlier: [0.4, 0],
          weights: [2, 0.5],
        };
        const models = {
          student: scaledDenoiser(weight, type),
          average: scaledDenoiser(held, type),
          teacher: scaledDenoiser(held, type),
        };
        const { gradient, difference } = await slopes(
          () => consistencyLoss({ ...models, ...batch, distance }),
          weight,
        );
        expect(gradient / difference).toBeCloseTo(1, 2);
        // By default the average is the student, held: the same loss at the same weights.
        const alone = { student: models.student, teacher: models.teacher };
        const { terms, grads } = valueAndGrads(() => consistencyLoss({ ...alone, ...batch, distance }), {
          weight,
        });
        expect((await grads.weight!.data())[0]).toBeCloseTo(gradient, 5);
        tf.dispose([terms, grads]);
      }
      tf.dispose([data, drawn, weight, held]);
    },
  );

  it("is finite at the ends of a schedule, and where student and target are one", async () => {
    const continuous = cosineSchedule();
    const weight = tf.tidy(() => tf.variable(tf.scalar(1)));
    for (const type of ["x0", "v"] as const) {
      for (const [times, earlier] of [
        [
          [1, 1e-9],
          [0, 0],
        ],
        [
          [1, 1],
          [1 - 1e-12, 0.5],
        ],
      ] as const) {
        for (const distance of ["l2", { huber: 1e-18 }, { huber: 1e18 }] as const) {
          const student = scaledDenoiser(weight, type);
          const batch = { schedule: continuous, times, earlier, distance };
          const { terms, grads } = valueAndGrads(
            () => consistencyLoss(input({ student, ...batch, teacher: gaussianDenoiser(continuous, type) })),
            { weight },
          );
          for (const tensor of [...Object.values(terms), ...Object.values(grads)])
            expect((await tensor.data())[0]).toSatisfy(Number.isFinite);
          tf.dispose([terms, grads]);
        }
      }
    }
    // f = target = 0: the root of huber's distance is not differentiated at 0.
    const { terms, grads } = valueAndGrads(
      () =>
        consistencyLoss(input({ student: scaledDenoiser(weight, "x0"), average: shrink(1), x0: pixels(0, 0), eps: pixels(0, 0), distance: { huber: 1e-3 } })), // prettier-ignore
      { weight },
    );
    expect([(await terms.loss.data())[0], (await grads.weight!.data())[0]]).toEqual([0, 0]);
    tf.dispose([weight, terms, grads]);
  });

  it("refuses what does not fit", () => {
    const refused = (more: object, message: string) => {
      expect(() => consistencyLoss(input(more))).toThrow(`consistencyLoss: expected ${message}`);
    };
    refused({ earlier: [1, 0] }, "every earlier time from 0 to below its time, got 1 beside 1");
    refused({ earlier: [0.5, 0.6] }, "every earlier time from 0 to below its time, got 0.6 beside 0.5");
    refused({ earlier: [NaN, 0] }, "every earlier time from 0 to below its time, got NaN");
    refused({ earlier: [-0.1, 0] }, "every earlier time from 0 to below its time");
    refused(
      { times: [0, 0.5], earlier: [0, 0] },
      "every earlier time from 0 to below its time, got 0 beside 0",
    );
    refused({ earlier: [0.5] }, "2 earlier, one per sample, got 1");
    refused({ earlier: undefined }, "earlier to be an array of numbers");
    refused({ weights: [1] }, "2 weights, one per sample, got 1");
    refused({ weights: [1, -1] }, "every weight to be a number >= 0, got -1");
    refused({ weights: [1, NaN] }, "every weight to be a number >= 0, got NaN");
    refused({ weights: Float32Array.of(1, 1) }, "weights to be an array of numbers");
    refused({ distance: "l1" }, 'distance "l2" or { huber }, got l1');
    refused({ distance: null }, "an object of options, got null");
    for (const huber of [0, -1, NaN, 1e-30, "1"]) refused({ distance: { huber } }, "huber > 0, from 1e-18");
    refused({ distance: { c: 1 } }, "only the options huber, got c");
    refused({ average: () => x0 }, "predictionType among x0, eps, v");
    refused({ teacher: 1 }, "teacher (a function with a predictionType), got 1");
    const ends = { schedule: tableSchedule([1, 0.5, 0]), student: shrink(1, "eps") };
    expect(() => consistencyLoss(input(ends))).toThrow(
      "an eps prediction says nothing about x0 in pure noise",
    );
  });
});

describe("scoreDistillationLoss", () => {
  let [zT, eps]: tf.Tensor4D[] = [];
  beforeAll(() => {
    [zT, eps] = [noise([1, 2], [2, 2, 1]), noise([3, 4], [2, 2, 1])];
  });
  afterAll(() => {
    tf.dispose([zT, eps]);
  });
  const input = (more: Partial<ScoreDistillationInput> = {}): ScoreDistillationInput => ({
    ...{ images: zT!, teacher: shrink(0.5), critic: shrink(0.2), schedule, eps: eps!, times: [0.5, 1] },
    ...{ variant: "vsd", ...more },
  });

  it("by hand: an image of 0.5 is 1.1 at time 1, D is 0.55 and P is 0.22", async () => {
    const [images, drawn] = [pixels(0.5), pixels(1)];
    const given = { images, eps: drawn, times: [1] };
    const vsd = await read(scoreDistillationLoss(input(given)));
    expect(vsd.loss).toBeCloseTo((0.33 / 0.05) ** 2 / 2, 3); // g = -6.6
    const sid = await read(scoreDistillationLoss(input({ ...given, variant: "sid" })));
    expect(sid.loss).toBeCloseTo((0.33 * (0.05 - 0.33)) / 0.05, 4);
    const half = await read(scoreDistillationLoss(input({ ...given, variant: "sid", alpha: 0.5 })));
    expect(half.loss).toBeCloseTo((0.33 * (0.05 - 0.165)) / 0.05, 4);
    tf.dispose([images, drawn]);
  });

  it("vsd moves the images by g, and nothing passes through the networks", async () => {
    const gradient = tf.grad((x) => scoreDistillationLoss(input({ images: x as tf.Tensor4D })).loss)(zT!);
    const [got, z, e] = await Promise.all([gradient.data(), zT!.data(), eps!.data()]);
    for (const sample of [0, 1]) {
      const [alpha, sigma] = [[0.8, 0.6], [0.6, 0.8]][sample] as [number, number]; // prettier-ignore
      const at = [0, 1, 2, 3].map((i) => 4 * sample + i);
      const zt = at.map((i) => alpha * z[i]! + sigma * e[i]!);
      const scale = at.reduce((sum, i, k) => sum + Math.abs(z[i]! - 0.5 * zt[k]!), 0) / 4;
      const wanted = zt.map((value) => (-0.3 * value) / scale / 8); // of 8 pixels in all
      for (const [k, i] of at.entries()) expect(got[i]).toBeCloseTo(wanted[k]!, 6);
    }
    gradient.dispose();
  });

  it.each(["x0", "eps", "v", "flow"] as const)(
    "sid of %s has the gradient of finite differences",
    async (type) => {
      const weight = tf.tidy(() => tf.variable(tf.scalar(0.9)));
      const curved = (by: number): Denoiser =>
        Object.assign((zt: tf.Tensor4D) => tf.mul<tf.Tensor4D>(tf.tanh(zt), by), { predictionType: type });
      const [teacher, critic, times] = [curved(0.8), curved(0.3), [0.5]];
      const [first, drawn] = tf.tidy(() => [zT!, eps!].map((x) => tf.slice(x, 0, 1))) as [
        tf.Tensor4D,
        tf.Tensor4D,
      ];
      const lossAt = () => {
        const images = tf.mul<tf.Tensor4D>(first, weight);
        return scoreDistillationLoss(
          input({ images, teacher, critic, eps: drawn, times, variant: "sid", alpha: 1.2 }),
        );
      };
      // The scale is stopped: what is differentiated is the loss times its scale, over the scale at the middle.
      const scaleAt = () => {
        const images = tf.mul<tf.Tensor4D>(first, weight);
        const { x0 } = predict(teacher, schedule, addNoise(schedule, images, drawn, times), times);
        return tf.mean<tf.Scalar>(tf.abs(tf.sub(images, x0)));
      };
      const at = async (value: number, f: () => tf.Scalar) => {
        const result = tf.tidy(() => {
          weight.assign(tf.scalar(value));
          return f();
        });
        const [number] = await result.data();
        result.dispose();
        return number!;
      };
      const whole = () => tf.mul<tf.Scalar>(lossAt().loss, scaleAt());
      const rise = (await at(0.91, whole)) - (await at(0.89, whole));
      const scale = await at(0.9, scaleAt);
      const { terms, grads } = valueAndGrads(lossAt, { weight });
      expect((await grads.weight!.data())[0]! / (rise / 0.02 / scale)).toBeCloseTo(1, 3);
      tf.dispose([weight, first, drawn, terms, grads]);
    },
  );

  it.each(["vsd", "sid"] as const)("%s leaves the weights of teacher and critic alone", async (variant) => {
    const params = {
      student: tf.tidy(() => tf.variable(tf.scalar(0.9))),
      teacher: tf.tidy(() => tf.variable(tf.scalar(0.5))),
      critic: tf.tidy(() => tf.variable(tf.scalar(0.2))),
    };
    const { terms, grads } = valueAndGrads(
      () =>
        scoreDistillationLoss(
          input({
            images: tf.mul(zT!, params.student),
            teacher: scaledDenoiser(params.teacher, "x0"),
            critic: scaledDenoiser(params.critic, "x0"),
            variant,
          }),
        ),
      params,
    );
    expect(Math.abs((await grads.student!.data())[0]!)).toBeGreaterThan(0.01);
    expect([(await grads.teacher!.data())[0], (await grads.critic!.data())[0]]).toEqual([0, 0]);
    tf.dispose([params, terms, grads]);
  });

  it.each(["vsd", "sid"] as const)(
    "%s is finite at the ends, and where the teacher agrees",
    async (variant) => {
      const continuous = cosineSchedule();
      for (const type of ["x0", "v"] as const) {
        const teacher = gaussianDenoiser(continuous, type);
        const critic = gaussianDenoiser(continuous, type, { mean: 0.1, deviation: 0.2 });
        const ends = { schedule: continuous, times: [0, 1], teacher, critic, variant };
        const lossOf = (x: tf.Tensor) =>
          scoreDistillationLoss(input({ ...ends, images: x as tf.Tensor4D })).loss;
        const { value, grad } = tf.valueAndGrad(lossOf)(zT!);
        expect([...(await value.data()), ...(await grad.data())].every(Number.isFinite)).toBe(true);
        tf.dispose([value, grad]);
      }
      // Black images of a teacher and a critic that see black: nothing divided by nothing.
      const black = tf.zeros<tf.Rank.R4>([2, 2, 2, 1]);
      const agreed = await read(
        scoreDistillationLoss(input({ images: black, teacher: shrink(0), critic: shrink(0), variant })),
      );
      expect(agreed.loss).toBe(0);
      black.dispose();
    },
  );

  it("refuses what does not fit", () => {
    const refused = (more: object, message: string) => {
      expect(() => scoreDistillationLoss(input(more))).toThrow(`scoreDistillationLoss: expected ${message}`);
    };
    refused({ times: [0, 1] }, "times with noise in them (alphaBar < 1), got 0");
    refused({ times: [1] }, "2 times, one per sample");
    refused({ variant: "dmd" }, 'variant "vsd" or "sid", got dmd');
    refused({ variant: undefined }, 'variant "vsd" or "sid", got undefined');
    for (const alpha of [NaN, Infinity, "1"]) refused({ alpha }, "alpha to be a finite number");
    refused({ images: 1 }, "images to be a tensor [batch, height, width, channels], got 1");
    const wide = tf.zeros<tf.Rank.R4>([2, 2, 3, 1]);
    refused({ eps: wide }, "images and eps of one shape");
    wide.dispose();
    refused({ critic: undefined }, "critic (a function with a predictionType)");
    refused({ labels: [0.5, 1] }, "every label to be an integer >= -1");
    const ends = { schedule: tableSchedule([1, 0.5, 0]), teacher: shrink(1, "eps") };
    for (const variant of ["vsd", "sid"] as const) {
      const ask = () => scoreDistillationLoss(input({ ...ends, variant }));
      expect(ask).toThrow("an eps prediction says nothing about x0 in pure noise");
    }
  });
});

// By hand: at t = 0.8 of a flow without a shift alpha is 0.2, sigma 0.8 and zt = -0.7; x0 = zt - sigma * output.
it("are what they are by hand on a flow, of networks that predict the flow", async () => {
  const [flow, x0, eps] = [flowSchedule(), pixels(0.5), pixels(-1)];
  const [student, average, teacher] = [0.6, 0.3, 0.5].map((by) => shrink(by, "flow"));
  const batch = { schedule: flow, x0, eps, times: [0.8], earlier: [0.4] };
  const of = async (terms: { loss: tf.Scalar }) => (await read({ ...terms })).loss;
  const models = { student: student!, average: average! };
  expect(await of(consistencyLoss({ ...models, ...batch }))).toBeCloseTo((0.364 - 0.088) ** 2, 6);
  // The teacher's step leads from -0.7 to 0.6 * -0.42 + 0.4 * -0.77.
  const distilled = consistencyLoss({ ...models, ...batch, teacher: teacher! });
  expect(await of(distilled)).toBeCloseTo((0.364 - 0.56 * 0.88) ** 2, 6);
  const scored = { images: x0, teacher: teacher!, critic: average!, schedule: flow, eps, times: [0.8] };
  const [difference, norm] = [-0.42 + 0.532, 0.92];
  expect(await of(scoreDistillationLoss({ ...scored, variant: "vsd" }))).toBeCloseTo(
    (difference / norm) ** 2 / 2,
    6,
  );
  const sid = scoreDistillationLoss({ ...scored, variant: "sid", alpha: 1.2 });
  expect(await of(sid)).toBeCloseTo((difference * (-0.92 - 1.2 * difference)) / norm, 6);
  tf.dispose([x0, eps]);
});
