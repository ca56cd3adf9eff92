import * as tf from "@tensorflow/tfjs";
import { expect, it } from "vitest";
import {
  cosineSchedule,
  createRng,
  noise,
  sampleConsistency,
  tableSchedule,
  type Denoiser,
} from "../../src/index.js";
import { onCpuWithoutLeaks } from "../support/no-leaks.js";

onCpuWithoutLeaks();

const half: Denoiser = Object.assign((zt: tf.Tensor4D) => tf.mul<tf.Tensor4D>(zt, 0.5), {
  predictionType: "x0" as const,
});

async function numbers(images: tf.Tensor4D): Promise<number[]> {
  const values = [...(await images.data())];
  images.dispose();
  return values;
}

// alpha 0.6 and sigma 0.8 at t = 1, 0.8 and 0.6 at t = 0.5.
const schedule = tableSchedule([0.99, 0.64, 0.36]);

it("takes x0, adds fresh noise of the image's own, and ends with x0 itself", async () => {
  const zT = noise([1, 2], [1, 2, 1]);
  const [z, fresh] = [
    [...(await zT.data())],
    [1, 2].flatMap((seed) => [...createRng(seed).fork("added noise").normals(2)]),
  ];
  const options = { clip: false, seeds: [1, 2] } as const;
  const one = await numbers(await sampleConsistency(half, schedule, zT, { steps: 1, clip: false }));
  const two = await numbers(await sampleConsistency(half, schedule, zT, { steps: 2, ...options }));
  const open = await numbers(await sampleConsistency(half, schedule, zT, { times: [1, 0.5], ...options }));
  z.forEach((value, i) => {
    const midway = 0.8 * 0.5 * value + 0.6 * fresh[i]!;
    expect(one[i]).toBeCloseTo(0.5 * value, 6); // nothing is lost to the alphaBar of time 0
    expect(open[i]).toBeCloseTo(midway, 6);
    expect(two[i]).toBeCloseTo(0.5 * midway, 6);
  });
  zT.dispose();
});

it("draws image i whatever the batch, the same at each call, clipped unless told otherwise", async () => {
  const draw = async (seeds: number[], clip: boolean) => {
    const zT = noise(seeds, [2, 2, 3]);
    const images = await numbers(
      await sampleConsistency(half, cosineSchedule(), zT, { steps: 3, seeds, clip }),
    );
    zT.dispose();
    return images;
  };
  const all = await draw([1, 2, 3], false);
  expect((await draw([2], false)).join()).toBe(all.slice(12, 24).join());
  expect(await draw([1, 2, 3], false)).toEqual(all);
  expect(await draw([1, 2, 3], true)).not.toEqual(all); // x0 beyond 1 on the way
});

it("asks for seeds only where it adds noise, and frees all when it is stopped", async () => {
  const zT = noise([1, 2], [1, 1, 1]);
  const sample = (options: object) => sampleConsistency(half, schedule, zT, options as { steps: number });
  const wanted = "sampleConsistency: expected 2 seeds, one per image, to add noise, got undefined";
  for (const options of [{ steps: 2 }, { times: [1, 0.5] }, { times: [1, 0.5, 0] }])
    await expect(sample(options)).rejects.toThrow(wanted);
  (await sample({ times: [0.5, 0] })).dispose();
  await expect(sample({ steps: 0 })).rejects.toThrow("positive integer");
  await expect(sample({ steps: 1, eta: 1 })).rejects.toThrow("sampleConsistency: expected only the options");
  const controller = new AbortController();
  const onStep = () => {
    controller.abort(new Error("enough"));
  };
  await expect(sample({ steps: 3, seeds: [1, 2], onStep, signal: controller.signal })).rejects.toThrow(
    "enough",
  );
  zT.dispose();
});
