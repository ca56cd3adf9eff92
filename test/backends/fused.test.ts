import * as tf from "@tensorflow/tfjs";
import "cfd-distill/backends/wasm";
import { beforeAll, describe, expect, it } from "vitest";
import { createRng, useBackend } from "../../src/index.js";
import { attend } from "../../src/models/attention.js";
import { batchNorm, batchNormAddRelu, batchNormRelu } from "../../src/models/batch-norm.js";
import { addPerChannel, pixelMean } from "../../src/models/channelwise.js";
import { groupNorm, groupNormSilu } from "../../src/models/group-norm.js";
import type { Params } from "../../src/types.js";
import type { WasmBackend } from "../../src/backends/wasm/heap.js";

// Operations that are one kernel on wasm: against the same operations composed of others, on cpu, and against finite
// differences.

const rng = createRng(7);

const FUSED = ["Attention", "GroupNorm", "BatchNorm", "FixedBatchNorm", "AddPerChannel", "PixelMean"];

interface Case {
  readonly name: string;
  readonly shapes: readonly (readonly number[])[];
  readonly f: (...inputs: tf.Tensor[]) => tf.Tensor;
  /** Of finite differences: smaller where the slope jumps. */
  readonly step?: number;
}

const asParams = (entries: Record<string, tf.Tensor>) => entries as unknown as Params;

function groupNormCase(
  shape: readonly [number, number, number, number],
  groups: number,
  silu: boolean,
): Case {
  const f = silu ? groupNormSilu : groupNorm;
  return {
    name: `group norm${silu ? " and SiLU" : ""} of [${shape.join(", ")}] in ${groups} groups`,
    shapes: [shape, [shape[3]], [shape[3]]],
    f: (x, weight, bias) =>
      f(x as tf.Tensor4D, asParams({ "n.weight": weight, "n.bias": bias }), "n", { groups, epsilon: 1e-5 }),
  };
}

function attentionCase(...shape: readonly [number, number, number]): Case {
  return {
    name: `attention of [${shape.join(", ")}]`,
    shapes: [shape, shape, shape],
    f: (q, k, v) => attend(q as tf.Tensor3D, k as tf.Tensor3D, v as tf.Tensor3D, shape[2] ** -0.5),
  };
}
const statistics = new Map<number, tf.Variable>();

/** Running statistics of as many channels, which a training step changes. */
function running(channels: number): tf.Variable {
  const known = statistics.get(channels) ?? tf.tidy(() => tf.variable(tf.ones([channels]), false));
  statistics.set(channels, known);
  return known;
}

function batchNormCases(shape: readonly [number, number, number, number]): Case[] {
  const row = [shape[3]];
  const text = `[${shape.join(", ")}]`;
  return [batchNorm, batchNormRelu].flatMap((normalise): Case[] => [
    {
      name: `${normalise.name} of ${text} by given statistics`,
      step: 3e-4,
      shapes: [shape, row, row, row, row],
      f: (x, weight, bias, running_mean, raw) =>
        normalise(
          x as tf.Tensor4D,
          bn({ weight, bias, running_mean, running_var: tf.add(tf.square(raw), 0.3) }),
          "n",
        ),
    },
    {
      name: `${normalise.name} of ${text} in training`,
      step: 3e-4,
      shapes: [shape, row, row],
      f: (x, weight, bias) => {
        const statistic = running(shape[3]);
        const params = bn({ weight, bias, running_mean: statistic, running_var: statistic });
        return normalise(x as tf.Tensor4D, params, "n", { train: { rng } });
      },
    },
  ]);
}

function addReluCase(shape: readonly [number, number, number, number]): Case {
  const row = [shape[3]];
  return {
    name: `batchNormAddRelu of [${shape.join(", ")}]`,
    step: 3e-4,
    shapes: [shape, shape, row, row],
    f: (x, other, weight, bias) => {
      const [running_mean, running_var] = [tf.fill(row, 0.1), tf.fill(row, 1.3)];
      const params = bn({ weight, bias, running_mean, running_var });
      return batchNormAddRelu([x as tf.Tensor4D, other as tf.Tensor4D], params, "n");
    },
  };
}

const bn = (entries: Record<string, tf.Tensor | undefined>) =>
  asParams(Object.fromEntries(Object.entries(entries).map(([key, value]) => [`n.${key}`, value!])));

const imageShapes = [
  [2, 4, 3, 8],
  [1, 7, 6, 5],
  [3, 1, 1, 1],
  [2, 9, 5, 19],
] as const;

/** Channels by fours and with a rest, one pixel and more than a block, groups of one channel and of all. */
const cases: readonly Case[] = [
  groupNormCase([2, 4, 4, 8], 4, true),
  groupNormCase([2, 4, 4, 8], 8, false),
  groupNormCase([3, 5, 7, 9], 3, true),
  groupNormCase([1, 9, 9, 6], 1, true),
  groupNormCase([3, 1, 2, 5], 1, false),
  groupNormCase([1, 3, 1, 1], 1, true),
  groupNormCase([2, 13, 11, 32], 8, true),
  // Whole panels, a rest of each, blocks of queries and a rest, one pixel, one channel.
  attentionCase(2, 16, 8),
  attentionCase(3, 7, 5),
  attentionCase(2, 131, 12),
  attentionCase(1, 1, 3),
  attentionCase(2, 9, 1),
  ...imageShapes.flatMap(batchNormCases),
  ...imageShapes.map((shape) => addReluCase(shape)),
  ...imageShapes.flatMap((shape): Case[] => {
    const [batch, , , channels] = shape;
    const text = `[${shape.join(", ")}]`;
    return [
      {
        name: `adding one number per channel to ${text}`,
        shapes: [shape, [channels]],
        f: (x, row) => addPerChannel(x as tf.Tensor4D, row),
      },
      {
        name: `adding one number per sample and channel to ${text}`,
        shapes: [shape, [batch, channels]],
        f: (x, rows) => addPerChannel(x as tf.Tensor4D, rows),
      },
      { name: `the mean over the pixels of ${text}`, shapes: [shape], f: (x) => pixelMean(x as tf.Tensor4D) },
    ];
  }),
];

/** Inputs away from zero mean, and an output gradient. */
function draw({ shapes, f }: Case): { inputs: Float32Array[]; dy: Float32Array } {
  const inputs = shapes.map((shape) =>
    Float32Array.from(rng.normals(tf.util.sizeFromShape([...shape])), (x) => 1.5 * x + 0.5),
  );
  const size = tf.tidy(() => f(...inputs.map((data, i) => tf.tensor(data, [...shapes[i]!]))).size);
  return { inputs, dy: rng.normals(size) };
}

/** The value and the gradients of all inputs, on the engine that runs. */
async function evaluate(
  { shapes, f }: Case,
  inputs: Float32Array[],
  dy: Float32Array,
): Promise<Float32Array[]> {
  const results = tf.tidy(() => {
    const tensors = inputs.map((data, i) => tf.tensor(data, [...shapes[i]!]));
    const y = f(...tensors);
    return [y, ...tf.grads(f)(tensors, tf.tensor(dy, y.shape))];
  });
  const data = await Promise.all(results.map((result) => result.data<"float32">()));
  tf.dispose(results);
  return data;
}

/** The largest difference as a share of the largest value, or of 1 where that is more. */
function distance(actual: Float32Array, expected: ArrayLike<number>): number {
  expect(actual.length).toBe(expected.length);
  const size = Array.from(expected).reduce((max, x) => Math.max(max, Math.abs(x)), 1);
  return actual.reduce((max, x, i) => Math.max(max, Math.abs(x - expected[i]!)), 0) / size;
}

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
    const expected = await evaluate(fusedCase, inputs, dy);
    await useBackend("wasm");
    const actual = await evaluate(fusedCase, inputs, dy);
    actual.forEach((each, i) => {
      expect(distance(each, expected[i]!), `output ${i}`).toBeLessThan(2e-6);
    });
    expect(await evaluate(fusedCase, inputs, dy)).toEqual(actual);
  });

  it("has the gradients of finite differences along random directions", async () => {
    const { inputs, dy } = drawn;
    await useBackend("wasm");
    const [, ...gradients] = await evaluate(fusedCase, inputs, dy);
    for (const [which, input] of inputs.entries()) {
      const direction = rng.normals(input.length);
      const moved = async (by: number) => {
        const at = inputs.map((each, i) => (i === which ? each.map((x, k) => x + by * direction[k]!) : each));
        return sum((await evaluate(fusedCase, at, dy))[0]!, dy);
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

  it("are what runs on wasm", async () => {
    const { inputs } = draw(images);
    const { kernelNames } = await tf.profile(() => {
      tf.tidy(() => images.f(...inputs.map((data, i) => tf.tensor(data, [...images.shapes[i]!]))));
    });
    expect(kernelNames).toContain("GroupNorm");
    expect(kernelNames).not.toContain("Sigmoid");
    const { kernels } = await useBackend("wasm");
    for (const name of FUSED) {
      expect(kernels.map(({ kernel }) => kernel)).toEqual(expect.arrayContaining([name, `${name}Gradient`]));
    }
  });

  it("compute an image alike in every batch, to the last bit", async () => {
    const { inputs, dy } = draw(images);
    const [y, dx] = await evaluate(images, inputs, dy);
    const size = y!.length / 3;
    for (let i = 0; i < 3; i++) {
      const part = (values: Float32Array) => values.slice(i * size, (i + 1) * size);
      const one = { ...images, shapes: [[1, ...shape.slice(1)], ...images.shapes.slice(1)] };
      const [alone, gradient] = await evaluate(one, [part(inputs[0]!), ...inputs.slice(1)], part(dy));
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
    });
  });

  it("leave second derivatives to the composed operation", async () => {
    const { inputs, dy } = draw(images);
    const second = async () => {
      const result = tf.tidy(() => {
        const [x, weight, bias] = inputs.map((data, i) => tf.tensor(data, [...images.shapes[i]!]));
        const first = tf.grad((at) => images.f(at, weight!, bias!));
        return tf.grad((at) => tf.sum(tf.square(first(at, tf.tensor(dy, [...shape])))))(x!);
      });
      const data = await result.data<"float32">();
      result.dispose();
      return data;
    };
    await useBackend("cpu");
    const expected = await second();
    await useBackend("wasm");
    expect(distance(await second(), expected)).toBeLessThan(1e-5);
  });

  it("keep the engine's memory flat, follow it when it grows, and see weights that are assigned", async () => {
    const { inputs, dy } = draw(images);
    const first = await evaluate(images, inputs, dy);
    const { wasm } = tf.backend() as unknown as WasmBackend;
    const state = () => ({ ...tf.memory(), heap: wasm.HEAPU8.byteLength });
    for (let i = 0; i < 20; i++) await evaluate(images, inputs, dy);
    const before = state();
    for (let i = 0; i < 200; i++) await evaluate(images, inputs, dy);
    expect(state()).toEqual(before);
    const large = tf.zeros([before.heap / 4]);
    expect(await evaluate(images, inputs, dy)).toEqual(first);
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
