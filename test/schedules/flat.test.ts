import * as tf from "@tensorflow/tfjs";
import { describe, expect, it } from "vitest";
import {
  cosineSchedule,
  createRng,
  denoisingLoss,
  noise,
  predict,
  progressiveLoss,
  progressiveTarget,
  sampleAncestral,
  sampleDdim,
  sampleDpmSolver2M,
  sampleHeun,
  disposeParams,
  sigmoidSchedule,
  tableSchedule,
  unet,
  type NoiseSchedule,
  type PredictionType,
} from "../../src/index.js";
import { samplerToOnnx } from "../../src/formats/index.js";
import { gaussianDenoiser } from "../support/denoisers.js";
import { onCpuWithoutLeaks } from "../support/no-leaks.js";

// Where alphaBar does not change, formulas divide 0 by 0. A step there goes nowhere.

onCpuWithoutLeaks();

const samplers = { sampleDdim, sampleAncestral, sampleDpmSolver2M, sampleHeun };
const names = Object.keys(samplers) as (keyof typeof samplers)[];
const seeds = [1, 2];
const flat: Record<string, NoiseSchedule> = {
  "sigmoid of tau 0.1": sigmoidSchedule({ tau: 0.1 }),
  "equal entries in the middle": tableSchedule([0.99, 0.5, 0.5, 0.5, 0.1]),
  "equal entries at both ends": tableSchedule([0.99, 0.99, 0.5, 0.1, 0.1]),
  "zero terminal SNR twice": tableSchedule([0.99, 0.6, 0.3, 0, 0]),
  "entries equal but for rounding": tableSchedule([0.99, 0.5 - 1e-16, 0.5, 0.5, 0.1].sort((a, b) => b - a)),
};

/** Bounded whatever it is asked: answers are those to zt within [-1, 1]. */
const modelOf = (schedule: NoiseSchedule, type: PredictionType) =>
  gaussianDenoiser(schedule, type, { deviation: 0.4 });

async function run(
  name: keyof typeof samplers,
  schedule: NoiseSchedule,
  grid: { steps: number } | { times: number[] },
  type: PredictionType = "v",
): Promise<Float32Array> {
  const zT = noise(seeds, [2, 2, 3]);
  const images = await samplers[name](modelOf(schedule, type), schedule, zT, { ...grid, seeds, clip: false });
  const values = (await images.data()) as Float32Array;
  tf.dispose([zT, images]);
  return values;
}

describe.each(Object.entries(flat))("%s", (_, schedule) => {
  it.each(names)("%s stays finite", async (name) => {
    for (const steps of [4, 8, 20]) {
      const values = await run(name, schedule, { steps });
      expect(Math.max(...values.map(Math.abs))).toBeLessThan(5);
    }
  });

  it("targets and losses are finite", async () => {
    const [x0, eps] = [noise([3, 4], [2, 2, 3]), noise(seeds, [2, 2, 3])];
    for (const studentSteps of [1, 2, 4]) {
      for (let i = 1; i <= studentSteps; i++) {
        const teacher = modelOf(schedule, "v");
        const batch = { schedule, x0, eps, times: [i / studentSteps, i / studentSteps] };
        const target = progressiveTarget(teacher, schedule, eps, batch.times, { studentSteps });
        const numbers = [...(await target.x0.data()), ...(await target.eps.data())];
        expect(numbers.every((value) => Math.abs(value) < 1e6)).toBe(true);
        const losses = [
          denoisingLoss({ ...batch, denoiser: teacher }),
          progressiveLoss({ ...batch, student: teacher, target, studentSteps }),
        ];
        for (const { loss } of losses) expect(Number.isFinite((await loss.data())[0])).toBe(true);
        tf.dispose([target, losses]);
      }
    }
    tf.dispose([x0, eps]);
  });
});

it.each(names)("%s: a flat step changes nothing", async (name) => {
  const schedule = tableSchedule([0.99, 0.5, 0.5, 0.1]);
  if (name === "sampleDpmSolver2M") {
    // Its next step is of first order, as its first one would be.
    const from = await run(name, schedule, { times: [1, 2 / 3, 1 / 2, 1 / 3] });
    expect(from).toEqual(await run(name, schedule, { times: [1, 2 / 3] }));
    return;
  }
  const [around, straight] = [
    await run(name, schedule, { times: [1, 2 / 3, 1 / 3] }),
    await run(name, schedule, { times: [1, 2 / 3] }),
  ];
  around.forEach((value, i) => {
    // Heun's last step is a DDIM step, so that the one before it is not.
    if (name !== "sampleHeun") expect(value).toBeCloseTo(straight[i]!, 5);
    else expect(Number.isFinite(value)).toBe(true);
  });
});

it("DPM-Solver is of first order after a step a 10,000th as long, and of second after one a little longer", async () => {
  // In half-logSNR, with alphaBar chosen for it: steps of r and 1, then on.
  const alphaBarAt = (logSNR: number) => 1 / (1 + Math.exp(-logSNR));
  const after = async (r: number) => {
    const schedule = tableSchedule([1 - r - 3, 0, 1, 1 + r].map((l) => alphaBarAt(-2 * l)));
    const times = [1, 2 / 3, 1 / 3, 0];
    const both = [
      await run("sampleDpmSolver2M", schedule, { times }),
      await run("sampleDdim", schedule, { times }),
    ];
    return Math.max(...both[0]!.map((value, i) => Math.abs(value - both[1]![i]!)));
  };
  expect(await after(0.99e-4)).toBeLessThan(1e-6); // DDIM is DPM-Solver of first order
  expect(await after(1.01e-4)).toBeGreaterThan(1e-4);
});

describe("the progressive target", () => {
  it("of a step that goes nowhere is the mean of the teacher's two answers", async () => {
    const schedule = tableSchedule([0.9, 0.5, 0.5, 0.5, 0.1]);
    const zt = tf.ones<tf.Rank.R4>([1, 1, 1, 1]);
    const byTime = (_: tf.Tensor4D, [t]: readonly number[]) => tf.fill<tf.Rank.R4>([1, 1, 1, 1], t!);
    const teacher = Object.assign(byTime, { predictionType: "x0" as const });
    const target = progressiveTarget(teacher, schedule, zt, [0.75], { studentSteps: 4 });
    expect((await target.x0.data())[0]).toBeCloseTo((0.75 + 0.625) / 2, 6);
    tf.dispose([zt, target]);
  });

  it("is exact where the schedule hardly moves", async () => {
    // Both halves of one length in float64: x0 is the mean of 0.3 and 0.3 whatever zt is, to rounding.
    const schedule = tableSchedule([0.5, 0.5 - 1e-9, 0.5 - 2e-9]);
    const zt = noise([1], [4, 4, 3]);
    const teacher = Object.assign((z: tf.Tensor4D) => tf.fill<tf.Rank.R4>(z.shape, 0.3), {
      predictionType: "x0" as const,
    });
    const target = progressiveTarget(teacher, schedule, zt, [1], { studentSteps: 1 });
    for (const value of await target.x0.data()) expect(value).toBeCloseTo(0.3, 6);
    tf.dispose([zt, target]);
  });
});

describe("alphaBar of 0 and 1", () => {
  const table = tableSchedule([1, 1, 0.5, 0, 0]);

  it.each(names)("%s leaves the noise and arrives, with v", async (name) => {
    const values = await run(name, table, { times: [1, 0.75, 0.5, 0.25] });
    expect(Math.max(...values.map(Math.abs))).toBeLessThan(3);
  });

  it("is refused where it determines nothing", async () => {
    const zt = noise([1], [2, 2, 3]);
    const [ofX0, ofEps] = (["x0", "eps"] as const).map((type) =>
      Object.assign((z: tf.Tensor4D) => z, { predictionType: type }),
    );
    expect(() => predict(ofX0!, table, zt, [0.25])).toThrow("expected a time with noise in it (sigma > 0)");
    expect(() => predict(ofEps!, table, zt, [0.75])).toThrow(
      "expected alphaBar >= 1e-20 for prediction type",
    );
    await expect(sampleDdim(ofX0!, table, zt, { times: [0.25, 0] })).rejects.toThrow("sigma > 0");
    const loss = { schedule: table, x0: zt, eps: zt, times: [0.25], denoiser: ofX0! };
    expect(() => denoisingLoss(loss)).toThrow("denoisingLoss: expected times with noise in them");
    const network = unet({
      channels: 4,
      multipliers: [1],
      attention: [],
      blocks: 1,
      timeScale: 8,
      groups: 4,
    });
    const params = network.init(createRng(0));
    const sampler = { network, params, schedule: table, steps: 4 };
    await expect(samplerToOnnx({ ...sampler, predictionType: "x0" })).rejects.toThrow(
      "samplerToOnnx: expected a time",
    );
    disposeParams(params);
    zt.dispose();
  });

  it.each([
    [1e-20, true],
    [0.99e-20, false],
  ])("an eps prediction takes alphaBar %d: %s", (alphaBar, taken) => {
    const zt = noise([1], [1, 1, 1]);
    const model = Object.assign((z: tf.Tensor4D) => z, { predictionType: "eps" as const });
    const ask = () => tf.tidy(() => predict(model, tableSchedule([1, alphaBar]), zt, [1]).x0.shape);
    if (taken) expect(ask()).toEqual([1, 1, 1, 1]);
    else expect(ask).toThrow("alphaBar >= 1e-20");
    zt.dispose();
  });
});

it("a sigmoid that is 1 at both ends is no schedule, and a schedule's alphaBar is a number in [0, 1]", () => {
  expect(() => sigmoidSchedule({ start: 40, end: 41 })).toThrow(
    'sigmoidSchedule: expected start and end whose sigmoids differ, got {"start":40,"end":41,"tau":1}.',
  );
  const zt = noise([1], [1, 1, 1]);
  const model = Object.assign((z: tf.Tensor4D) => z, { predictionType: "v" as const });
  for (const bad of [NaN, -0.1, 1.1, "0.5"]) {
    const wrong = { ...cosineSchedule(), alphaBar: () => bad as number };
    expect(() => predict(model, wrong, zt, [0.5])).toThrow(
      "alphaBar: expected the schedule's alphaBar at time 0.5 in",
    );
  }
  zt.dispose();
});
