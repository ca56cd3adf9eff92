import * as tf from "@tensorflow/tfjs";
import { describe, expect, test } from "vitest";
import {
  createRng,
  densenet,
  disposeParams,
  resnet,
  unet,
  type Params,
  type UnetOptions,
} from "../../../src/index.js";
import {
  classifierFromTorch,
  decodeSafetensors,
  encodeSafetensors,
  unetFromTorch,
  unetToTorch,
} from "../../../src/formats/index.js";
import {
  fromFloat32,
  toFloat32,
  type StateDict,
  type StoredTensor,
} from "../../../src/formats/state-dict.js";
import { toTorch } from "../../../src/formats/torch/layout.js";
import { unetSpecs } from "../../../src/models/unet-plan.js";
import { onCpuWithoutLeaks } from "../../support/no-leaks.js";

const TABLE = "time_embedding.timembedding.0.weight";
const SMALL = { channels: 32, multipliers: [1], attention: [], blocks: 1, timeScale: 16 };

onCpuWithoutLeaks();

async function written(options: UnetOptions): Promise<StateDict> {
  const network = unet(options);
  const params = network.init(createRng(0));
  const stateDict = await unetToTorch(network, params);
  disposeParams(params);
  return stateDict;
}

/** Any weights as PyTorch would store them. */
async function stored(params: Params): Promise<StateDict> {
  const entries = Object.entries(params).map(async ([name, v]) => [name, await toTorch(v)] as const);
  return Object.fromEntries(await Promise.all(entries));
}

/** Typed arrays of the same bits; vitest's own comparison takes seconds for a million numbers. */
function expectSameBits(actual: ArrayLike<number>, expected: ArrayLike<number>, what: string): void {
  const bytes = (list: ArrayLike<number>) => Buffer.from(Float32Array.from(list).buffer);
  expect(bytes(actual).equals(bytes(expected)), what).toBe(true);
}

const numbers = (tensor: StoredTensor | undefined) => [...toFloat32(tensor!)];

test("a convolution becomes [out, in, height, width] and a linear layer [out, in], element by element", async () => {
  // HWIO [1, 2, 3, 2]: the value says where it lies, as 1000 h + 100 w + 10 in + out.
  const conv = tf.tensor4d([0, 1, 10, 11, 20, 21, 100, 101, 110, 111, 120, 121], [1, 2, 3, 2]);
  expect(await toTorch(conv)).toEqual({
    dtype: "F32",
    shape: [2, 3, 1, 2],
    data: new Float32Array([0, 100, 10, 110, 20, 120, 1, 101, 11, 111, 21, 121]),
  });
  const linear = tf.tensor2d([1, 2, 3, 4, 5, 6], [2, 3]);
  expect(await toTorch(linear)).toMatchObject({ shape: [3, 2], data: new Float32Array([1, 4, 2, 5, 3, 6]) });
  tf.dispose([conv, linear]);
});

describe("U-Net", () => {
  test("other groups than the authors' are said, not read", async () => {
    const options = { channels: 8, multipliers: [1], attention: [], blocks: 1, timeScale: 4, groups: 4 };
    const stateDict = await written(options);
    expect(() => unetFromTorch(stateDict)).toThrow(
      "unetFromTorch: expected groups (32, the authors', as no file tells them; see the option groups) to divide every width, got width 8.",
    );
    expect(() => unetFromTorch(stateDict, { groups: 3 })).toThrow("unetFromTorch: expected groups (3; see");
    const { network, params } = unetFromTorch(stateDict, { groups: 4 });
    expect(network.config).toEqual(unet(options).config);
    disposeParams(params);
  });

  test.each<[string, UnetOptions]>([
    [
      "attention at some levels, two blocks",
      { ...SMALL, multipliers: [1, 2, 2], attention: [0, 2], blocks: 2 },
    ],
    ["classes", { ...SMALL, multipliers: [2, 1], attention: [], classes: 7, timeScale: 33 }],
    ["one level, grey images", { ...SMALL, imageChannels: 1 }],
  ])("is read off names and shapes, bit for bit: %s", async (_, options) => {
    const network = unet(options);
    const params = network.init(createRng(0));
    const stateDict = await unetToTorch(network, params);
    const again = unetFromTorch(decodeSafetensors(encodeSafetensors(stateDict)));
    expect(again.network.config).toEqual(network.config);
    for (const [name, variable] of Object.entries(params)) {
      expectSameBits(await again.params[name]!.data(), await variable.data(), name);
      expect(again.params[name]!.shape).toEqual(variable.shape);
    }
    const back = await unetToTorch(again.network, again.params);
    expect(Object.keys(back)).toEqual(Object.keys(stateDict));
    for (const [name, { shape }] of Object.entries(stateDict)) {
      expect(back[name]!.shape, name).toEqual(shape);
      expectSameBits(toFloat32(back[name]!), toFloat32(stateDict[name]!), name);
    }
    disposeParams(params);
    disposeParams(again.params);
  });

  test("is written with the authors' 329 entries at the paper's size, table included", () => {
    const paper = { channels: 128, multipliers: [1, 2, 2, 2], attention: [1], blocks: 2, timeScale: 1024 };
    const { config } = unet(paper);
    expect(new Set([...Object.keys(unetSpecs(config)), TABLE]).size).toBe(329);
  });

  test("the table holds sines and cosines, interleaved, one row per step and one more", async () => {
    const { [TABLE]: table } = await written(SMALL);
    expect(table).toMatchObject({ dtype: "F32", shape: [17, 32] });
    const row = numbers(table).slice(16 * 32, 17 * 32);
    // Row 16, frequencies 1 and 10000^(-2/32) = 0.562341.
    const expected = [Math.sin(16), Math.cos(16), Math.sin(16 * 0.5623413), Math.cos(16 * 0.5623413)];
    expected.forEach((value, k) => {
      expect(row[k]).toBeCloseTo(value, 5);
    });
  });

  test("gradients are written like the weights, without the table", async () => {
    const network = unet(SMALL);
    const params = network.init(createRng(0));
    const grads = Object.fromEntries(Object.entries(params).map(([name, v]) => [name, tf.mul(v, 2)]));
    const weights = await unetToTorch(network, params);
    const result = await unetToTorch(network, grads);
    expect(Object.keys(result)).toEqual(Object.keys(weights).filter((name) => name !== TABLE));
    expect(numbers(result["head.weight"])).toEqual(numbers(weights["head.weight"]).map((v) => 2 * v));
    expect(result["head.weight"]!.shape).toEqual([32, 3, 3, 3]);
    tf.dispose(grads);
    disposeParams(params);
  });

  test.each(["F16", "BF16", "F64"] as const)(
    "%s entries and a module. prefix are accepted",
    async (dtype) => {
      const stateDict = await written(SMALL);
      const convert = (tensor: StoredTensor): StoredTensor =>
        dtype === "F64"
          ? { dtype, shape: tensor.shape, data: Float64Array.from(toFloat32(tensor)) }
          : fromFloat32(toFloat32(tensor), tensor.shape, dtype);
      const entries = Object.entries(stateDict).map(([name, t]) => [`module.${name}`, convert(t)] as const);
      const { network, params } = unetFromTorch(Object.fromEntries(entries));
      expect(network.config).toEqual(unet(SMALL).config);
      const rounded = toFloat32(convert(stateDict["head.bias"]!));
      expect(await params["head.bias"]!.data()).toEqual(rounded);
      disposeParams(params);
    },
  );

  test("what is missing, unknown, of another shape or no float is an error that names it", async () => {
    const whole = await written(SMALL);
    const without = (name: string) =>
      Object.fromEntries(Object.entries(whole).filter(([key]) => key !== name));
    const put = (name: string, tensor: StoredTensor) => () => unetFromTorch({ ...whole, [name]: tensor });
    const ones = (...shape: number[]): StoredTensor =>
      fromFloat32(new Float32Array(shape.reduce((a, b) => a * b, 1)).fill(1), shape, "F32");
    const expected = "unetFromTorch: expected the entries of such a network, got 1 difference:";
    expect(() => unetFromTorch(without("upblocks.1.shortcut.bias"))).toThrow(
      `${expected} no "upblocks.1.shortcut.bias" [32].`,
    );
    expect(() => unetFromTorch(without("downblocks.0.block1.2.weight"))).toThrow(
      'unetFromTorch: expected an entry "downblocks.0.block1.2.weight"',
    );
    for (const name of ["head.weight", TABLE]) {
      expect(() => unetFromTorch(without(name))).toThrow(`unetFromTorch: expected an entry "${name}"`);
    }
    expect(put("extra", ones(2))).toThrow(`${expected} "extra" [2], which does not belong there.`);
    expect(put("tail.0.bias", ones(3))).toThrow(`${expected} "tail.0.bias" [3] instead of [32].`);
    const integers = { dtype: "I32", shape: [32], data: new Int32Array(32) } as const;
    expect(put("head.bias", integers)).toThrow(`${expected} "head.bias" of type I32.`);
    expect(() => unetFromTorch({})).toThrow("unetFromTorch: expected a state dict with entries");
    const checkpoint = { net_model: whole, T: 8 } as unknown as StateDict;
    expect(() => unetFromTorch(checkpoint)).toThrow(
      'expected a state dict, that is tensors by name, got "net_model": other data.',
    );
    const six = Object.fromEntries("abcdef".split("").map((name) => [name, ones(1)]));
    expect(() => unetFromTorch({ ...whole, ...six })).toThrow('got 6 differences: "a" [1], which');
  });

  test("a table of something else is an error", async () => {
    const whole = await written(SMALL);
    const table = toFloat32(whole[TABLE]!);
    const read = (values: Float32Array, shape: number[]) => () =>
      unetFromTorch({ ...whole, [TABLE]: fromFloat32(values, shape, "F32") });
    const spoilt = table.slice();
    spoilt[3 * 32 + 5]! += 1e-4;
    expect(read(spoilt, [17, 32])).toThrow(`unetFromTorch: expected "${TABLE}"[3, 5] to be`);
    const blocked = Float32Array.from({ length: 17 * 32 }, (_, i) => {
      const [row, k] = [Math.floor(i / 32), i % 32];
      return table[row * 32 + (k < 16 ? 2 * k : 2 * (k - 16) + 1)]!; // all sines, then all cosines
    });
    expect(read(blocked, [17, 32])).toThrow("from the table of sines and cosines");
    expect(read(table.slice(0, 17 * 16), [17, 16])).toThrow("to have shape [steps + 1, 32], got [17, 16].");
  });

  test("writing refuses what is not a network's own", async () => {
    const network = unet(SMALL);
    const params = network.init(createRng(0));
    const fails = (tensors: Record<string, tf.Tensor>) => expect(unetToTorch(network, tensors)).rejects;
    const { "head.bias": bias, ...rest } = params;
    await fails(rest).toThrow('unetToTorch: expected "head.bias" of shape [32], got none.');
    await fails({ ...params, more: bias! }).toThrow("expected no tensors but the network's own, got more.");
    const zeros = tf.zeros([32]);
    await fails({ ...rest, "head.bias": zeros }).toThrow(
      "either all weights or all gradients, got a mixture.",
    );
    zeros.dispose();
    const { config } = resnet({ blocks: [1], width: 2, classes: 2 });
    await expect(unetToTorch({ config } as never, params)).rejects.toThrow("unetToTorch: expected a U-Net");
    const fractional = { config: { ...network.config, timeScale: 16.5 } };
    await expect(unetToTorch(fractional, params)).rejects.toThrow("expected an integer timeScale");
    const padded = unet({ ...SMALL, halvingPadding: "end" });
    await expect(unetToTorch(padded, params)).rejects.toThrow(
      /expected the authors' epsilon, halvingPadding.*"end"/,
    );
    disposeParams(params);
  });
});

describe("names and entries of a file that are nobody's network are refused at once:", () => {
  const ones = (...shape: number[]): StoredTensor =>
    fromFloat32(new Float32Array(shape.reduce((a, b) => a * b, 1)), shape, "F32");
  const many = (name: (i: number) => string) =>
    Object.fromEntries(Array.from({ length: 130_000 }, (_, i) => [name(i), ones(1)]));
  const head = { "head.weight": ones(32, 3, 3, 3), [TABLE]: ones(17, 32) };
  const stem = {
    "conv1.weight": ones(4, 3, 3, 3),
    "fc.weight": ones(2, 4),
    "layer1.0.conv1.weight": ones(4, 4, 3, 3),
  };
  const looksLike = (data: unknown, shape: unknown = [4, 4, 3, 3]) => ({
    ...stem,
    "layer1.0.conv1.weight": { dtype: "F32", shape, data } as StoredTensor,
  });

  test.each<[string, () => unknown, RegExp]>([
    [
      "a block of a huge number",
      () => unetFromTorch({ ...head, "downblocks.4294967290.main.weight": ones(1) }),
      /numbers below 1000 in the entries' names, got downblocks.4294967290/,
    ],
    [
      "a number of 400 digits",
      () => unetFromTorch({ ...head, [`downblocks.${"9".repeat(400)}.x`]: ones(1) }),
      /numbers below 1000/,
    ],
    [
      "130,000 blocks",
      () => unetFromTorch({ ...head, ...many((i) => `downblocks.${i}.x`) }),
      /numbers below 1000/,
    ],
    [
      "levels of different depth",
      () =>
        unetFromTorch({
          ...head,
          ...Object.fromEntries(
            ["0.block1.2.weight", "1.main.weight", "2.block1.2.weight", "3.block1.2.weight"].map((name) => [
              `downblocks.${name}`,
              ones(32),
            ]),
          ),
        }),
      /as many residual blocks at every level of downblocks, got \[1,2\]/,
    ],
    [
      "a stage of a huge number",
      () => classifierFromTorch({ ...stem, "layer999999999.0.x": ones(1) }),
      /numbers below 1000 in the entries' names, got layer999999999/,
    ],
    [
      "a block within a stage",
      () => classifierFromTorch({ ...stem, "layer1.99999999.x": ones(1) }),
      /numbers below 1000/,
    ],
    [
      "more blocks than entries",
      () =>
        classifierFromTorch({
          ...stem,
          ...Object.fromEntries(Array.from({ length: 999 }, (_, i) => [`layer${i + 1}.999.x`, ones(1)])),
        }),
      /entries for each of 999000 blocks|numbers below/,
    ],
    [
      "130,000 other entries",
      () => classifierFromTorch({ ...stem, ...many((i) => `x${i}`) }),
      /130\d+ differences/,
    ],
    [
      "a number for data",
      () => classifierFromTorch(looksLike(3e9)),
      /tensors by name, got "layer1.0.conv1.weight": other data/,
    ],
    ["text for data", () => classifierFromTorch(looksLike("x".repeat(144))), /tensors by name/],
    ["data of another type", () => classifierFromTorch(looksLike(new Uint8Array(144))), /tensors by name/],
    [
      "less data than the shape says",
      () => classifierFromTorch(looksLike(new Float32Array(143))),
      /tensors by name/,
    ],
    [
      "a shape of lists",
      () => classifierFromTorch(looksLike(new Float32Array(144), [[144]])),
      /tensors by name/,
    ],
    ["None for a tensor", () => classifierFromTorch({ ...stem, epoch: null } as never), /got "epoch": null/],
  ])("%s", (_, read, message) => {
    const started = performance.now();
    const before = tf.memory().numTensors;
    expect(read).toThrow(message);
    expect(tf.memory().numTensors).toBe(before);
    expect(performance.now() - started).toBeLessThan(20_000);
  });
});

describe("classifiers", () => {
  const networks = [
    resnet({ blocks: [1, 2], width: 4, classes: 3 }),
    resnet({ blocks: [1, 1, 1], width: 2, bottleneck: true, classes: 10 }),
    resnet({ blocks: [3, 3, 3], width: 4, shortcut: "pad", classes: 10, imageChannels: 1 }),
    resnet({ blocks: [2], width: 4, classes: 5 }),
    densenet({ growth: 2, blocks: [2, 1, 3], stem: 4, classes: 3 }),
    densenet({ growth: 2, blocks: [6, 12, 48, 32], stem: 4, classes: 10 }), // DenseNet-201's depth
  ];

  test.each(networks.map((network) => [JSON.stringify(network.config), network] as const))(
    "are read off names and shapes, bit for bit: %s",
    async (_, network) => {
      const params = network.init(createRng(0));
      const counter: StoredTensor = { dtype: "I64", shape: [], data: new BigInt64Array([7n]) };
      const stateDict = await stored(params);
      const again = classifierFromTorch({ ...stateDict, "bn1.num_batches_tracked": counter });
      expect(again.network.config).toEqual(network.config);
      expect(Object.keys(again.params)).toEqual(Object.keys(params));
      for (const [name, variable] of Object.entries(params)) {
        expectSameBits(await again.params[name]!.data(), await variable.data(), name);
        expect(again.params[name]!.trainable, name).toBe(!name.includes("running_"));
      }
      disposeParams(params);
      disposeParams(again.params);
    },
  );

  test("a head named linear becomes fc, and a module. prefix goes", async () => {
    const params = networks[0]!.init(createRng(0));
    const entries = Object.entries(await stored(params)).map(([name, tensor]) => {
      return [`module.${name.replace("fc.", "linear.")}`, tensor] as const;
    });
    const again = classifierFromTorch(Object.fromEntries(entries));
    expect(await again.params["fc.weight"]!.data()).toEqual(await params["fc.weight"]!.data());
    disposeParams(params);
    disposeParams(again.params);
  });

  test("what does not fit is an error that names it", async () => {
    const bare = (n: number) => networks[n]!.init(createRng(0));
    const [plain, bottleneck, dense] = [bare(0), bare(1), bare(4)];
    const whole = await stored(plain);
    const without = (stateDict: StateDict, part: string) =>
      Object.fromEntries(Object.entries(stateDict).filter(([name]) => !name.includes(part)));
    const expected = "classifierFromTorch: expected the entries of such a network, got 1 difference:";
    expect(() => classifierFromTorch(without(whole, "layer2.1.bn1.running_var"))).toThrow(
      `${expected} no "layer2.1.bn1.running_var" [8].`,
    );
    expect(() => classifierFromTorch({ ...whole, "maxpool.weight": whole["fc.bias"]! })).toThrow(
      `${expected} "maxpool.weight" [3], which does not belong there.`,
    );
    const large = {
      ...whole,
      "conv1.weight": fromFloat32(new Float32Array(4 * 3 * 49), [4, 3, 7, 7], "F32"),
    };
    expect(() => classifierFromTorch(large)).toThrow(
      `${expected} "conv1.weight" [4, 3, 7, 7] instead of [4, 3, 3, 3].`,
    );
    expect(() => classifierFromTorch(without(whole, "fc."))).toThrow(
      'classifierFromTorch: expected an entry "fc.weight"',
    );
    const unprojected = without(await stored(bottleneck), "downsample");
    expect(() => classifierFromTorch(unprojected)).toThrow("bottleneck blocks with downsample entries");
    expect(() => classifierFromTorch({ "head.weight": whole["fc.weight"]! })).toThrow(
      'expected a ResNet ("layer1.0.conv1.weight") or a DenseNet ("features.conv0.weight"), got head.weight.',
    );
    const shallow = without(await stored(dense), "block2.denselayer1.conv1");
    expect(() => classifierFromTorch(shallow)).toThrow(
      `${expected} no "block2.denselayer1.conv1.weight" [8, 4, 1, 1].`,
    );
    for (const params of [plain, bottleneck, dense]) disposeParams(params);
  });
});
