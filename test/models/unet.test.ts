import * as tf from "@tensorflow/tfjs";
import { beforeAll, describe, expect, it } from "vitest";
import { countParameters, disposeParams } from "../../src/models/params.js";
import { unet } from "../../src/models/unet.js";
import { unetConfig, type UnetOptions } from "../../src/models/unet-config.js";
import { unetSpecs } from "../../src/models/unet-plan.js";
import { createRng, noise } from "../../src/rng.js";
import type { Params } from "../../src/types.js";

const PAPER = { channels: 128, multipliers: [1, 2, 2, 2], attention: [1], blocks: 2, timeScale: 1024 };
const TINY = { channels: 4, multipliers: [1, 2], attention: [1], blocks: 1, timeScale: 8, groups: 2 };

beforeAll(async () => {
  await tf.setBackend("cpu");
  await tf.ready();
});

const values = (tensor: tf.Tensor) => Array.from(tensor.dataSync());
const size = (shape: readonly number[]) => shape.reduce((a, b) => a * b, 1);
const shapes = (options: UnetOptions) =>
  Object.entries(unetSpecs(unetConfig(options))).map(([name, { shape }]) => [name, shape] as const);

/** Weights large enough everywhere that every one of them matters to the output. */
function lively(options: UnetOptions): Params {
  const params = unet(options).init(createRng(1));
  for (const [name, weight] of Object.entries(params))
    tf.tidy(() => {
      const values = createRng(2).fork(name).normals(weight.size);
      weight.assign(
        tf.add(
          weight,
          tf.tensor(
            values.map((v) => 0.2 * v),
            weight.shape,
          ),
        ),
      );
    });
  return params;
}

describe("the weights", () => {
  it("are the paper's 35,746,307 in 328 tensors, plus a linear layer for classes", () => {
    const unconditional = shapes(PAPER);
    const count = (list: typeof unconditional) => list.reduce((sum, [, shape]) => sum + size(shape), 0);
    expect(count(unconditional)).toBe(35_746_307);
    expect(unconditional.length).toBe(328); // 329 entries of the authors' checkpoint, less the embedding table
    expect(count(shapes({ ...PAPER, classes: 10 }))).toBe(35_746_307 + 10 * 512 + 512);
  });

  it("have the authors' names, in our layouts", () => {
    const listed = shapes({ ...TINY, classes: 5 }).map(([name, shape]) => `${name} [${shape.join(",")}]`);
    expect(listed.sort().join("\n")).toMatchInlineSnapshot(`
      "downblocks.0.block1.0.bias [4]
      downblocks.0.block1.0.weight [4]
      downblocks.0.block1.2.bias [4]
      downblocks.0.block1.2.weight [3,3,4,4]
      downblocks.0.block2.0.bias [4]
      downblocks.0.block2.0.weight [4]
      downblocks.0.block2.3.bias [4]
      downblocks.0.block2.3.weight [3,3,4,4]
      downblocks.0.temb_proj.1.bias [4]
      downblocks.0.temb_proj.1.weight [16,4]
      downblocks.1.main.bias [4]
      downblocks.1.main.weight [3,3,4,4]
      downblocks.2.attn.group_norm.bias [8]
      downblocks.2.attn.group_norm.weight [8]
      downblocks.2.attn.proj.bias [8]
      downblocks.2.attn.proj.weight [1,1,8,8]
      downblocks.2.attn.proj_k.bias [8]
      downblocks.2.attn.proj_k.weight [1,1,8,8]
      downblocks.2.attn.proj_q.bias [8]
      downblocks.2.attn.proj_q.weight [1,1,8,8]
      downblocks.2.attn.proj_v.bias [8]
      downblocks.2.attn.proj_v.weight [1,1,8,8]
      downblocks.2.block1.0.bias [4]
      downblocks.2.block1.0.weight [4]
      downblocks.2.block1.2.bias [8]
      downblocks.2.block1.2.weight [3,3,4,8]
      downblocks.2.block2.0.bias [8]
      downblocks.2.block2.0.weight [8]
      downblocks.2.block2.3.bias [8]
      downblocks.2.block2.3.weight [3,3,8,8]
      downblocks.2.shortcut.bias [8]
      downblocks.2.shortcut.weight [1,1,4,8]
      downblocks.2.temb_proj.1.bias [8]
      downblocks.2.temb_proj.1.weight [16,8]
      head.bias [4]
      head.weight [3,3,3,4]
      middleblocks.0.attn.group_norm.bias [8]
      middleblocks.0.attn.group_norm.weight [8]
      middleblocks.0.attn.proj.bias [8]
      middleblocks.0.attn.proj.weight [1,1,8,8]
      middleblocks.0.attn.proj_k.bias [8]
      middleblocks.0.attn.proj_k.weight [1,1,8,8]
      middleblocks.0.attn.proj_q.bias [8]
      middleblocks.0.attn.proj_q.weight [1,1,8,8]
      middleblocks.0.attn.proj_v.bias [8]
      middleblocks.0.attn.proj_v.weight [1,1,8,8]
      middleblocks.0.block1.0.bias [8]
      middleblocks.0.block1.0.weight [8]
      middleblocks.0.block1.2.bias [8]
      middleblocks.0.block1.2.weight [3,3,8,8]
      middleblocks.0.block2.0.bias [8]
      middleblocks.0.block2.0.weight [8]
      middleblocks.0.block2.3.bias [8]
      middleblocks.0.block2.3.weight [3,3,8,8]
      middleblocks.0.temb_proj.1.bias [8]
      middleblocks.0.temb_proj.1.weight [16,8]
      middleblocks.1.block1.0.bias [8]
      middleblocks.1.block1.0.weight [8]
      middleblocks.1.block1.2.bias [8]
      middleblocks.1.block1.2.weight [3,3,8,8]
      middleblocks.1.block2.0.bias [8]
      middleblocks.1.block2.0.weight [8]
      middleblocks.1.block2.3.bias [8]
      middleblocks.1.block2.3.weight [3,3,8,8]
      middleblocks.1.temb_proj.1.bias [8]
      middleblocks.1.temb_proj.1.weight [16,8]
      tail.0.bias [4]
      tail.0.weight [4]
      tail.2.bias [3]
      tail.2.weight [3,3,4,3]
      time_embedding.timembedding.1.bias [16]
      time_embedding.timembedding.1.weight [4,16]
      time_embedding.timembedding.3.bias [16]
      time_embedding.timembedding.3.weight [16,16]
      upblocks.0.attn.group_norm.bias [8]
      upblocks.0.attn.group_norm.weight [8]
      upblocks.0.attn.proj.bias [8]
      upblocks.0.attn.proj.weight [1,1,8,8]
      upblocks.0.attn.proj_k.bias [8]
      upblocks.0.attn.proj_k.weight [1,1,8,8]
      upblocks.0.attn.proj_q.bias [8]
      upblocks.0.attn.proj_q.weight [1,1,8,8]
      upblocks.0.attn.proj_v.bias [8]
      upblocks.0.attn.proj_v.weight [1,1,8,8]
      upblocks.0.block1.0.bias [16]
      upblocks.0.block1.0.weight [16]
      upblocks.0.block1.2.bias [8]
      upblocks.0.block1.2.weight [3,3,16,8]
      upblocks.0.block2.0.bias [8]
      upblocks.0.block2.0.weight [8]
      upblocks.0.block2.3.bias [8]
      upblocks.0.block2.3.weight [3,3,8,8]
      upblocks.0.shortcut.bias [8]
      upblocks.0.shortcut.weight [1,1,16,8]
      upblocks.0.temb_proj.1.bias [8]
      upblocks.0.temb_proj.1.weight [16,8]
      upblocks.1.attn.group_norm.bias [8]
      upblocks.1.attn.group_norm.weight [8]
      upblocks.1.attn.proj.bias [8]
      upblocks.1.attn.proj.weight [1,1,8,8]
      upblocks.1.attn.proj_k.bias [8]
      upblocks.1.attn.proj_k.weight [1,1,8,8]
      upblocks.1.attn.proj_q.bias [8]
      upblocks.1.attn.proj_q.weight [1,1,8,8]
      upblocks.1.attn.proj_v.bias [8]
      upblocks.1.attn.proj_v.weight [1,1,8,8]
      upblocks.1.block1.0.bias [12]
      upblocks.1.block1.0.weight [12]
      upblocks.1.block1.2.bias [8]
      upblocks.1.block1.2.weight [3,3,12,8]
      upblocks.1.block2.0.bias [8]
      upblocks.1.block2.0.weight [8]
      upblocks.1.block2.3.bias [8]
      upblocks.1.block2.3.weight [3,3,8,8]
      upblocks.1.shortcut.bias [8]
      upblocks.1.shortcut.weight [1,1,12,8]
      upblocks.1.temb_proj.1.bias [8]
      upblocks.1.temb_proj.1.weight [16,8]
      upblocks.2.main.bias [8]
      upblocks.2.main.weight [3,3,8,8]
      upblocks.3.block1.0.bias [12]
      upblocks.3.block1.0.weight [12]
      upblocks.3.block1.2.bias [4]
      upblocks.3.block1.2.weight [3,3,12,4]
      upblocks.3.block2.0.bias [4]
      upblocks.3.block2.0.weight [4]
      upblocks.3.block2.3.bias [4]
      upblocks.3.block2.3.weight [3,3,4,4]
      upblocks.3.shortcut.bias [4]
      upblocks.3.shortcut.weight [1,1,12,4]
      upblocks.3.temb_proj.1.bias [4]
      upblocks.3.temb_proj.1.weight [16,4]
      upblocks.4.block1.0.bias [8]
      upblocks.4.block1.0.weight [8]
      upblocks.4.block1.2.bias [4]
      upblocks.4.block1.2.weight [3,3,8,4]
      upblocks.4.block2.0.bias [4]
      upblocks.4.block2.0.weight [4]
      upblocks.4.block2.3.bias [4]
      upblocks.4.block2.3.weight [3,3,4,4]
      upblocks.4.shortcut.bias [4]
      upblocks.4.shortcut.weight [1,1,8,4]
      upblocks.4.temb_proj.1.bias [4]
      upblocks.4.temb_proj.1.weight [16,4]
      y_embedding.bias [16]
      y_embedding.weight [5,16]"
    `);
  });

  it("of init are those, counted, equal for equal streams, independent of each other", () => {
    const before = tf.memory().numTensors;
    const params = unet(TINY).init(createRng(5));
    expect(Object.entries(params).map(([name, v]) => [name, v.shape])).toEqual(shapes(TINY));
    expect(countParameters(params)).toBe(shapes(TINY).reduce((sum, [, shape]) => sum + size(shape), 0));
    const again = unet({ ...TINY, classes: 3 }).init(createRng(5));
    const other = unet(TINY).init(createRng(6));
    for (const [name, variable] of Object.entries(params)) {
      expect(values(again[name]!), name).toEqual(values(variable));
      if (variable.rank > 1) expect(values(other[name]!), name).not.toEqual(values(variable));
    }
    [params, again, other].forEach(disposeParams);
    expect(tf.memory().numTensors).toBe(before);
  });

  it("start Xavier-uniform, nearly 0 in last convolutions, with gain 1 in the attention's", () => {
    const options = { ...TINY, channels: 32, groups: 32, classes: 10 };
    const params = unet(options).init(createRng(7));
    for (const [name, variable] of Object.entries(params)) {
      const data = values(variable);
      const largest = data.reduce((most, v) => Math.max(most, Math.abs(v)), 0);
      const isNorm = /(block[12]\.0|group_norm|tail\.0)\.weight$/.test(name);
      if (name.startsWith("y_embedding")) {
        expect(largest).toBeLessThanOrEqual(1 / Math.sqrt(10));
        expect(largest).toBeGreaterThan(0.9 / Math.sqrt(10));
      } else if (isNorm || name.endsWith(".bias")) {
        expect(new Set(data), name).toEqual(new Set([isNorm ? 1 : 0]));
      } else {
        const gain = /block2\.3|tail\.2/.test(name) ? 1e-5 : 1;
        const [from, to] = variable.shape.slice(-2) as [number, number];
        const bound = gain * Math.sqrt(6 / (size(variable.shape.slice(0, -2)) * (from + to)));
        expect(largest, name).toBeLessThanOrEqual(bound * (1 + 1e-6));
        expect(largest, name).toBeGreaterThan(0.97 * bound);
      }
    }
    disposeParams(params);
  });
});

const PLAIN = { epsilon: 1e-5, halvingPadding: "both", timeOffset: 0, frequencyShift: 0 };

describe("the config", () => {
  it("is complete, a copy, and makes the same network after JSON", () => {
    const multipliers = [1, 2];
    const { config } = unet({ ...TINY, multipliers });
    multipliers.push(3);
    expect(config).toEqual({ ...TINY, ...PLAIN, type: "unet", dropout: 0, imageChannels: 3 });
    expect(unet(PAPER).config.groups).toBe(32);
    const again = JSON.parse(JSON.stringify(config)) as UnetOptions;
    expect(unet(again).config).toEqual(config);
    expect(unet({ ...TINY, classes: 4 }).config.classes).toBe(4);
  });

  it.each([
    [{ blocks: 250, multipliers: [1, 1] }, /at most 1000 blocks in all, got 1004/],
    [{ multipliers: Array(17).fill(1), attention: [] }, /at most 16 levels, got 17/],
    [{ channels: 4e9 }, /a network of at most 2147483648 weights, got/],
    [{ attention: Array(17).fill(0) }, /attention to be a list of levels/],
    [{ dropout: "0.5" }, /dropout in \[0, 1\), got 0.5/],
    [{ dropout: null }, /dropout in \[0, 1\), got null/],
    [{ frequencyShift: { valueOf: 1 } }, /frequencyShift to be at least 0/],
    [{ chanels: 3 }, /unet: expected option channels, got chanels/],
    [{ type: "resnet" }, /type to be "unet", got resnet/],
    [{ channels: 5, groups: 1 }, /channels to be even, got 5/],
    [{ channels: 0 }, /channels to be a positive integer, got 0/],
    [{ groups: 3 }, /groups \(3\) to divide every width, got width 4/],
    [{ groups: undefined }, /groups \(32\) to divide every width/],
    [{ groups: 8, multipliers: [2] }, /groups \(8\) to divide channels, got 4/],
    [{ multipliers: [] }, /multipliers to be a list of positive integers/],
    [{ multipliers: [1, 0.5] }, /every multiplier to be a positive integer, got 0.5/],
    [{ attention: [2] }, /attention to hold distinct levels below 2, got \[2\]/],
    [{ attention: [1, 1] }, /distinct levels/],
    [{ attention: undefined }, /attention to be a list of levels/],
    [{ blocks: 1.5 }, /blocks to be a positive integer/],
    [{ timeScale: undefined }, /timeScale to be a positive number, got undefined/],
    [{ dropout: 1 }, /dropout in \[0, 1\), got 1/],
    [{ classes: 0 }, /classes to be a positive integer/],
    [{ imageChannels: -1 }, /imageChannels to be a positive integer/],
    [{ epsilon: 0 }, /epsilon to be a positive number, got 0/],
    [{ headWidth: 0 }, /headWidth to be a positive integer, got 0/],
    [{ headWidth: 3 }, /headWidth \(3\) to divide the width 8, got level 1/],
    [{ halvingPadding: "none" }, /halvingPadding to be "both" or "end", got none/],
    [{ timeOffset: NaN }, /timeOffset to be a number/],
    [{ timeShift: 0 }, /timeShift to be a positive number, got 0/],
    [{ timeShift: Infinity }, /timeShift to be a positive number, got Infinity/],
    [{ frequencyShift: 2 }, /frequencyShift to be at least 0 and below channels \/ 2, 2, got 2/],
  ])("refuses %j", (wrong, message) => {
    expect(() => unet({ ...TINY, ...wrong } as UnetOptions)).toThrow(message);
  });
});

describe("apply", () => {
  it("keeps shapes, also of other sizes and of pixels that shrink to one", () => {
    const network = unet({ ...TINY, imageChannels: 1 });
    const params = network.init(createRng(1));
    for (const shape of [
      [4, 6, 1],
      [2, 2, 1],
    ] as const) {
      const zt = noise([1, 2], shape);
      const before = tf.memory().numTensors;
      const out = network.apply(params, zt, [0.2, 0.9]);
      expect(out.shape).toEqual([2, ...shape]);
      expect(tf.memory().numTensors).toBe(before + 1);
      tf.dispose([out, zt]);
    }
    disposeParams(params);
  });

  it("treats each sample by itself: neither batch nor order matters", () => {
    const params = lively(TINY);
    const network = unet(TINY);
    const [both, one] = [noise([1, 2], [4, 4, 3]), noise([2], [4, 4, 3])];
    const together = values(network.apply(params, both, [0.1, 0.7])).slice(48);
    const alone = values(network.apply(params, one, [0.7]));
    together.forEach((v, i) => {
      expect(Math.abs(v - alone[i]!)).toBeLessThan(1e-5);
    });
    expect(values(network.apply(params, one, [0.6]))).not.toEqual(alone);
    disposeParams(params);
  });

  it("takes labels in every way of calling", () => {
    const options = { ...TINY, classes: 3 };
    const network = unet(options);
    const params = lively(options);
    const zt = noise([1, 1], [4, 4, 3]);
    const train = { train: { rng: createRng(0) } };
    const run = (
      ...rest: [] | [number[] | undefined] | [typeof train] | [number[] | undefined, typeof train]
    ) => values(network.apply(params, zt, [0.5, 0.5], ...(rest as [])));
    const none = run();
    expect(run([-1, -1])).toEqual(none);
    expect(run(undefined)).toEqual(none);
    expect(run(train)).toEqual(none);
    expect(run(undefined, train)).toEqual(none);
    const labelled = run([0, 2]);
    expect(run([0, 2], train)).toEqual(labelled);
    expect(labelled.slice(0, 48)).not.toEqual(labelled.slice(48));
    expect(labelled.slice(0, 48)).not.toEqual(none.slice(0, 48));
    disposeParams(params);
  });

  it("drops out in training mode only, by the given stream", () => {
    const options = { ...TINY, dropout: 0.5 };
    const network = unet(options);
    const params = lively(options);
    const zt = noise([1], [4, 4, 3]);
    const train = (rng = createRng(3)) => values(network.apply(params, zt, [0.5], { train: { rng } }));
    const plain = values(network.apply(params, zt, [0.5]));
    expect(values(unet(TINY).apply(params, zt, [0.5]))).toEqual(plain);
    expect(train()).toEqual(train());
    expect(train()).not.toEqual(plain);
    const rng = createRng(3);
    expect(train(rng)).not.toEqual(train(rng));
    disposeParams(params);
  });

  it("has the right gradient for every weight and for zt", () => {
    const options = { ...TINY, classes: 2, multipliers: [1, 1], dropout: 0.2 };
    const network = unet(options);
    const params = lively(options);
    const zt = noise([1, 2], [2, 2, 3]);
    const weights = noise([3, 4], [2, 2, 3]);
    const loss = (x: tf.Tensor4D) =>
      tf.tidy(() => {
        const out = network.apply(params, x, [0.3, 1], [1, -1], { train: { rng: createRng(8) } });
        return tf.sum(tf.mul(out, weights)).asScalar();
      });
    const at = (x: tf.Tensor4D) => values(loss(x))[0]!;
    const before = tf.memory().numTensors;
    const { value, grads } = tf.variableGrads(() => loss(zt), Object.values(params));
    expect(tf.memory().numTensors).toBe(before + 1 + Object.keys(params).length);
    // The derivative along a random direction of each layer's weight and bias together.
    const layers = new Set(Object.keys(params).map((name) => name.replace(/\.\w+$/, "")));
    for (const layer of layers) {
      const parts = [`${layer}.weight`, `${layer}.bias`].map((name) => {
        const variable = params[name]!;
        const direction = createRng(9).fork(name).normals(variable.size);
        const slope = values(grads[variable.name]!).reduce((sum, g, i) => sum + g * direction[i]!, 0);
        return { variable, start: values(variable), direction, slope };
      });
      const moved = (by: number) => {
        for (const { variable, start, direction } of parts) {
          const data = start.map((v, i) => v + by * direction[i]!);
          variable.assign(tf.tensor(data, variable.shape));
        }
        return at(zt);
      };
      const step = 3e-3;
      const numeric = (moved(step) - moved(-step)) / (2 * step);
      moved(0);
      const exact = parts.reduce((sum, { slope }) => sum + slope, 0);
      const scale = Math.max(1, Math.abs(exact));
      expect(Math.abs(numeric - exact) / scale, `${layer}: ${numeric} ${exact}`).toBeLessThan(1e-2);
    }
    const gradient = values(tf.grad((x: tf.Tensor) => loss(x as tf.Tensor4D))(zt));
    const shift = noise([5, 6], [2, 2, 3]);
    const moved = (by: number) => at(tf.add(zt, tf.mul(shift, by)));
    const exact = values(shift).reduce((sum, s, i) => sum + s * gradient[i]!, 0);
    expect(Math.abs((moved(3e-3) - moved(-3e-3)) / 6e-3 - exact)).toBeLessThan(
      1e-2 * Math.max(1, Math.abs(exact)),
    );
    tf.dispose([value, grads]);
    disposeParams(params);
  });

  it("refuses inputs and weights that do not fit, and leaks nothing", () => {
    const network = unet(TINY);
    const conditional = unet({ ...TINY, classes: 3 });
    const params = network.init(createRng(1));
    const labelled = conditional.init(createRng(1));
    const [zt, odd, grey] = [noise([1], [4, 4, 3]), noise([1], [4, 5, 3]), noise([1], [4, 4, 1])];
    const deeper = unet({ ...TINY, blocks: 2 });
    const wider = unet({ ...TINY, channels: 8 });
    const headless = Object.fromEntries(Object.entries(params).filter(([name]) => name !== "head.bias"));
    const before = tf.memory().numTensors;
    const cases: [() => unknown, RegExp][] = [
      [() => network.apply(params, odd, [0.5]), /unet\.apply: expected height and width divisible by 2/],
      [() => network.apply(params, grey, [0.5]), /zt to have 3 channels, got \[4, 4, 1\]/],
      [() => network.apply(params, zt.as3D(4, 4, 3) as never, [0.5]), /zt to be a tensor \[batch/],
      [() => network.apply(params, zt, [0.5, 0.5]), /1 times, one per sample, got 2 times/],
      [() => network.apply(params, zt, [1.5]), /every time in \[0, 1\], got 1.5/],
      [() => network.apply(params, zt, [0.5], [0]), /no labels, as the network is unconditional/],
      [() => conditional.apply(labelled, zt, [0.5], [3]), /every label below 3, got 3/],
      [() => conditional.apply(labelled, zt, [0.5], new Int32Array([1]) as never), /labels to be an array/],
      [() => network.apply(headless, zt, [0.5]), /a parameter head\.bias \[4\], got none of that name/],
      [() => deeper.apply(params, zt, [0.5]), /unet\.apply: expected .*downblocks/],
      [() => network.apply(labelled, zt, [0.5]), /no parameters but the network's own, got y_embedding/],
      [() => wider.apply(params, zt, [0.5]), /to have shape \[8, 32\], got a tensor of shape \[4, 16\]/],
    ];
    for (const [call, message] of cases)
      expect(() => {
        tf.tidy(() => void call());
      }).toThrow(message);
    expect(tf.memory().numTensors).toBe(before);
    [params, labelled].forEach(disposeParams);
  });
});
