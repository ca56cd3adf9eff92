import * as tf from "@tensorflow/tfjs";
import { describe, expect, it } from "vitest";
import {
  cloneParams,
  cosineSchedule,
  createRng,
  decodeNetworkCheckpoint,
  discreteCosineSchedule,
  disposeParams,
  encodeCheckpoint,
  noise,
  progressiveTarget,
  resnet,
  tableSchedule,
  unet,
} from "../../src/index.js";
import { frechetDistance, statistics } from "../../src/metrics/index.js";
import { onCpuWithoutLeaks } from "../support/no-leaks.js";
import { tensorsAlive } from "../support/tensors-alive.js";

onCpuWithoutLeaks();

it("a U-Net at inference holds its skips until they are used, and with more blocks nothing more", () => {
  const held = (blocks: number) => {
    const network = unet({
      channels: 4,
      multipliers: [1, 1],
      attention: [0],
      blocks,
      timeScale: 8,
      groups: 2,
    });
    const params = network.init(createRng(0));
    const zt = noise([1], [4, 4, 3]);
    const alive = tensorsAlive(() => {
      network.apply(params, zt, [0.5]).dispose();
    });
    zt.dispose();
    disposeParams(params);
    const skips = 2 * blocks; // one a block and level
    return [Math.max(...alive) - skips, alive.at(-1)]; // at most, and at the end
  };
  expect(held(6)).toEqual(held(2));
});

it("running statistics are not trainable in a decoded average either", async () => {
  const network = resnet({ blocks: [1], width: 4, classes: 2 });
  const params = network.init(createRng(0));
  const ema = cloneParams(params);
  const decoded = decodeNetworkCheckpoint(await encodeCheckpoint({ network, params, ema }));
  for (const weights of [decoded.params, decoded.ema!, ema]) {
    const frozen = Object.keys(weights).filter((name) => !weights[name]!.trainable);
    expect(frozen).toEqual(Object.keys(params).filter((name) => /running_(mean|var)$/.test(name)));
    expect(frozen).toHaveLength(6);
  }
  [params, ema, decoded.params, decoded.ema!].forEach(disposeParams);
});

it("the Frechet distance of equal sets is never negative, of a set and its shifted copy the shift squared", async () => {
  for (let seed = 0; seed < 40; seed++) {
    const width = 1 + (seed % 7);
    const values = createRng(seed).normals(width * 9);
    const a = await statistics({ values: values.map((x) => x * 10 ** (seed % 5)), width });
    const distance = frechetDistance(a, a);
    expect(distance).toBeGreaterThanOrEqual(0);
    expect(Object.is(distance, -0)).toBe(false);
    const trace = a.mean.reduce((sum, _, i) => sum + a.covariance[i * (width + 1)]!, 0);
    expect(distance).toBeLessThan(1e-9 * trace);
    const shifted = { ...a, mean: a.mean.map((x, i) => x + (i === 0 ? 3 : 0)) };
    expect(frechetDistance(a, shifted)).toBeCloseTo(9, 4 - (seed % 5));
  }
});

describe("bounds, from both sides", () => {
  const zt = () => noise([1], [1, 1, 1]);
  const grey = Object.assign((x: tf.Tensor4D) => tf.zerosLike(x), { predictionType: "x0" as const });

  it.each([
    [1 + 0.9e-6, true],
    [1 - 0.9e-6, true],
    [1 + 1.1e-6, false],
    [1 - 1.1e-6, false],
    [0.9e-6, false], // a whole number of steps, but none
  ])("a time of %d student steps is on the grid: %s", (position, taken) => {
    const images = zt();
    const ask = () =>
      tf.tidy(
        () => progressiveTarget(grey, cosineSchedule(), images, [position / 8], { studentSteps: 8 }).x0.shape,
      );
    if (taken) expect(ask()).toEqual([1, 1, 1, 1]);
    else expect(ask).toThrow("every time to be i / studentSteps, i = 1..8");
    images.dispose();
  });

  it("a time within 1e-9 entries of one is that entry, and none further", () => {
    const table = tableSchedule([0.9, 0.5, 0.1]);
    expect(table.alphaBar((1 + 0.9e-9) / 2)).toBe(0.5);
    expect(table.alphaBar((1 - 0.9e-9) / 2)).toBe(0.5);
    expect(table.alphaBar((1 + 1.2e-9) / 2)).toBeLessThan(0.5);
    expect(table.alphaBar((1 - 1.2e-9) / 2)).toBeGreaterThan(0.5);
  });

  it("alphaBars may be equal, but not rise by the least", () => {
    expect(tableSchedule([1, 1, 0, 0]).alphaBar(1)).toBe(0);
    expect(() => tableSchedule([0.5, 0.5 + 2 ** -53])).toThrow("an increase at entry 1");
    for (const bad of [1 + 2 ** -52, -Number.MIN_VALUE])
      expect(() => tableSchedule([bad, 0])).toThrow("in [0, 1]");
  });

  it("discreteCosine's maxBeta bounds the last beta exactly", () => {
    const [a, b] = [tableOf(0.999), tableOf(0.9)];
    expect(a[8]! / a[7]!).toBeCloseTo(0.001, 12);
    expect(b[8]! / b[7]!).toBeCloseTo(0.1, 12);
  });
});

function tableOf(maxBeta: number): number[] {
  const schedule = discreteCosineSchedule(8, { maxBeta });
  return Array.from({ length: 9 }, (_, i) => schedule.alphaBar(i / 8));
}
