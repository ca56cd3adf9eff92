// What is said of state dicts that are no such network's, and of networks that the authors' code has no names for.
import * as tf from "@tensorflow/tfjs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createRng, disposeParams, resnet, unet, type Params } from "../../../src/index.js";
import {
  classifierFromTorch,
  fromFloat32,
  unetFromTorch,
  unetToTorch,
  type StateDict,
} from "../../../src/formats/index.js";
import { toTorch } from "../../../src/formats/torch/layout.js";
import { complaint } from "../../support/complaint.js";
import { onCpuWithoutLeaks } from "../../support/no-leaks.js";

onCpuWithoutLeaks();

const network = unet({ channels: 4, multipliers: [1], attention: [], blocks: 1, timeScale: 2, groups: 2 });
const judge = resnet({ blocks: [1, 1], width: 2, classes: 3 });
const TABLE = "time_embedding.timembedding.0.weight";
let params: Params = {};
let whole: StateDict = {};
let theirs: StateDict = {};
beforeAll(async () => {
  params = network.init(createRng(0));
  whole = await unetToTorch(network, params);
  const weights = judge.init(createRng(0));
  const entries = Object.entries(weights).map(async ([name, w]) => [name, await toTorch(w)] as const);
  theirs = Object.fromEntries(await Promise.all(entries));
  disposeParams(weights);
});
afterAll(() => {
  disposeParams(params);
});

const zeros = (...shape: number[]) =>
  fromFloat32(new Float32Array(shape.reduce((product, size) => product * size, 1)), shape, "F32");
const without = (dict: StateDict, ...parts: string[]) =>
  Object.fromEntries(Object.entries(dict).filter(([name]) => !parts.some((part) => name.includes(part))));

describe("unetFromTorch", () => {
  const read = (dict: unknown) => complaint(() => unetFromTorch(dict as StateDict, { groups: 2 }));

  it("refuses what is no state dict of a U-Net, in full words", async () => {
    const said = "unetFromTorch: expected ";
    expect(await read(null)).toBe(`${said}a state dict, got null.`);
    expect(await read("x")).toBe(`${said}a state dict, got x.`);
    expect(await read({})).toBe(`${said}a state dict with entries, got an empty one.`);
    expect(await read({ a: 3 })).toBe(`${said}a state dict, that is tensors by name, got "a": 3.`);
    expect(await read({ a: {} })).toBe(`${said}a state dict, that is tensors by name, got "a": other data.`);
    expect(await read({ a: null })).toBe(`${said}a state dict, that is tensors by name, got "a": null.`);
    const some = { a: zeros(1), b: zeros(1), c: zeros(1), d: zeros(1), e: zeros(1), f: zeros(1) };
    expect(await read(some)).toBe(`${said}an entry "${TABLE}", got a, b, c, d, e, ....`);
    expect(await read({ ...some, [TABLE]: zeros(2, 2) })).toBe(
      `${said}an entry "head.weight", got a, b, c, d, e, ....`,
    );
    expect(await read({ "module.a": zeros(1), a: zeros(1) })).toBe(
      `${said}one entry for "a", got "a" besides another.`,
    );
    expect(await complaint(() => unetFromTorch(whole, { group: 2 } as never))).toBe(
      `${said}option groups, got group.`,
    );
  });

  it("refuses entries that are missing, unknown, of another shape or type, and names up to three", async () => {
    const said = "unetFromTorch: expected the entries of such a network, got ";
    expect(await read({ ...whole, more: zeros(2, 3) })).toBe(
      `${said}1 difference: "more" [2, 3], which does not belong there.`,
    );
    expect(await read(without(whole, "tail.2.bias"))).toBe(`${said}1 difference: no "tail.2.bias" [3].`);
    expect(await read({ ...whole, "tail.2.bias": zeros(4) })).toBe(
      `${said}1 difference: "tail.2.bias" [4] instead of [3].`,
    );
    const whole64 = { dtype: "I64", shape: [3], data: new BigInt64Array(3) } as const;
    expect(await read({ ...whole, "tail.2.bias": whole64 })).toBe(
      `${said}1 difference: "tail.2.bias" of type I64.`,
    );
    const four = { w: zeros(1), x: zeros(1), y: zeros(1), z: zeros(1) };
    expect(await read({ ...whole, ...four })).toBe(
      `${said}4 differences: "w" [1], which does not belong there, "x" [1], which does not belong there, "y" [1], which does not belong there.`,
    );
  });

  it("refuses levels and tables of another kind", async () => {
    const said = "unetFromTorch: expected ";
    expect(await read({ ...whole, [TABLE]: zeros(3, 5) })).toBe(
      `${said}"${TABLE}" to have shape [steps + 1, 4], got [3, 5].`,
    );
    expect(await read({ ...whole, [TABLE]: zeros(1, 4) })).toMatch(`${said}"${TABLE}" to have shape`);
    expect(await read({ ...whole, [TABLE]: zeros(3, 4) })).toBe(
      `${said}"${TABLE}"[0, 1] to be 1.00000, from the table of sines and cosines, got 0.`,
    );
    const table = Float32Array.from(whole[TABLE]!.data as Float32Array);
    table[9] = table[9]! + 1e-4;
    const changed = await read({ ...whole, [TABLE]: fromFloat32(table, [3, 4], "F32") });
    expect(changed).toMatch(new RegExp(`^${said}"${TABLE}"\\[2, 1\\] to be -0\\.41614\\d, from the table`));
    expect(await read({ ...whole, "downblocks.1000.x": zeros(1) })).toBe(
      `${said}numbers below 1000 in the entries' names, got downblocks.1000.x.`,
    );
    expect(await read({ ...whole, "downblocks.0.block1.2.weight": zeros(6, 4, 3, 3) })).toBe(
      `${said}widths that are multiples of head's 4, got 6.`,
    );
    expect(await read({ ...whole, "downblocks.0.block1.2.weight": zeros() })).toBe(
      `${said}"downblocks.0.block1.2.weight" to have an axis, got a scalar.`,
    );
    expect(await read({ ...whole, "downblocks.1.main.weight": zeros(1) })).toBe(
      `${said}downblocks with residual blocks at level 1, got none.`,
    );
    const uneven = {
      "downblocks.1.main.weight": zeros(1),
      "downblocks.2.x": zeros(1),
      "downblocks.3.x": zeros(1),
    };
    expect(await read({ ...whole, ...uneven })).toBe(
      `${said}as many residual blocks at every level of downblocks, got [1,2].`,
    );
  });

  it("takes a table that was rounded to 16 bits, and no coarser one", async () => {
    const values = whole[TABLE]!.data as Float32Array;
    for (const dtype of ["F16", "BF16"] as const) {
      const { params: read16 } = unetFromTorch(
        { ...whole, [TABLE]: fromFloat32(values, [3, 4], dtype) },
        { groups: 2 },
      );
      disposeParams(read16);
    }
    const coarse = fromFloat32(
      values.map((value) => Math.round(value * 128) / 128),
      [3, 4],
      "F16",
    );
    expect(await read({ ...whole, [TABLE]: coarse })).toMatch("from the table of sines and cosines, got ");
  });
});

describe("unetToTorch", () => {
  const write = (config: object, weights: unknown = params) =>
    complaint(() => unetToTorch({ config: { ...network.config, ...config } }, weights as Params));

  it("refuses networks that the authors' code cannot be, and weights that are not theirs", async () => {
    const said = "unetToTorch: expected ";
    expect(await write({ type: "resnet" })).toMatch(`${said}a U-Net, got {"type":"resnet"`);
    const expected = `${said}the authors' epsilon, halvingPadding, timeOffset and frequencyShift, and no headWidth or timeShift, got {`;
    const others = [
      { epsilon: 1e-6 },
      { headWidth: 4 },
      { halvingPadding: "end" },
      { timeOffset: -1 },
      { frequencyShift: 1 },
    ];
    for (const other of others) expect(await write(other)).toMatch(expected);
    expect(await write({ timeScale: 2.5 })).toBe(
      `${said}an integer timeScale, as the table has timeScale + 1 rows, got 2.5.`,
    );
    const { "tail.2.bias": bias, ...rest } = params;
    expect(await write({}, rest)).toBe(`${said}"tail.2.bias" of shape [3], got none.`);
    const other = tf.tidy(() => tf.variable(tf.zeros([4])));
    expect(await write({}, { ...params, "tail.2.bias": other })).toBe(
      `${said}"tail.2.bias" of shape [3], got a tensor of shape [4].`,
    );
    expect(await write({}, { ...params, more: other })).toBe(
      `${said}no tensors but the network's own, got more.`,
    );
    const grad = tf.zerosLike(bias!);
    expect(await write({}, { ...params, "tail.2.bias": grad })).toBe(
      `${said}either all weights or all gradients, got a mixture.`,
    );
    tf.dispose([other, grad]);
  });
});

describe("classifierFromTorch", () => {
  const read = (dict: unknown) => complaint(() => classifierFromTorch(dict as StateDict));

  it("takes other names of the same parts, and counters, but not both names", async () => {
    const renamed = Object.fromEntries(
      Object.entries(theirs).map(([name, tensor]) => [
        name.replace(/^fc/, "linear").replace(".downsample.", ".shortcut."),
        tensor,
      ]),
    );
    const { network: found, params: weights } = classifierFromTorch({
      ...renamed,
      "bn1.num_batches_tracked": zeros(),
    });
    expect(found.config).toEqual(judge.config);
    disposeParams(weights);
    expect(await read({ ...theirs, "linear.bias": zeros(3) })).toBe(
      "classifierFromTorch: expected fc or linear, downsample or shortcut, got both.",
    );
  });

  it("refuses other networks, in full words", async () => {
    const said = "classifierFromTorch: expected ";
    const some = { a: zeros(1), b: zeros(1), c: zeros(1), d: zeros(1), e: zeros(1), f: zeros(1) };
    expect(await read(some)).toBe(
      `${said}a ResNet ("layer1.0.conv1.weight") or a DenseNet ("features.conv0.weight"), got a, b, c, d, e.`,
    );
    expect(await read(without(theirs, "fc."))).toMatch(`${said}an entry "fc.weight", got `);
    expect(await read(without(theirs, "layer2."))).toMatch("the entries of such a network, got ");
    expect(await read({ ...theirs, "layer1.1001.x": zeros(1) })).toBe(
      `${said}numbers below 1000 in the entries' names, got layer1.1001.x.`,
    );
    expect(await read({ ...theirs, "layer1.999.x": zeros(1), "layer2.999.x": zeros(1) })).toMatch(
      /^classifierFromTorch: expected entries for each of 2000 blocks, got \d+ entries\.$/,
    );
  });
});
