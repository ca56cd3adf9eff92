import * as tf from "@tensorflow/tfjs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  accumulateGrads,
  adam,
  addNoise,
  cfdLoss,
  classifier,
  clipByGlobalNorm,
  cloneParams,
  cosineAnnealing,
  cosineSchedule,
  countParameters,
  createRng,
  datasetOrientedLoss,
  denoiser,
  denoisingLoss,
  disposeParams,
  emaDecay,
  featureDistillationLoss,
  linearWarmup,
  logSNR,
  noise,
  predict,
  progressiveLoss,
  progressiveTarget,
  readTerms,
  sampleAncestral,
  sampleDdim,
  scheduleFromConfig,
  sgd,
  tableSchedule,
  unet,
  updateEma,
  valueAndGrads,
  withGuidance,
  type Denoiser,
} from "../../src/index.js";
import { frechetDistance, inceptionScore, statistics } from "../../src/metrics/index.js";
import { imageGrid } from "../../src/data/index.js";
import { complaint } from "../support/complaint.js";
import { onCpuWithoutLeaks } from "../support/no-leaks.js";

// What is of the wrong kind is refused by name: nothing is coerced, dropped or broadcast.

onCpuWithoutLeaks();

const schedule = cosineSchedule();
const grey: Denoiser = Object.assign((zt: tf.Tensor4D) => tf.zerosLike(zt), {
  predictionType: "x0" as const,
});
const network = unet({
  channels: 4,
  multipliers: [1],
  attention: [],
  blocks: 1,
  timeScale: 8,
  groups: 4,
  classes: 3,
});
let zt: tf.Tensor4D;
let params = {};
beforeAll(() => {
  zt = noise([1, 2], [2, 2, 3]);
  params = network.init(createRng(0));
});
afterAll(() => {
  zt.dispose();
  disposeParams(params);
});

const batch = () => ({ schedule, x0: zt, eps: zt, times: [0.5, 1] });
const distilled = () => ({ ...batch(), student: grey, teacher: grey, studentSteps: 2 });
const rows = (count: number) => tf.tidy(() => tf.ones<tf.Rank.R2>([count, 3]));
const judgeOf = (logits: number, features: number) => () => ({
  logits: rows(logits),
  features: rows(features),
});

describe("times", () => {
  const notTimes = [
    ["0.5", 1],
    [0n, 1],
    [null, 1],
    [undefined, 1],
    [true, 1],
    [NaN, 1],
    Array(2),
    [-0.1, 1],
    [1.1, 1],
  ];
  const takers: Record<string, (times: never) => unknown> = {
    predict: (times) => predict(grey, schedule, zt, times),
    addNoise: (times) => addNoise(schedule, zt, zt, times),
    progressiveTarget: (times) => progressiveTarget(grey, schedule, zt, times, { studentSteps: 2 }),
    denoisingLoss: (times) => denoisingLoss({ ...batch(), denoiser: grey, times }),
    progressiveLoss: (times) => progressiveLoss({ ...distilled(), times }),
    cfdLoss: (times) => cfdLoss({ ...distilled(), classifier: judgeOf(2, 2), temperature: 1, times }),
    denoiser: (times) => denoiser(network, params, "x0")(zt, times),
    "unet.apply": (times) => network.apply(params, zt, times),
  };

  it.each(Object.entries(takers))("%s", async (name, take) => {
    for (const times of notTimes) {
      expect(await complaint(() => take(times as never))).toMatch(
        `${name}: expected every time in [0, 1], got `,
      );
    }
    for (const times of [new Float32Array([0.5, 1]), "11", 1, null, { length: 2 }]) {
      expect(await complaint(() => take(times as never))).toMatch(
        `${name}: expected times to be an array of numbers`,
      );
    }
  });

  it("of samplers and schedules", async () => {
    const sample = (times: unknown) =>
      complaint(() => sampleDdim(grey, schedule, zt, { times: times as number[] }));
    expect(await sample(Float32Array.of(1, 0))).toMatch("times to be an array of numbers");
    expect(await sample(["1", "0"])).toBe('sampleDdim: expected times in [0, 1] that fall, got "1".');
    expect(await sample(Array(3))).toMatch("that fall, got undefined");
    for (const t of ["0.5", 1n, null, undefined, [0.5]]) {
      expect(() => schedule.alphaBar(t as never)).toThrow("alphaBar: expected a time in [0, 1], got ");
    }
    expect(() => schedule.alphaBar("0.5" as never)).toThrow('got "0.5".');
    for (const bad of [["1", "0"], "10", [1n, 0n], [true, false], new BigInt64Array([1n, 0n]), Array(3)]) {
      expect(() => tableSchedule(bad as never)).toThrow(
        /tableSchedule: expected (every alphaBar in|alphaBars to be an array)/,
      );
    }
    expect(() => scheduleFromConfig({ type: "cosine", s: "0" } as never)).toThrow(
      's to be a finite number, got "0".',
    );
    expect(() => logSNR(undefined as never, 0.5)).toThrow("logSNR: expected schedule to be a noise schedule");
  });
});

describe("labels and seeds", () => {
  it.each([["1", 0], [1n, 0], [undefined, 0], Array<number>(2), [0.5, 0], [NaN, 0], [-2, 0]])(
    "labels %o",
    async (...labels) => {
      const message = "every label to be an integer >= -1, got";
      expect(await complaint(() => predict(grey, schedule, zt, [1, 1], { labels: labels as never }))).toMatch(
        message,
      );
      expect(
        await complaint(() => sampleDdim(grey, schedule, zt, { steps: 1, labels: labels as never })),
      ).toMatch(message);
      expect(await complaint(() => network.apply(params, zt, [1, 1], labels as never))).toMatch(message);
    },
  );

  it("labels of a class that is none", async () => {
    expect(await complaint(() => network.apply(params, zt, [1, 1], [2, 3]))).toMatch(
      "every label below 3, got 3",
    );
  });

  it.each([["1", 2], [1n, 2], [0.5, 2], [undefined, 2], Array<number>(2), [2 ** 53, 2], [NaN, 2]])(
    "seeds %o",
    async (...seeds) => {
      const message = "every seed to be a safe integer, got";
      expect(await complaint(() => noise(seeds as never, [2, 2, 3]))).toMatch(`noise: expected ${message}`);
      const run = () => sampleAncestral(grey, schedule, zt, { steps: 1, seeds: seeds as never });
      expect(await complaint(run)).toMatch(`sampleAncestral: expected ${message}`);
    },
  );

  it("seeds that are no array", async () => {
    for (const seeds of [undefined, null, 3, "12", Float64Array.of(1, 2)]) {
      expect(await complaint(() => noise(seeds as never, [2, 2, 3]))).toMatch(
        "noise: expected seeds to be an array",
      );
    }
  });
});

describe("finite logits", () => {
  const large = [
    [3e38, -3e38, 0],
    [-3e38, 3e38, 3e38],
    [3.4e38, 3.4e38, -3.4e38],
    [0, 0, 0],
  ];

  it.each([1, 0.9, 0.01, 1e-30, 1e30])(
    "give finite terms and gradients at temperature %d",
    async (temperature) => {
      const [a, b] = [tf.tensor2d(large), tf.tensor2d([...large].reverse())];
      for (const [student, teacher] of [
        [a, a],
        [a, b],
        [b, a],
      ] as const) {
        const { value, grad } = tf.valueAndGrad((x: tf.Tensor) =>
          featureDistillationLoss(x as tf.Tensor2D, teacher, { temperature }),
        )(student);
        const data = [...(await value.data()), ...(await grad.data())];
        expect(data.every(Number.isFinite)).toBe(true);
        expect(data[0]).toBeGreaterThanOrEqual(0);
        tf.dispose([value, grad]);
      }
      const { loss, entropy, diversity } = datasetOrientedLoss(a, { gamma: 0.5 });
      for (const term of [loss, entropy, diversity])
        expect(Number.isFinite((await term.data())[0])).toBe(true);
      expect((await entropy.data())[0]).toBeCloseTo((2 * Math.log(2) + Math.log(3)) / 4, 5);
      tf.dispose([a, b, loss, entropy, diversity]);
      expect(
        Number.isFinite(
          inceptionScore({ values: Float32Array.from(large.flat()), width: 3 }, { splits: 1 }).mean,
        ),
      ).toBe(true);
    },
  );

  it("of 4e36 at temperature 0.01 are those of 4 at 0.01 as far as their softmax goes", async () => {
    const student = tf.tensor2d([[0.2, 0.3, 0.1]]);
    const [far, near] = [4e36, 4].map((x) => tf.tensor2d([[x, 0, x]]));
    const losses = [far!, near!].map((teacher) =>
      featureDistillationLoss(student, teacher, { temperature: 0.01 }),
    );
    expect((await losses[0]!.data())[0]).toBeCloseTo((await losses[1]!.data())[0]!, 6);
    tf.dispose([student, far!, near!, losses]);
  });

  it("a gap of more than 1e30 counts as 1e30, and its gradient is the softmax's", async () => {
    const [student, teacher] = [tf.tensor2d([[3e38, -3e38]]), tf.tensor2d([[0, 1e30]])];
    const { value, grad } = tf.valueAndGrad((x: tf.Tensor) =>
      featureDistillationLoss(x as tf.Tensor2D, teacher, { temperature: 1 }),
    )(student);
    expect((await value.data())[0]).toBeCloseTo(1e30, -25);
    expect([...(await grad.data())]).toEqual([1, -1]);
    tf.dispose([student, teacher, value, grad]);
  });
});

describe("classifiers", () => {
  it.each([
    [1, 2, "logits \\[2, classes\\]"],
    [2, 1, "features \\[2, width\\]"],
    [3, 2, "logits"],
  ])("of %i and %i rows for two images", async (logits, features, message) => {
    const ask = () =>
      tf.tidy(() => cfdLoss({ ...distilled(), classifier: judgeOf(logits, features), temperature: 1 }));
    expect(await complaint(ask)).toMatch(new RegExp(`^cfdLoss: expected the classifier's ${message}`));
    const own = () => tf.tidy(() => classifier({ apply: judgeOf(logits, features) }, {})(zt));
    expect(await complaint(own)).toMatch(new RegExp(`^classifier: expected ${message}`));
  });

  it.each([null, undefined, 1, () => undefined, () => ({ logits: 1, features: 2 })])(
    "that is %o",
    async (judge) => {
      const ask = () =>
        tf.tidy(() => cfdLoss({ ...distilled(), classifier: judge as never, temperature: 1 }));
      expect(await complaint(ask)).toMatch(
        /^cfdLoss: expected (classifier to be a function|the classifier's logits)/,
      );
    },
  );
});

describe("images", () => {
  it("are float32, in use and at least one", async () => {
    const bad = {
      "zt to be of type float32, got int32": tf.zeros<tf.Rank.R4>([2, 2, 2, 3], "int32"),
      "zt to be of type float32, got bool": tf.zeros<tf.Rank.R4>([2, 2, 2, 3], "bool"),
      "zt not to be empty, got a tensor of shape [0, 2, 2, 3]": tf.zeros<tf.Rank.R4>([0, 2, 2, 3]),
      "zt to be a tensor in use, got one that was disposed": tf.zeros<tf.Rank.R4>([2, 2, 2, 3]),
    };
    const tensors = Object.values(bad);
    tensors.at(-1)!.dispose();
    for (const [message, tensor] of Object.entries(bad)) {
      const times = tensor.shape[0] === 0 ? [] : [1, 1];
      expect(await complaint(() => predict(grey, schedule, tensor, times))).toBe(
        `predict: expected ${message}.`,
      );
      const takers = {
        zT: () => sampleDdim(grey, schedule, tensor, { steps: 1 }),
        zt: () => progressiveTarget(grey, schedule, tensor, times, { studentSteps: 1 }),
        images: () => imageGrid(tensor, { columns: 1 }),
        x0: () => denoisingLoss({ ...batch(), times, denoiser: grey, x0: tensor, eps: tensor }),
      };
      for (const [name, take] of Object.entries(takers)) {
        expect(await complaint(take)).toMatch(`: expected ${message.replace("zt", name)}.`);
      }
    }
    tf.dispose(tensors);
  });

  it("a model's output too", async () => {
    const int = Object.assign(() => tf.zeros<tf.Rank.R4>([2, 2, 2, 3], "int32"), {
      predictionType: "x0" as const,
    });
    expect(await complaint(() => predict(int, schedule, zt, [1, 1]))).toMatch(
      "the denoiser's output to be of type float32",
    );
  });
});

describe("what is missing", () => {
  it.each([null, undefined, 7, "x"])("%o", async (nothing) => {
    const none = nothing as never;
    const w = tf.tidy(() => ({ w: tf.variable(tf.scalar(1)) }));
    const [first, second] = [adam({ learningRate: 1 }), sgd({ learningRate: 1 })];
    const weights = "params, weights by name";
    const calls: Record<string, () => unknown> = {
      [`denoiser: expected ${weights}`]: () => denoiser(network, none, "x0"),
      "denoiser: expected a network": () => denoiser(none, {}, "x0"),
      [`classifier: expected ${weights}`]: () => classifier({ apply: judgeOf(2, 2) }, none),
      "classifier: expected a network": () => classifier(none, {}),
      [`unet.apply: expected ${weights}`]: () => network.apply(none, zt, [1, 1]),
      [`cloneParams: expected ${weights}`]: () => cloneParams(none),
      [`countParameters: expected ${weights}`]: () => countParameters(none),
      [`disposeParams: expected ${weights}`]: () => {
        disposeParams(none);
      },
      [`valueAndGrads: expected ${weights}`]: () => valueAndGrads(() => ({ loss: tf.scalar(1) }), none),
      [`adam.apply: expected ${weights}`]: () => {
        first.apply(none, {});
      },
      "adam.apply: expected one gradient per": () => {
        first.apply(w, none);
      },
      [`sgd.apply: expected ${weights}`]: () => {
        second.apply(none, {});
      },
      "updateEma: expected params with the names": () => {
        updateEma(none, w, 0.5);
      },
      "clipByGlobalNorm: expected gradients": () => clipByGlobalNorm(none, 1),
      "accumulateGrads: expected f to return": () => accumulateGrads(1, () => none),
      "readTerms: expected scalars by name": () => readTerms(none),
      "sampleDdim: expected a denoiser": () => sampleDdim(none, schedule, zt, { steps: 1 }),
      "sampleDdim: expected schedule": () => sampleDdim(grey, none, zt, { steps: 1 }),
      "sampleDdim: expected zT": () => sampleDdim(grey, schedule, none, { steps: 1 }),
      "predict: expected a denoiser": () => predict(none, schedule, zt, [1, 1]),
      "predict: expected schedule": () => predict(grey, none, zt, [1, 1]),
      "withGuidance: expected a denoiser": () => withGuidance(none, 2),
      "progressiveTarget: expected teacher": () =>
        progressiveTarget(none, schedule, zt, [1, 1], { studentSteps: 1 }),
      "denoisingLoss: expected denoiser": () => denoisingLoss({ ...batch(), denoiser: none }),
      "denoisingLoss: expected schedule": () => denoisingLoss({ ...batch(), denoiser: grey, schedule: none }),
      "progressiveLoss: expected student": () => progressiveLoss({ ...distilled(), student: none }),
      "datasetOrientedLoss: expected logits": () => datasetOrientedLoss(none, { gamma: 0.5 }),
      "featureDistillationLoss: expected studentFeatures": () =>
        featureDistillationLoss(none, none, { temperature: 1 }),
      "frechetDistance: expected a with mean": () => frechetDistance(none, none),
      "inceptionScore: expected logits": () => inceptionScore(none),
      "statistics: expected features": () => statistics(none),
    };
    for (const [message, call] of Object.entries(calls)) {
      expect(
        (await complaint(() => tf.tidy(() => call() as tf.TensorContainer))).slice(0, message.length),
      ).toBe(message);
    }
    tf.dispose(w);
  });
});

describe("numbers of training", () => {
  it("are numbers in their ranges", () => {
    const bad = ["0.5", 1n, NaN, -1, Infinity, null, true];
    for (const value of bad) {
      const none = value as never;
      for (const name of ["beta1", "beta2", "epsilon", "weightDecay", "l2"]) {
        expect(() => adam({ learningRate: 1, [name]: none })).toThrow(`adam: expected ${name} `);
      }
      for (const name of ["momentum", "l2"]) {
        expect(() => sgd({ learningRate: 1, [name]: none })).toThrow(`sgd: expected ${name} `);
      }
      expect(() => cosineAnnealing({ rate: none, steps: 2 })).toThrow("cosineAnnealing: expected rate");
      expect(() => linearWarmup({ rate: none, steps: 2 })).toThrow("linearWarmup: expected rate");
      for (const rate of [
        cosineAnnealing({ rate: 1, steps: 2 }),
        linearWarmup({ rate: 1, steps: 2 }),
        emaDecay(0.9),
      ]) {
        expect(() => rate(none)).toThrow("expected a step >= 0, got ");
      }
      expect(() => emaDecay(none)).toThrow("emaDecay: expected decay in [0, 1], got ");
      expect(() => {
        updateEma({}, {}, none);
      }).toThrow("updateEma: expected decay in [0, 1], got ");
      if (value !== Infinity) {
        expect(() => clipByGlobalNorm({ a: zt }, none)).toThrow(
          "clipByGlobalNorm: expected maxNorm to be positive",
        );
      }
    }
    for (const name of ["beta1", "beta2"])
      expect(() => adam({ learningRate: 1, [name]: 1 })).toThrow(`${name} in [0, 1)`);
    // 0 / (0 + 0) for a weight that the loss does not depend on; 1e-50 is 0 in float32.
    for (const epsilon of [0, 1e-50])
      expect(() => adam({ learningRate: 1, epsilon })).toThrow("epsilon above 0 in float32");
    expect(() => clipByGlobalNorm({ a: 1 as never }, 1)).toThrow(
      "clipByGlobalNorm: expected a to be a tensor, got 1.",
    );
  });

  it("of losses and samplers", async () => {
    const judged = { ...distilled(), classifier: judgeOf(2, 2) };
    for (const value of ["0.5", 1n, NaN, -1, null, true]) {
      const none = value as never;
      expect(await complaint(() => cfdLoss({ ...judged, temperature: none }))).toMatch(
        "cfdLoss: expected temperature > 0",
      );
      expect(await complaint(() => cfdLoss({ ...judged, temperature: 1, beta: none }))).toMatch(
        "expected beta >= 0",
      );
      expect(
        await complaint(() => tf.tidy(() => cfdLoss({ ...judged, temperature: 1, gamma: none }))),
      ).toMatch("gamma in [0, 1]");
      const weighting = { minSnr: none };
      expect(await complaint(() => denoisingLoss({ ...batch(), denoiser: grey, weighting }))).toMatch(
        "minSnr > 0",
      );
      expect(await complaint(() => sampleDdim(grey, schedule, zt, { steps: 1, eta: none }))).toMatch(
        "eta in [0, 1]",
      );
      const target = { x0: zt, eps: zt };
      const without = { ...batch(), student: grey, target };
      expect(await complaint(() => progressiveLoss({ ...without, studentSteps: none }))).toMatch(
        "studentSteps to be a positive",
      );
    }
    const options = { steps: 1, signal: {} as never };
    expect(await complaint(() => sampleDdim(grey, schedule, zt, options))).toMatch(
      "signal to be an AbortSignal",
    );
    expect(await complaint(() => sampleDdim(grey, schedule, zt, { steps: 1, onStep: 1 as never }))).toMatch(
      "onStep to be",
    );
    expect(
      await complaint(() => denoisingLoss({ ...batch(), denoiser: grey, weighting: null as never })),
    ).toMatch("expected an object of options, got null");
    // Positions on a grid of so many steps are no longer whole numbers of their own.
    expect(
      await complaint(() => progressiveTarget(grey, schedule, zt, [0.5, 1], { studentSteps: 1e300 })),
    ).toBe("progressiveTarget: expected at most 1000000 studentSteps, got 1e+300.");
    // A list, a Map or a promise has no keys, and would be taken for no options at all.
    for (const none of [[], new Map([["clip", true]]), Promise.resolve({}), new Date(0)]) {
      expect(await complaint(() => predict(grey, schedule, zt, [0.5, 1], none as never))).toMatch(
        "predict: expected an object of options, got ",
      );
    }
    const copied = structuredClone(Object.assign({}, zt)) as never; // a tensor from another thread, without its methods
    expect(await complaint(() => sampleDdim(grey, schedule, copied, { steps: 1 }))).toMatch(
      "sampleDdim: expected zT to be a tensor [batch, height, width, channels], got {",
    );
    const train = true as never;
    expect(() => denoiser(network, params, "x0", { train })).toThrow(
      "expected an object of options, got true",
    );
    expect(() => denoiser(network, params, "x0", { train: {} as never })).toThrow("train to be { rng }");
  });
});
