import * as tf from "@tensorflow/tfjs";
import { beforeAll, describe, expect, it } from "vitest";
import { adam } from "../../src/training/adam.js";
import { clipByGlobalNorm } from "../../src/training/clip.js";
import type { Optimizer, OptimizerState } from "../../src/training/optimizer.js";
import { sgd } from "../../src/training/sgd.js";

beforeAll(async () => {
  await tf.setBackend("cpu");
  await tf.ready();
});

// In a tidy, since a variable does not own the tensor that it starts from.
const makeParams = () =>
  tf.tidy(() => ({
    "layer.weight": tf.variable(
      tf.tensor2d([
        [0.5, -1, 2],
        [1e-3, 0, -3],
      ]),
    ),
    running: tf.variable(tf.scalar(7), false),
    "layer.bias": tf.variable(tf.tensor1d([0.25, -0.75])),
  }));

const makeGrads = (k: number) =>
  tf.tidy(() => ({
    "layer.weight": tf.mul(
      tf.tensor2d([
        [0.1, -2, 1e-4],
        [3, 0, -0.5],
      ]),
      1 - 0.4 * k,
    ),
    "layer.bias": tf.mul(tf.tensor1d([1e-6, 0.7]), 1 + k),
  }));

const rates = [0, 0.1, 0.2, 0.05];
const learningRate = (step: number) => rates[step]!;

/** The weights after four steps, each with its own gradient and rate. */
async function fourSteps(optimizer: Optimizer): Promise<number[]> {
  const params = makeParams();
  for (let k = 0; k < 4; k++) {
    const grads = makeGrads(k);
    optimizer.apply(params, grads);
    tf.dispose(grads);
  }
  const values = [...(await params["layer.weight"].data()), ...(await params["layer.bias"].data())];
  expect(await params.running.data()).toEqual(new Float32Array([7]));
  tf.dispose(params);
  optimizer.dispose();
  return values;
}

// PyTorch 2.13: the weights above, four steps of torch.optim with g = [[.1,-2,1e-4],[3,0,-.5]] * (1 - .4 k) and
// [1e-6,.7] * (1 + k), param_groups[0]['lr'] = [0, .1, .2, .05][k].
const torch: [string, () => Optimizer, number[]][] = [
  [
    "Adam()",
    () => adam({ learningRate }),
    [
      0.20776887238025665, -0.7077688574790955, 1.7078098058700562, -0.2912311553955078, 0.0,
      -2.7077691555023193, -0.08447522670030594, -1.0861389636993408,
    ],
  ],
  [
    "Adam(betas=(.5, .9), eps=1e-3)",
    () => adam({ learningRate, beta1: 0.5, beta2: 0.9, epsilon: 1e-3 }),
    [
      0.2746412754058838, -0.7716174721717834, 1.984735131263733, -0.22743625938892365, 0.0,
      -2.7721004486083984, 0.24918609857559204, -1.1290425062179565,
    ],
  ],
  [
    "Adam(weight_decay=.3)",
    () => adam({ learningRate, l2: 0.3 }),
    [
      0.16713234782218933, -0.6934906840324402, 1.650870442390442, -0.28951558470726013, 0.0,
      -2.6580636501312256, -0.07818982005119324, -1.0790386199951172,
    ],
  ],
  [
    "AdamW(weight_decay=.3)",
    () => adam({ learningRate, weightDecay: 0.3 }),
    [
      0.1664380133152008, -0.6154994964599609, 1.5136622190475464, -0.28172537684440613, 0.0,
      -2.41174578666687, -0.09997664391994476, -0.9997053146362305,
    ],
  ],
  [
    "SGD()",
    () => sgd({ learningRate }),
    [
      0.4909999668598175, -0.8199999928474426, 1.9999909400939941, -0.26900002360343933, 0.0,
      -2.955000162124634, 0.2499990165233612, -1.4499999284744263,
    ],
  ],
  [
    "SGD(momentum=.9, weight_decay=.05)",
    () => sgd({ learningRate, momentum: 0.9, l2: 0.05 }),
    [
      0.4258284568786621, 0.07852230221033096, 1.909968614578247, -1.5493435859680176, 0.0,
      -2.606647491455078, 0.23875068128108978, -2.0164198875427246,
    ],
  ],
];

const both: [string, () => Optimizer][] = [
  ["adam", () => adam({ learningRate, weightDecay: 0.1, l2: 0.1 })],
  ["sgd", () => sgd({ learningRate, momentum: 0.9, l2: 0.1 })],
];

describe("optimisers", () => {
  it.each(torch)("steps as torch.optim.%s does", async (_, make, expected) => {
    const values = await fourSteps(make());
    values.forEach((value, i) => {
      expect(Math.abs(value - expected[i]!), `weight ${i}`).toBeLessThan(5e-7);
    });
  });

  it.each(both)("%s: a restored state goes on bit for bit", async (_, make) => {
    const [params, copy] = [makeParams(), makeParams()];
    const [optimizer, other] = [make(), make()];
    const step = (k: number) => {
      const grads = makeGrads(k);
      optimizer.apply(params, grads);
      if (k >= 2) other.apply(copy, grads);
      tf.dispose(grads);
    };
    step(0);
    step(1);
    const state = await optimizer.state();
    expect(state.step).toBe(2);
    other.restore(structuredClone(state));
    expect(await other.state()).toEqual(state);
    for (const name of Object.keys(params) as (keyof typeof params)[]) {
      (copy[name] as tf.Variable).assign(params[name]);
    }
    step(2);
    step(3);
    for (const name of Object.keys(params) as (keyof typeof params)[]) {
      expect(await copy[name].data()).toEqual(await params[name].data());
    }
    expect(await other.state()).toEqual(await optimizer.state());
    optimizer.dispose();
    other.dispose();
    tf.disposeVariables();
  });

  it.each(both)("%s: is free of leaks, within a tidy too", async (_, make) => {
    const before = tf.memory().numTensors;
    const params = makeParams();
    const optimizer = make();
    const counts: number[] = [];
    for (let k = 0; k < 3; k++) {
      tf.tidy(() => {
        optimizer.apply(params, makeGrads(k));
      });
      counts.push(tf.memory().numTensors);
    }
    expect(new Set(counts).size).toBe(1);
    const state = await optimizer.state();
    optimizer.restore(state);
    optimizer.restore(state);
    expect(tf.memory().numTensors).toBe(counts[0]);
    optimizer.dispose();
    tf.dispose(params);
    expect(tf.memory().numTensors).toBe(before);
  });

  it.each(both)("%s: refuses gradients that do not fit, changing nothing", async (_, make) => {
    const params = makeParams();
    const optimizer = make();
    const good = makeGrads(0);
    optimizer.apply(params, good);
    const state = await optimizer.state();
    const values = await params["layer.weight"].data();
    const before = tf.memory().numTensors;
    const bad: [Record<string, tf.Tensor>, string][] = [
      [{ "layer.weight": good["layer.weight"] }, 'got no "layer.bias" [2]'],
      [{ ...good, running: tf.scalar(1) }, '"running" [] which does not belong there'],
      [{ ...good, "layer.bias": tf.ones([3]) }, '"layer.bias" [3] instead of [2]'],
    ];
    for (const [grads, message] of bad)
      expect(() => {
        optimizer.apply(params, grads);
      }).toThrow(message);
    const other = { w: tf.variable(tf.scalar(0)) };
    expect(() => {
      optimizer.apply(other, { w: tf.scalar(1) });
    }).toThrow("apply: expected the weights that the moments so far belong to");
    expect(tf.memory().numTensors).toBe(before + 5);
    expect(await params["layer.weight"].data()).toEqual(values);
    expect(await optimizer.state()).toEqual(state);
    optimizer.dispose();
    tf.disposeVariables();
  });

  it("refuses a state of another optimiser or network, changing nothing", async () => {
    const params = makeParams();
    const optimizer = adam({ learningRate: 0.1 });
    optimizer.apply(params, makeGrads(0));
    const state = await optimizer.state();
    const { expAvg, expAvgSq } = state.slots as {
      expAvg: OptimizerState["slots"][string];
      expAvgSq: OptimizerState["slots"][string];
    };
    const short = { dtype: "F32", shape: [2], data: new Float32Array(1) } as const;
    const bad: [unknown, string][] = [
      [undefined, "adam.restore: expected a state of adam, got undefined"],
      [{ ...state, type: "sgd" }, "a state of adam, got sgd"],
      [{ ...state, step: -1 }, "step to be an integer >= 0"],
      [{ ...state, slots: { expAvg } }, "the slots [expAvg, expAvgSq], got [expAvg]"],
      [{ ...state, slots: { expAvg: {}, expAvgSq: {} } }, "expAvg of every weight after 1 steps"],
      [
        { ...state, slots: { expAvg, expAvgSq: { "layer.bias": expAvgSq["layer.bias"] } } },
        'no "layer.weight"',
      ],
      [
        { ...state, slots: { expAvg: { w: short }, expAvgSq: { w: short } } },
        'expAvg of "w" as 2 numbers in F32, got 1',
      ],
      [
        {
          ...state,
          slots: {
            expAvg: { w: { ...short, data: new Float32Array(2) } },
            expAvgSq: { w: { ...short, data: new Float32Array(2) } },
          },
        },
        "the weights that the moments so far belong to",
      ],
    ];
    const before = tf.memory().numTensors;
    for (const [other, message] of bad) {
      expect(() => {
        optimizer.restore(other as OptimizerState);
      }).toThrow(message);
    }
    expect(tf.memory().numTensors).toBe(before);
    expect(await optimizer.state()).toEqual(state);
    // A fresh optimiser cannot know the network yet: it complains at the first step, before it changes anything.
    const fresh = adam({ learningRate: 0.1 });
    const one = { dtype: "F32", shape: [], data: new Float32Array(1) } as const;
    fresh.restore({ type: "adam", step: 1, slots: { expAvg: { w: one }, expAvgSq: { w: one } } });
    expect(() => {
      fresh.apply(params, makeGrads(0));
    }).toThrow('got no "w" [], "layer.weight"');
    optimizer.dispose();
    fresh.dispose();
    tf.disposeVariables();
  });

  it("can be disposed of twice, and starts with new moments after that", async () => {
    const [params, grads] = [makeParams(), makeGrads(0)];
    const before = tf.memory().numTensors;
    const optimizer = adam({ learningRate: 0.1 });
    optimizer.apply(params, grads);
    optimizer.dispose();
    optimizer.dispose();
    expect(tf.memory().numTensors).toBe(before);
    expect(await optimizer.state()).toEqual({ type: "adam", step: 1, slots: { expAvg: {}, expAvgSq: {} } });
    optimizer.apply(params, grads);
    const { expAvg } = (await optimizer.state()).slots;
    expect(expAvg!["layer.weight"]!.data[0]).toBeCloseTo(0.01, 7); // 0.1 of the gradient: nothing is left of before
    optimizer.dispose();
    tf.dispose([params, grads]);
  });

  it("refuses settings out of range", () => {
    expect(() => adam({ learningRate: -1 })).toThrow("adam: expected learningRate to be a number >= 0");
    expect(() => adam({ learningRate: 1, beta1: 1 })).toThrow("beta1 in [0, 1)");
    expect(() => adam({ learningRate: 1, epsilon: NaN })).toThrow("epsilon to be a number >= 0");
    expect(() => sgd({ learningRate: 1, momentum: 1 })).toThrow("sgd: expected momentum in [0, 1), got 1");
    expect(() => sgd({ learningRate: NaN })).toThrow("learningRate");
    const params = makeParams();
    const grads = makeGrads(0);
    expect(() => {
      adam({ learningRate: () => NaN }).apply(params, grads);
    }).toThrow("a finite learning rate at step 0");
    tf.dispose([params, grads]);
  });
});

describe("clipByGlobalNorm", () => {
  const grads = () => ({
    a: tf.tensor2d([
      [1, -2],
      [3, 0.5],
    ]),
    b: tf.scalar(-4),
  });

  it("scales as torch.nn.utils.clip_grad_norm_ does", async () => {
    const given = grads();
    const before = tf.memory().numTensors;
    const { grads: clipped, norm } = clipByGlobalNorm(given, 1.5);
    expect(await norm.data()).toEqual(new Float32Array([5.5]));
    const expected = [0.27272725105285645, -0.5454545021057129, 0.8181817531585693, 0.13636362552642822];
    [...(await clipped.a.data())].forEach((value, i) => {
      expect(Math.abs(value - expected[i]!)).toBeLessThan(2e-7);
    });
    expect(Math.abs((await clipped.b.data())[0]! + 1.0909090042114258)).toBeLessThan(2e-7);
    expect([...(await given.a.data())]).toEqual([1, -2, 3, 0.5]);
    tf.dispose([clipped, norm]);
    expect(tf.memory().numTensors).toBe(before);
    tf.dispose(given);
  });

  it("adds 1e-6 to the norm, as torch does", async () => {
    const given = { a: tf.tensor1d([1e-6]) };
    const { grads: clipped, norm } = clipByGlobalNorm(given, 1e-6); // 1e-6 / (1e-6 + 1e-6) of it is left
    expect(Math.abs((await clipped.a.data())[0]! - 5e-7)).toBeLessThan(1e-12);
    tf.dispose([given, clipped, norm]);
  });

  it("leaves short gradients as they are, and zeros at zero", async () => {
    const given = grads();
    for (const maxNorm of [6, Infinity]) {
      const { grads: same, norm } = clipByGlobalNorm(given, maxNorm);
      expect(await same.a.data()).toEqual(await given.a.data());
      tf.dispose([same, norm]);
    }
    const zero = clipByGlobalNorm({ a: tf.zeros([2]) }, 1);
    expect([...(await zero.grads.a.data())]).toEqual([0, 0]);
    tf.dispose([zero, given]);
  });

  it("refuses nothing to clip and a bound that is not positive", () => {
    expect(() => clipByGlobalNorm({}, 1)).toThrow("clipByGlobalNorm: expected at least one gradient");
    const given = grads();
    for (const maxNorm of [0, -1, NaN]) expect(() => clipByGlobalNorm(given, maxNorm)).toThrow("maxNorm");
    tf.dispose(given);
  });
});
