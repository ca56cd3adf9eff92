// Fixtures: python scripts/reference/make_fixtures.py (losses.safetensors).
import * as tf from "@tensorflow/tfjs";
import { afterAll, beforeAll, describe, it } from "vitest";
import { progressiveTarget } from "../../src/targets/progressive-target.js";
import { datasetOrientedLoss } from "../../src/losses/dataset-oriented.js";
import { denoisingLoss } from "../../src/losses/denoising.js";
import { featureDistillationLoss } from "../../src/losses/feature.js";
import { progressiveLoss } from "../../src/losses/progressive.js";
import { addNoise } from "../../src/schedules/coefficients.js";
import { cosineSchedule } from "../../src/schedules/cosine.js";
import { discreteCosineSchedule } from "../../src/schedules/table.js";
import type { Params } from "../../src/types.js";
import { onEngine } from "./engine.js";
import { expectTensor, readFixture } from "./fixtures.js";
import { batchOf, expectTerms, WEIGHTINGS } from "./loss-terms.js";
import { MODELS, pointwise, pointwiseDenoiser, STUDENT_TIMES } from "./pointwise.js";
import { values } from "./values.js";

onEngine();

const fixture = await readFixture("losses");
const schedules = { table: discreteCosineSchedule(8), cosine: cosineSchedule() };
describe("losses against PyTorch", () => {
  let [student, teacher]: Params[] = [];
  beforeAll(() => {
    [student, teacher] = [pointwise("student"), pointwise("teacher")];
  });
  afterAll(() => {
    tf.dispose([student, teacher]);
  });

  describe.each(["x0", "eps", "v"] as const)("denoising, a network that predicts %s", (kind) => {
    it.each(Object.keys(WEIGHTINGS))("weighting %s", async (name) => {
      const input = batchOf("denoising");
      const denoiser = pointwiseDenoiser(student!, kind);
      const times = [1 / 8, 3 / 8, 5 / 8, 1];
      const weighting = WEIGHTINGS[name];
      const loss = () => denoisingLoss({ denoiser, schedule: schedules.table, ...input, times, weighting });
      await expectTerms(loss, student!, fixture, `denoising.${kind}.${name}`);
      tf.dispose(input);
    });
  });

  const cases = MODELS.flatMap(([s, t]) =>
    ([4, 2, 1] as const).flatMap((steps) =>
      (["table", "cosine"] as const).map((schedule) => [schedule, s, t, steps] as const),
    ),
  ).filter(([schedule, s, t]) => schedule === "table" || (s !== "eps" && t !== "eps"));

  it.each(cases)("progressive: %s, student %s, teacher %s, %i steps", async (name, s, t, studentSteps) => {
    const input = batchOf("progressive");
    const schedule = schedules[name];
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

  describe.each([2, 400])("with numbers up to %i", (scale) => {
    it.each(["1.0", "0.95", "0.5"])("feature loss at temperature %s", async (temperature) => {
      const student = tf.tensor2d(values("features/student", [4, 16], scale), [4, 16]);
      const teacher = tf.tensor2d(values("features/teacher", [4, 16], scale), [4, 16]);
      const key = `feature.${scale}.${temperature}`;
      const f = (s: tf.Tensor2D) => featureDistillationLoss(s, teacher, { temperature: Number(temperature) });
      const { value, grad } = tf.valueAndGrad(f)(student);
      await expectTensor(value, fixture.numbers(key), 1.5e-6, key);
      await expectTensor(grad, fixture.numbers(`${key}.gradient`), 1.5e-6, `${key} gradient`);
      tf.dispose([student, teacher, value, grad]);
    });

    it("dataset-oriented loss", async () => {
      // Where a prediction is nearly certain, entropy and gradient hang on the last digit of the logits.
      const tolerance = scale === 400 ? 1.2e-4 : 1.5e-6;
      const logits = tf.tensor2d(values("features/logits", [4, 10], scale), [4, 10]);
      const key = `dataset.${scale}`;
      for (const [i, name] of (["loss", "entropy", "diversity"] as const).entries()) {
        const { value, grad } = tf.valueAndGrad(
          (x: tf.Tensor2D) => datasetOrientedLoss(x, { gamma: 0.75 })[name],
        )(logits);
        await expectTensor(value, [fixture.numbers(key)[i]!], tolerance, `${key} ${name}`);
        await expectTensor(grad, fixture.numbers(`${key}.${name}`), tolerance, `${key} ${name} gradient`);
        tf.dispose([value, grad]);
      }
      logits.dispose();
    });
  });
});
