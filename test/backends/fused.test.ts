import * as tf from "@tensorflow/tfjs";
import "cfd-distill/backends/wasm";
import { beforeAll, describe, expect, it } from "vitest";
import { useBackend } from "../../src/index.js";
import { batchNorm, batchNormRelu } from "../../src/models/batch-norm.js";
import { addPerChannel } from "../../src/models/channelwise.js";
import { conv2d } from "../../src/models/layers.js";
import { groupNorm, groupNormSilu } from "../../src/models/group-norm.js";
import type { WasmBackend } from "../../src/backends/wasm/memory/heap.js";
import {
  asParams,
  bn,
  cases,
  distance,
  draw,
  evaluateCase,
  groupNormCase,
  rng,
} from "../support/compositions.js";

// Operations that are one kernel on wasm: against the same operations composed of others, on cpu, and against finite
// differences.

const FUSED = ["Attention", "GroupNorm", "BatchNorm", "FixedBatchNorm", "AddPerChannel", "PixelMean"];

const sum = (values: Float32Array, weights: Float32Array) =>
  values.reduce((s, x, i) => s + x * weights[i]!, 0);

describe.each(cases)("$name", (fusedCase) => {
  let drawn: ReturnType<typeof draw>;
  beforeAll(async () => {
    await useBackend("cpu");
    drawn = draw(fusedCase);
  });

  it("agrees with the composed operation", async () => {
    const { inputs, dy } = drawn;
    await useBackend("cpu");
    const expected = await evaluateCase(fusedCase, inputs, dy);
    await useBackend("wasm");
    const actual = await evaluateCase(fusedCase, inputs, dy);
    actual.forEach((each, i) => {
      expect(distance(each, expected[i]!), `output ${i}`).toBeLessThan(2e-6);
    });
    expect(await evaluateCase(fusedCase, inputs, dy)).toEqual(actual);
  });

  it("has the gradients of finite differences along random directions", async () => {
    const { inputs, dy } = drawn;
    await useBackend("wasm");
    const [, ...gradients] = await evaluateCase(fusedCase, inputs, dy);
    for (const [which, input] of inputs.entries()) {
      const direction = rng.normals(input.length);
      const moved = async (by: number) => {
        const at = inputs.map((each, i) => (i === which ? each.map((x, k) => x + by * direction[k]!) : each));
        return sum((await evaluateCase(fusedCase, at, dy))[0]!, dy);
      };
      const step = fusedCase.step ?? 3e-3;
      const numeric = ((await moved(step)) - (await moved(-step))) / (2 * step);
      const exact = sum(gradients[which]!, direction);
      expect(Math.abs(exact - numeric), `input ${which}`).toBeLessThan(1e-2 * Math.max(1, Math.abs(exact)));
    }
  });
});

describe("SiLU in a kernel", () => {
  it("is exact to a few units in the last place, and right at the ends", async () => {
    await useBackend("wasm");
    // Without a scale the normal value is the offset.
    const at = [...Array.from({ length: 4001 }, (_, i) => (i - 2000) / 23), -1e4, -104.5, 104.5, 1e4, NaN];
    const y = tf.tidy(() => {
      const [x, weight] = [tf.ones<tf.Rank.R4>([1, 1, 1, at.length]), tf.zeros([at.length])];
      return groupNormSilu(x, asParams({ "n.weight": weight, "n.bias": tf.tensor1d(at) }), "n", {
        groups: 1,
        epsilon: 1e-5,
      });
    });
    const values = await y.data<"float32">();
    y.dispose();
    at.forEach((x, i) => {
      const exact = Math.fround(x) / (1 + Math.exp(-Math.fround(x)));
      if (Number.isNaN(x)) expect(values[i]).toBeNaN();
      else {
        // Where the sigmoid is tiny, the exponent's last digit counts |x| times.
        const tolerance = 3e-7 * (1 + Math.max(0, -x) / 2) * Math.abs(exact) + 2e-34;
        expect(Math.abs(values[i]! - exact), `${x}`).toBeLessThanOrEqual(tolerance);
      }
    });
  });
});

describe("batch norm in a kernel", () => {
  it("moves the running statistics by 0.1, once a forward pass, whatever gradients follow", async () => {
    await useBackend("wasm");
    const names = ["weight", "bias", "running_mean", "running_var"] as const;
    const params = bn(
      Object.fromEntries(names.map((name) => [name, tf.tidy(() => tf.variable(tf.tensor1d([0.5, 2])))])),
    );
    // Channel 0 holds 1, 3: mean 2, unbiased variance 2. Channel 1 holds 4, 4: mean 4, variance 0.
    const x = tf.tensor4d([1, 4, 3, 4], [1, 2, 1, 2]);
    const f = (at: tf.Tensor) =>
      tf.sum(tf.square(batchNormRelu(at as tf.Tensor4D, params, "n", { train: { rng } })));
    tf.tidy(() => tf.grad((at) => tf.sum(tf.square(tf.grad(f)(at))))(x));
    const [mean, variance] = [params["n.running_mean"]!, params["n.running_var"]!];
    expect(distance(await mean.data<"float32">(), [0.9 * 0.5 + 0.1 * 2, 0.9 * 2 + 0.1 * 4])).toBeLessThan(
      1e-6,
    );
    expect(distance(await variance.data<"float32">(), [0.9 * 0.5 + 0.1 * 2, 0.9 * 2])).toBeLessThan(1e-6);
    tf.dispose([x, params]);
  });
});

describe("fused kernels", () => {
  beforeAll(() => useBackend("wasm"));
  const shape = [3, 5, 7, 9] as const;
  const images = groupNormCase(shape, 3, true);

  /** Operations whose second derivatives are not zero. */
  const curved = cases
    .filter(({ name }) => /convolution of|group norm and SiLU of/.test(name))
    .map(({ name, shapes, f }) => ({ name, shapes, f: (...at: tf.Tensor[]) => tf.square(f(...at)) }));

  it("are what runs on wasm", async () => {
    const { inputs } = draw(images);
    const { kernelNames } = await tf.profile(() => {
      tf.tidy(() => images.f(...inputs.map((data, i) => tf.tensor(data, [...images.shapes[i]!]))));
    });
    expect(kernelNames).toContain("GroupNorm");
    expect(kernelNames).not.toContain("Sigmoid");
    const kernels = (await useBackend("wasm")).kernels.map(({ kernel }) => kernel);
    for (const name of FUSED) expect(kernels).toEqual(expect.arrayContaining([name, `${name}Gradient`]));
    const convolve = ["Convolve", "ConvolveInputGradient", "ConvolveFilterGradient"];
    expect(kernels).toEqual(expect.arrayContaining(convolve));
  });

  it("compute only the gradients that are asked for", async () => {
    const { kernelNames } = await tf.profile(() => {
      tf.tidy(() => {
        const f = (x: tf.Tensor) =>
          conv2d(x as tf.Tensor4D, asParams({ "c.weight": tf.ones([3, 3, 4, 4]) }), "c");
        return tf.grad(f)(tf.ones([1, 4, 4, 4]));
      });
    });
    expect(kernelNames).toContain("ConvolveInputGradient");
    expect(kernelNames).not.toContain("ConvolveFilterGradient");
  });

  it("compute an image alike in every batch, to the last bit", async () => {
    const { inputs, dy } = draw(images);
    const [y, dx] = await evaluateCase(images, inputs, dy);
    const size = y!.length / 3;
    for (let i = 0; i < 3; i++) {
      const part = (values: Float32Array) => values.slice(i * size, (i + 1) * size);
      const one = { ...images, shapes: [[1, ...shape.slice(1)], ...images.shapes.slice(1)] };
      const [alone, gradient] = await evaluateCase(one, [part(inputs[0]!), ...inputs.slice(1)], part(dy));
      expect(alone).toEqual(part(y!));
      expect(gradient).toEqual(part(dx!));
    }
  });

  it("refuse weights of another size, which they would read past", () => {
    tf.tidy(() => {
      const x = tf.ones<tf.Rank.R4>([2, 2, 2, 4]);
      const [three, four] = [tf.ones([3]), tf.ones([4])];
      const params = (weight: tf.Tensor) => bn({ weight, bias: four, running_mean: four, running_var: four });
      const expected = /expected 4 numbers, one per channel, got \[3\]/;
      expect(() => groupNorm(x, params(three), "n", { groups: 2, epsilon: 1e-5 })).toThrow(expected);
      expect(() => batchNorm(x, params(three), "n")).toThrow(expected);
      expect(() => addPerChannel(x, three)).toThrow(expected);
      expect(() => addPerChannel(x, tf.ones([1, 4]))).toThrow(/expected 8 numbers/);
      const weights = { "c.weight": tf.ones([3, 3, 4, 4]) };
      expect(() => conv2d(x, asParams({ ...weights, "c.bias": three }), "c")).toThrow(expected);
      const rows = tf.ones<tf.Rank.R2>([1, 4]);
      expect(() => conv2d(x, asParams(weights), "c", { rows })).toThrow(/expected 8 numbers/);
      const residual = tf.ones<tf.Rank.R4>([2, 2, 1, 4]);
      expect(() => conv2d(x, asParams(weights), "c", { residual })).toThrow(
        /conv2d: expected a residual of shape \[2, 2, 2, 4\], got \[2,2,1,4\]/,
      );
    });
  });

  it.each(curved)("leave second derivatives of $name to the composed operation", async ({ shapes, f }) => {
    const data = shapes.map((each) => rng.normals(tf.util.sizeFromShape([...each])));
    const second = async () => {
      const results = tf.tidy(() => {
        const inputs = data.map((values, i) => tf.tensor(values, [...shapes[i]!]));
        const slope = (x: tf.Tensor, ...rest: tf.Tensor[]) => tf.grad((at) => tf.sum(f(at, ...rest)))(x);
        return tf.grads((...at) => tf.sum(tf.square(slope(...(at as [tf.Tensor])))))(inputs);
      });
      const all = await Promise.all(results.map(async (result) => (await result.data<"float32">()).slice()));
      tf.dispose(results);
      return all;
    };
    await useBackend("cpu");
    const expected = await second();
    await useBackend("wasm");
    (await second()).forEach((values, i) => {
      expect(distance(values, expected[i]!), `input ${i}`).toBeLessThan(1e-5);
    });
  });

  it("keep the engine's memory flat, follow it when it grows, and see weights that are assigned", async () => {
    const { inputs, dy } = draw(images);
    const first = await evaluateCase(images, inputs, dy);
    const { wasm } = tf.backend() as unknown as WasmBackend;
    const state = () => ({ ...tf.memory(), heap: wasm.HEAPU8.byteLength });
    for (let i = 0; i < 20; i++) await evaluateCase(images, inputs, dy);
    const before = state();
    for (let i = 0; i < 200; i++) await evaluateCase(images, inputs, dy);
    expect(state()).toEqual(before);
    const large = tf.zeros([before.heap / 4]);
    expect(await evaluateCase(images, inputs, dy)).toEqual(first);
    expect(state().heap).toBeGreaterThan(before.heap);
    large.dispose();
    const [x, weight, bias] = inputs.map((data, i) => tf.variable(tf.tensor(data, [...images.shapes[i]!])));
    const value = async () => (await tf.tidy(() => images.f(x!, weight!, bias!)).data<"float32">()).slice();
    expect(await value()).toEqual(first[0]);
    tf.tidy(() => {
      weight!.assign(tf.mul(weight!, 2));
      bias!.assign(tf.mul(bias!, 2));
    });
    expect(await value()).not.toEqual(first[0]);
    tf.tidy(() => {
      weight!.assign(tf.mul(weight!, 0.5));
      bias!.assign(tf.mul(bias!, 0.5));
    });
    expect(await value()).toEqual(first[0]);
  });
});
