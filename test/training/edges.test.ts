// What training says of what it does not take, in full words, and states at their bounds: empty, with a slot too many.
import * as tf from "@tensorflow/tfjs";
import { describe, expect, it } from "vitest";
import {
  adam,
  clipByGlobalNorm,
  cosineAnnealing,
  createRng,
  emaDecay,
  linearWarmup,
  readTerms,
  sgd,
  updateEma,
  type OptimizerState,
} from "../../src/index.js";
import { complaint } from "../support/complaint.js";
import { onCpuWithoutLeaks } from "../support/no-leaks.js";

onCpuWithoutLeaks();

const weight = () => tf.tidy(() => tf.variable(tf.tensor1d([1, -2])));
const stored = (...numbers: number[]) =>
  ({ dtype: "F32", shape: [numbers.length], data: Float32Array.from(numbers) }) as const;

describe("an optimiser's state", () => {
  it("of before the first step is taken, and the first step goes on from it", async () => {
    const grad = tf.tensor1d([1, 1]);
    for (const optimizer of [adam({ learningRate: 0.5 }), sgd({ learningRate: 0.5, momentum: 0.5 })]) {
      const w = weight();
      const empty = await optimizer.state();
      expect(empty.step).toBe(0);
      expect(Object.values(empty.slots).every((slot) => Object.keys(slot).length === 0)).toBe(true);
      optimizer.restore(empty);
      optimizer.apply({ w }, { w: grad });
      [0.5, -2.5].forEach((expected, i) => {
        expect(w.dataSync()[i]).toBeCloseTo(expected, 6); // of the first step Adam makes the rate, SGD rate * gradient
      });
      expect((await optimizer.state()).step).toBe(1);
      optimizer.dispose();
      w.dispose();
    }
    grad.dispose();
  });

  it("of SGD without momentum has no slots", async () => {
    const [w, grad] = [weight(), tf.tensor1d([1, 1])];
    const optimizer = sgd({ learningRate: 1 });
    optimizer.apply({ w }, { w: grad });
    expect(await optimizer.state()).toEqual({ type: "sgd", step: 1, slots: {} });
    optimizer.restore({ type: "sgd", step: 7, slots: {} });
    expect((await optimizer.state()).step).toBe(7);
    tf.dispose([w, grad]);
  });

  it("that does not fit is refused in full words", async () => {
    const [w, grad] = [weight(), tf.tensor1d([1, 1])];
    const optimizer = adam({ learningRate: 1 });
    optimizer.apply({ w }, { w: grad });
    const slot = { w: stored(0, 0) };
    const good = { type: "adam", step: 1, slots: { expAvg: slot, expAvgSq: slot } };
    const refused: [object, string][] = [
      [{ slots: undefined }, "the slots [expAvg, expAvgSq], got []."],
      [{ slots: { expAvg: slot, momentum: slot } }, "the slots [expAvg, expAvgSq], got [expAvg, momentum]."],
      [
        { slots: { expAvg: slot, expAvgSq: slot, more: slot } },
        "the slots [expAvg, expAvgSq], got [expAvg, expAvgSq, more].",
      ],
      [
        { slots: { expAvg: slot, expAvgSq: {} } },
        'expAvgSq with the entries of the first slot, got no "w" [2].',
      ],
      [{ slots: { expAvg: {}, expAvgSq: {} } }, "expAvg of every weight after 1 steps, got none."],
      [
        { slots: { expAvg: { w: { ...stored(0, 0), dtype: "F64" } }, expAvgSq: slot } },
        'expAvg of "w" as 2 numbers in F32, got 2 in F64.',
      ],
      [
        { slots: { expAvg: { v: stored(0) }, expAvgSq: { v: stored(0) } } },
        'the weights that the moments so far belong to, got no "w" [2], "v" [1] which does not belong there.',
      ],
      [{ step: 0.5 }, "step to be an integer >= 0, got 0.5."],
    ];
    for (const [change, message] of refused) {
      const state = { ...good, ...change } as unknown as OptimizerState;
      expect(
        await complaint(() => {
          optimizer.restore(state);
        }),
      ).toBe(`adam.restore: expected ${message}`);
    }
    optimizer.dispose();
    tf.dispose([w, grad]);
  });
});

describe("readTerms", () => {
  it("reads all terms at once, by their names", async () => {
    const terms = { loss: tf.scalar(0.5), norm: tf.scalar(-3) };
    expect(await readTerms(terms)).toEqual({ loss: 0.5, norm: -3 });
    expect(await readTerms(terms, { step: 0 })).toEqual({ loss: 0.5, norm: -3 });
    expect(await readTerms({})).toEqual({});
    tf.dispose(terms);
  });

  it("names each term that is not finite, and the step where it is known", async () => {
    const terms = { loss: tf.scalar(NaN), fine: tf.scalar(1), norm: tf.scalar(Infinity) };
    const expected = "readTerms: expected every term to be finite, got loss = NaN, norm = Infinity";
    expect(await complaint(() => readTerms(terms))).toBe(`${expected}.`);
    expect(await complaint(() => readTerms(terms, { step: 0 }))).toBe(`${expected} at step 0.`);
    expect(await complaint(() => readTerms(terms, { step: 0.5 }))).toBe(
      "readTerms: expected step to be an integer >= 0, got 0.5.",
    );
    tf.dispose(terms);
  });
});

describe("averages", () => {
  it("copy what is not trained to the bit, and mix the rest", async () => {
    const drawn = createRng(1).normals(500);
    const make = (values: Float32Array, trainable: boolean) =>
      tf.tidy(() => tf.variable(tf.tensor1d(values), trainable));
    const params = { w: make(drawn, true), mean: make(drawn, false) };
    const ema = { w: make(new Float32Array(500), true), mean: make(new Float32Array(500), false) };
    updateEma(ema, params, 0.9);
    expect(await ema.mean.data()).toEqual(drawn);
    (await ema.w.data()).forEach((value, i) => {
      expect(Math.abs(value - drawn[i]! * 0.1)).toBeLessThan(1e-7);
    });
    tf.dispose([params, ema]);
  });

  it("gradients are scaled in every tensor by one factor, whatever their rank", async () => {
    const grads = tf.tidy(() => ({
      a: tf.fill([2, 3, 4], 2), // 24 times 4
      b: tf.tensor1d([5]), // and 25: a norm of 11
      c: tf.zeros([0, 3]).concat(tf.zeros([1, 3])),
    }));
    const { grads: clipped, norm } = clipByGlobalNorm(grads, 5.5);
    expect((await norm.data())[0]).toBeCloseTo(11, 5);
    for (const value of await clipped.a.data()) expect(value).toBeCloseTo(1, 6);
    expect((await clipped.b.data())[0]).toBeCloseTo(2.5, 6);
    tf.dispose([grads, clipped, norm]);
  });
});

describe("refusals in full words", () => {
  const refused: [string, () => unknown][] = [
    ["adam: expected option beta1, got beta.", () => adam({ learningRate: 1, beta: 1 } as never)],
    ["adam: expected beta2 in [0, 1), got 1.", () => adam({ learningRate: 1, beta2: 1 })],
    ["adam: expected beta1 in [0, 1), got -0.1.", () => adam({ learningRate: 1, beta1: -0.1 })],
    ["adam: expected l2 to be a number >= 0, got -1.", () => adam({ learningRate: 1, l2: -1 })],
    [
      "adam: expected weightDecay to be a number >= 0, got NaN.",
      () => adam({ learningRate: 1, weightDecay: NaN }),
    ],
    [
      "adam: expected epsilon above 0 in float32, got 1e-50.",
      () => adam({ learningRate: 1, epsilon: 1e-50 }),
    ],
    [
      "adam: expected learningRate to be a number >= 0 or a function of the step, got -1.",
      () => adam({ learningRate: -1 }),
    ],
    ["sgd: expected option momentum, got momentun.", () => sgd({ learningRate: 1, momentun: 1 } as never)],
    ["sgd: expected momentum in [0, 1), got -0.5.", () => sgd({ learningRate: 1, momentum: -0.5 })],
    ["sgd: expected l2 to be a number >= 0, got Infinity.", () => sgd({ learningRate: 1, l2: Infinity })],
    [
      "sgd: expected learningRate to be a number >= 0 or a function of the step, got NaN.",
      () => sgd({ learningRate: NaN }),
    ],
    [
      "cosineAnnealing: expected option steps, got step.",
      () => cosineAnnealing({ rate: 1, step: 1 } as never),
    ],
    [
      "cosineAnnealing: expected rate to be a number >= 0, got -1.",
      () => cosineAnnealing({ rate: -1, steps: 1 }),
    ],
    [
      "cosineAnnealing: expected steps to be a positive integer, got 0.",
      () => cosineAnnealing({ rate: 1, steps: 0 }),
    ],
    ["cosineAnnealing: expected a step >= 0, got -1.", () => cosineAnnealing({ rate: 1, steps: 1 })(-1)],
    ["linearWarmup: expected option steps, got step.", () => linearWarmup({ rate: 1, step: 1 } as never)],
    ["linearWarmup: expected rate to be a number >= 0, got -1.", () => linearWarmup({ rate: -1, steps: 1 })],
    [
      "linearWarmup: expected steps to be a positive integer, got 0.",
      () => linearWarmup({ rate: 1, steps: 0 }),
    ],
    ["linearWarmup: expected a step >= 0, got -1.", () => linearWarmup({ rate: 1, steps: 1 })(-1)],
    ["emaDecay: expected a step >= 0, got -1.", () => emaDecay(0.5)(-1)],
    [
      "updateEma: expected decay in [0, 1], got 1.5.",
      () => {
        updateEma({}, {}, 1.5);
      },
    ],
    ["clipByGlobalNorm: expected maxNorm to be positive, got 0.", () => clipped(0)],
    ['clipByGlobalNorm: expected maxNorm to be positive, got "1".', () => clipped("1")],
    [
      "clipByGlobalNorm: expected gradients, tensors by name, got null.",
      () => clipByGlobalNorm(null as never, 1),
    ],
  ];
  const clipped = (maxNorm: unknown) =>
    tf.tidy(() => clipByGlobalNorm({ a: tf.scalar(1) }, maxNorm as number).norm);

  it.each(refused)("%s", async (message, call) => {
    expect(await complaint(call)).toBe(message);
  });

  it("of a rate that a function gives, and of weights that are none, by the optimiser's name", async () => {
    const [w, grad] = [weight(), tf.tensor1d([1, 1])];
    const apply = (optimizer: ReturnType<typeof adam>, params: unknown) =>
      complaint(() => {
        optimizer.apply(params as never, { w: grad });
      });
    const learningRate = () => -1;
    for (const [name, optimizer] of [
      ["adam", adam({ learningRate })],
      ["sgd", sgd({ learningRate })],
    ] as const) {
      expect(await apply(optimizer, { w })).toBe(
        `${name}.apply: expected a finite learning rate at step 0, not below 0, got -1.`,
      );
      expect(await apply(optimizer, null)).toBe(`${name}.apply: expected params, weights by name, got null.`);
    }
    tf.dispose([w, grad]);
  });
});
