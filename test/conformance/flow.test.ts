// Fixtures: python scripts/reference/make_fixtures.py (flow.safetensors): the flow schedule, and networks that predict it.
import * as tf from "@tensorflow/tfjs";
import { afterAll, beforeAll, describe, it } from "vitest";
import {
  addNoise,
  denoisingLoss,
  discreteCosineSchedule,
  flowSchedule,
  logSNR,
  progressiveLoss,
  progressiveTarget,
  sampleDdim,
  type Params,
} from "../../src/index.js";
import { onEngine, sample } from "./engine.js";
import { expectClose, expectEachClose, expectTensor, readFixture } from "./fixtures.js";
import { batchOf, expectTerms, WEIGHTINGS } from "./loss-terms.js";
import { image, pointwise, pointwiseDenoiser, STUDENT_TIMES } from "./pointwise.js";

onEngine();

const fixture = await readFixture("flow");
const flows = { flow: flowSchedule(), shifted: flowSchedule({ shift: 3 }) };
const schedules = { ...flows, table: discreteCosineSchedule(8) };
const entries = Object.entries(schedules);
const weightings: typeof WEIGHTINGS = { ...WEIGHTINGS, flow: "flow" };

let [student, teacher]: Params[] = [];
beforeAll(() => {
  [student, teacher] = [pointwise("student"), pointwise("teacher")];
});
afterAll(() => {
  tf.dispose([student, teacher]);
});

it.each(Object.entries(flows))("schedule: %s", (name, schedule) => {
  const times = Array.from({ length: 39 }, (_, i) => (i + 1) / 40);
  const coefficients = times.map((t) => schedule.alphaSigma(t));
  for (const part of ["alpha", "sigma"] as const) {
    const got = coefficients.map((c) => c[part]);
    expectEachClose(got, fixture.numbers(`${name}.${part}`), 1e-13, `${name} ${part}`);
  }
  const ratios = times.map((t) => logSNR(schedule, t));
  expectClose(ratios, fixture.numbers(`${name}.logSNR`), 1e-13, `${name} logSNR`);
});

describe.each(entries)("denoising, schedule %s", (name, schedule) => {
  const types = (["x0", "eps", "v", "flow"] as const).filter((type) => name !== "table" || type === "flow");
  const cases = types.flatMap((type) =>
    Object.keys(weightings).map((weighting) => [type, weighting] as const),
  );
  it.each(sample(cases, 4))("a network that predicts %s, weighting %s", async (type, weighting) => {
    const input = batchOf("denoising");
    const denoiser = pointwiseDenoiser(student!, type);
    const times = [1 / 8, 3 / 8, 5 / 8, type === "eps" ? 7 / 8 : 1];
    const loss = () =>
      denoisingLoss({ denoiser, schedule, ...input, times, weighting: weightings[weighting] });
    await expectTerms(loss, student!, fixture, `denoising.${name}.${type}.${weighting}`);
    tf.dispose(input);
  });
});

const MODELS = [
  ["flow", "flow"],
  ["x0", "flow"],
  ["flow", "v"],
  ["v", "x0"],
] as const;

describe.each(entries)("progressive, schedule %s", (name, schedule) => {
  const cases = MODELS.flatMap(([s, t]) => ([4, 2, 1] as const).map((steps) => [s, t, steps] as const));
  it.each(sample(cases, 4))("student %s, teacher %s, %i steps", async (s, t, studentSteps) => {
    const input = batchOf("progressive");
    const times = STUDENT_TIMES[studentSteps];
    const models = { student: pointwiseDenoiser(student!, s), teacher: pointwiseDenoiser(teacher!, t) };
    const key = `progressive.${name}.${s}.${t}.${studentSteps}`;
    const zt = addNoise(schedule, input.x0, input.eps, times);
    const target = progressiveTarget(models.teacher, schedule, zt, times, { studentSteps });
    await expectTensor(target.x0, fixture.numbers(`${key}.x0`), 4e-6, `${key} target x0`);
    await expectTensor(target.eps, fixture.numbers(`${key}.eps`), 4e-6, `${key} target eps`);
    const loss = () => progressiveLoss({ ...models, schedule, ...input, times, studentSteps });
    await expectTerms(loss, student!, fixture, key);
    tf.dispose([input, zt, target]);
  });
});

describe.each(Object.entries(flows))("DDIM, schedule %s", (name, schedule) => {
  const clips = [true, false, "x0"] as const;
  const cases = (["x0", "v", "flow"] as const).flatMap((type) => clips.map((clip) => [type, clip] as const));
  it.each(sample(cases, 3))("a network that predicts %s, clip %s", async (type, clip) => {
    const zT = image("ddim/zT", [2, 4, 4, 3], 1.7);
    const got = await sampleDdim(pointwiseDenoiser(teacher!, type), schedule, zT, { steps: 4, clip });
    const key = `ddim.${name}.${type}.${clip}`;
    await expectTensor(got, fixture.numbers(key), 2.5e-6, key);
    tf.dispose([zT, got]);
  });
});
