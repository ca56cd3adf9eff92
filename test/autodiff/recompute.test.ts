import * as tf from "@tensorflow/tfjs";
import { afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { useBackend } from "../../src/backends/index.js";
import "../../src/backends/wasm.js";
import {
  cloneParams,
  createRng,
  cosineSchedule,
  denoiser,
  denoisingLoss,
  disposeParams,
  noise,
  recompute,
  resnet,
  unet,
  valueAndGrads,
  type Params,
} from "../../src/index.js";

const values = (tensor: tf.Tensor) => [...tensor.dataSync()];
const vector = (...numbers: number[]) => tf.tidy(() => tf.variable(tf.tensor1d(numbers)));

let before = 0;
beforeEach(() => (before = tf.memory().numTensors));
afterEach(() => {
  expect(tf.memory().numTensors, "tensors left behind").toBe(before);
});

describe("recompute", () => {
  beforeAll(() => useBackend("cpu"));

  it("gives the gradients of its function for inputs and weights, zeros where there are none", () => {
    const params = {
      w: vector(1, 2),
      unused: vector(5),
      fixed: tf.tidy(() => tf.variable(tf.scalar(3), false)),
    };
    const x = vector(3, 4);
    const loss = () => {
      const a = tf.mul(x, 2);
      const y = recompute(([b]) => tf.mul(tf.square(tf.mul(b, params.w)), params.fixed), {
        inputs: [a],
        params,
      });
      return { loss: tf.add(tf.sum(y), tf.sum(a)).asScalar() };
    };
    const { terms, grads } = valueAndGrads(loss, { ...params, x });
    expect(values(terms.loss)).toEqual([3 * (36 + 256) + 14]); // 3 (2 x w)^2 + 2 x
    expect([grads.w, grads.unused, grads.x].map((g) => values(g!))).toEqual([[216, 768], [0], [74, 386]]);
    tf.dispose([terms, grads, params, x]);
  });

  it("is right when differentiated twice, and when its function returns its input", () => {
    const x = tf.tensor1d([1, 2]);
    const quartic = (t: tf.Tensor) => recompute(([a]) => tf.square(tf.square(a)), { inputs: [t] });
    tf.tidy(() => {
      const second = tf.grad((t) => tf.grad(quartic)(t));
      expect(values(second(x))).toEqual([12, 48]);
      const third = tf.grad((t) => tf.grad((u) => tf.grad(quartic)(u))(t));
      expect(values(third(x))).toEqual([24, 48]);
      const same = tf.grad((t) => tf.square(recompute(([a]) => a, { inputs: [t] })));
      expect(values(same(x))).toEqual([2, 4]);
      const nested = (t: tf.Tensor) => recompute(([a]) => quartic(tf.mul(a, 2)), { inputs: [t] });
      expect(values(tf.grad(nested)(x))).toEqual([64, 512]);
    });
    x.dispose();
  });

  it("draws the same random numbers again, and leaves the stream where the function alone would", () => {
    const x = vector(1, 1, 1, 1, 1, 1, 1, 1);
    const rng = createRng(4);
    const drop = ([a]: readonly [tf.Tensor], stream?: typeof rng) =>
      tf.mul(a, tf.tensor1d(Array.from({ length: 8 }, () => (stream!.uniform() < 0.5 ? 0 : 1))));
    const { terms, grads } = valueAndGrads(
      () => ({ loss: tf.sum(tf.square(recompute(drop, { inputs: [x], rng }))).asScalar() }),
      { x },
    );
    const alone = createRng(4);
    const mask = Array.from({ length: 8 }, () => (alone.uniform() < 0.5 ? 0 : 2));
    expect(values(grads.x!)).toEqual(mask);
    expect(new Set(mask).size).toBe(2);
    expect(rng.uniform()).toBe(alone.uniform());
    tf.dispose([terms, grads, x]);
  });

  it("refuses a function whose gradients would be lost, and frees the tape when it throws", () => {
    const params = { w: vector(1, 2), v: vector(3, 4) };
    const run = (f: () => tf.Tensor) => () => valueAndGrads(() => ({ loss: tf.sum(f()).asScalar() }), params);
    const { w, v } = params;
    const forgotten = () => recompute(([a]) => tf.mul(a, v), { inputs: [tf.square(w)], params: { w } });
    expect(run(forgotten)).toThrow("recompute: expected params with every trainable weight that f reads");
    const computed = () => {
      const hidden = tf.square(v);
      return recompute(([a]) => tf.mul(a, hidden), { inputs: [tf.square(w)] });
    };
    expect(run(computed)).toThrow("recompute: expected f to run again in the backward pass, from inputs");
    let kept: tf.Tensor | undefined;
    const alive = () => {
      const hidden = (kept = tf.keep(tf.square(v)));
      return recompute(([a]) => tf.mul(a, hidden), { inputs: [tf.square(w)] });
    };
    expect(run(alive)).toThrow("recompute: expected inputs with every tensor that f reads");
    kept?.dispose();
    let runs = 0;
    const second = () =>
      recompute(
        ([a]) => {
          if (runs++ === 1) throw new Error("the second time");
          return tf.square(a);
        },
        { inputs: [tf.square(w)] },
      );
    expect(run(second)).toThrow("the second time");
    const first = () =>
      recompute(
        () => {
          tf.square(w);
          throw new Error("the first time");
        },
        { inputs: [tf.square(w)] },
      );
    expect(run(first)).toThrow("the first time");
    tf.dispose(params);
  });

  it("is refused by classifiers, whose statistics a second run would move again", () => {
    const network = resnet({ blocks: [1], width: 4, classes: 2 });
    const params = network.init(createRng(0));
    const images = noise([1], [4, 4, 3]);
    expect(() => network.apply(params, images, { recompute: true })).toThrow(
      "resnet.apply: expected no `recompute`",
    );
    tf.dispose([images, params]);
  });
});

describe("a U-Net that recomputes its blocks", () => {
  beforeAll(() => useBackend("wasm"));
  const network = unet({
    channels: 16,
    multipliers: [1, 2],
    attention: [1],
    blocks: 2,
    groups: 4,
    timeScale: 8,
    classes: 3,
    dropout: 0.3,
  });

  /** Weights of ordinary size, also where training starts near 0. */
  function lively(of = network): Params {
    const params = of.init(createRng(1));
    for (const [name, weight] of Object.entries(params)) {
      const moved = tf.tidy(() =>
        tf.add(weight, tf.tensor(createRng(2).fork(name).normals(weight.size), weight.shape).mul(0.1)),
      );
      weight.assign(moved);
      moved.dispose();
    }
    return params;
  }

  const batch = () => {
    const [x0, eps] = [noise([1, 2, 3], [16, 16, 3]), noise([4, 5, 6], [16, 16, 3])];
    return { x0, eps, times: [0.2, 0.5, 1], labels: [0, -1, 2], schedule: cosineSchedule() };
  };

  it("has the values, gradients and random numbers of one that keeps them, to the bit", () => {
    const [params, data] = [lively(), batch()];
    const step = (recomputes: boolean) => {
      const rng = createRng(3);
      const model = denoiser(network, params, "x0", { train: { rng }, recompute: recomputes });
      const { terms, grads } = valueAndGrads(() => denoisingLoss({ ...data, denoiser: model }), params);
      const result = {
        loss: values(terms.loss),
        grads: Object.entries(grads).map(([n, g]) => [n, values(g)]),
      };
      tf.dispose([terms, grads]);
      return { ...result, next: rng.uniform() };
    };
    const plain = step(false);
    expect(step(true)).toEqual(plain);
    expect(plain.grads.length).toBe(Object.keys(params).length);
    tf.dispose([params, data.x0, data.eps]);
  });

  it("needs less memory at its peak", async () => {
    const [params, data] = [lively(), batch()];
    const peak = async (recomputes: boolean) => {
      const model = denoiser(network, params, "x0", { recompute: recomputes });
      const start = tf.memory().numBytes;
      const { peakBytes } = await tf.profile(() => {
        const result = valueAndGrads(() => denoisingLoss({ ...data, denoiser: model }), params);
        tf.dispose([result.terms, result.grads]);
      });
      expect(tf.memory().numBytes).toBe(start);
      return peakBytes - start;
    };
    const [plain, recomputed] = [await peak(false), await peak(true)];
    expect(recomputed).toBeLessThan(plain / 2);
    expect(recomputed).toBeGreaterThan(0);
    tf.dispose([params, data.x0, data.eps]);
  });

  it("has the gradient that finite differences give", () => {
    const small = unet({ channels: 4, multipliers: [1], attention: [0], blocks: 1, groups: 2, timeScale: 8 });
    const params = lively(small);
    const zt = noise([7], [4, 4, 3]);
    const weights = noise([8], [4, 4, 3]);
    const loss = (p: Params) => {
      const model = denoiser(small, p, "x0", { recompute: true });
      return { loss: tf.sum(tf.mul(model(zt, [0.6]), weights)).asScalar() };
    };
    const { terms, grads } = valueAndGrads(() => loss(params), params);
    const name = "middleblocks.0.block1.2.weight";
    const direction = tf.tensor(createRng(9).normals(params[name]!.size), params[name]!.shape);
    const at = (by: number) => {
      const moved = cloneParams(params);
      const value = tf.tidy(() => {
        moved[name]!.assign(tf.add(params[name]!, tf.mul(direction, by)));
        return values(loss(moved).loss)[0]!;
      });
      disposeParams(moved);
      return value;
    };
    const numeric = (at(3e-3) - at(-3e-3)) / 6e-3;
    const exact = tf.tidy(() => values(tf.sum(tf.mul(grads[name]!, direction))))[0]!;
    expect(Math.abs(numeric - exact)).toBeLessThan(1e-2 * Math.abs(exact));
    tf.dispose([terms, grads, params, zt, weights, direction]);
  });
});
