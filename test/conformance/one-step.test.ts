// Fixtures: python scripts/reference/make_one_step_files.py (one-step.safetensors).
import * as tf from "@tensorflow/tfjs";
import { afterAll, beforeAll, describe, it } from "vitest";
import { valueAndGrads } from "../../src/autodiff/value-and-grads.js";
import { consistencyLoss } from "../../src/losses/consistency.js";
import { scoreDistillationLoss } from "../../src/losses/score-distillation.js";
import { predict } from "../../src/prediction/predict.js";
import { createRng, noise } from "../../src/rng.js";
import { sampleConsistency } from "../../src/samplers/consistency.js";
import { cosineSchedule } from "../../src/schedules/cosine.js";
import { discreteCosineSchedule } from "../../src/schedules/table.js";
import type { Params } from "../../src/types.js";
import { gaussianDenoiser } from "../support/denoisers.js";
import { onEngine, sample } from "./engine.js";
import { expectClose, expectTensor, readFixture } from "./fixtures.js";
import { flatten, image, MODELS, pointwise, pointwiseDenoiser } from "./pointwise.js";

onEngine();

const fixture = await readFixture("one-step");
const [times, earlier, weights] = ["times", "earlier", "weights"].map(
  (name) => fixture.setting(name) as number[],
) as [number[], number[], number[]];
const TOLERANCE = 1.5e-6;
const schedules = { table: discreteCosineSchedule(8), cosine: cosineSchedule() };
const models = (["table", "cosine"] as const).flatMap((schedule) =>
  MODELS.filter(([a, b]) => schedule === "table" || (a !== "eps" && b !== "eps")).map(
    ([a, b]) => [schedule, a, b] as const,
  ),
);
const batch = (name: string) => ({
  x0: image(`${name}/x0`, [4, 4, 4, 3]),
  eps: image(`${name}/eps`, [4, 4, 4, 3], 1.7),
});

describe("one-step losses against PyTorch", () => {
  let [student, average, teacher, critic]: Params[] = [];
  beforeAll(() => {
    [student, average, teacher, critic] = ["student", "average", "teacher", "critic"].map(pointwise);
  });
  afterAll(() => {
    tf.dispose([student, average, teacher, critic]);
  });

  const settings = {
    plain: {},
    huber: { distance: { huber: 0.06 } },
    weighted: { distance: { huber: 0.3 }, weights },
  };
  const cases = models.flatMap((model) =>
    (["plain", "huber", "weighted"] as const).flatMap((setting) =>
      (["same", "average", "teacher"] as const).map((way) => [...model, setting, way] as const),
    ),
  );
  it.each(sample(cases, 9))("consistency: %s, student %s, teacher %s, %s, %s", async (...given) => {
    const [schedule, kind, teacherKind, setting, way] = given;
    const { x0, eps } = batch("consistency");
    const input = {
      student: pointwiseDenoiser(student!, kind),
      ...(way === "average" && { average: pointwiseDenoiser(average!, kind) }),
      ...(way === "teacher" && { teacher: pointwiseDenoiser(teacher!, teacherKind) }),
      ...{ schedule: schedules[schedule], x0, eps, times, earlier },
      ...settings[setting],
    };
    const { terms, grads } = valueAndGrads(() => consistencyLoss(input), student!);
    const key = `consistency.${given.join(".")}`;
    const [loss, x0Mse] = fixture.numbers(`${key}.terms`);
    await expectTensor(terms.loss, [loss!], TOLERANCE, `${key} loss`);
    await expectTensor(terms.x0Mse, [x0Mse!], TOLERANCE, `${key} x0Mse`);
    expectClose(await flatten(grads), fixture.numbers(`${key}.gradients`), TOLERANCE, `${key} gradients`);
    tf.dispose([x0, eps, terms, grads]);
  });

  const variants = [
    ["vsd", "vsd", undefined],
    ["sid", "sid", undefined],
    ["sid.1.2", "sid", 1.2],
    ["sid.0", "sid", 0],
  ] as const;
  const scored = variants.flatMap((variant) => models.map((model) => [...variant, ...model] as const));
  it.each(sample(scored, 8))("%s (%s, alpha %s): %s, teacher %s, critic %s", async (...given) => {
    const [name, variant, alpha, schedule, teacherKind, criticKind] = given;
    const { x0: zT, eps } = batch("score");
    const input = {
      teacher: pointwiseDenoiser(teacher!, teacherKind),
      critic: pointwiseDenoiser(critic!, criticKind),
      ...{ schedule: schedules[schedule], eps, times, variant, alpha },
    };
    const generate = () => predict(pointwiseDenoiser(student!, "x0"), input.schedule, zT, [1, 1, 1, 1]).x0;
    const { terms, grads } = valueAndGrads(
      () => scoreDistillationLoss({ images: generate(), ...input }),
      student!,
    );
    const key = `${name}.${schedule}.${teacherKind}.${criticKind}`;
    await expectTensor(terms.loss, fixture.numbers(`${key}.terms`), TOLERANCE, `${key} loss`);
    expectClose(await flatten(grads), fixture.numbers(`${key}.gradients`), TOLERANCE, `${key} gradients`);
    const images = tf.tidy(generate);
    const lossOf = (x: tf.Tensor) => scoreDistillationLoss({ images: x as tf.Tensor4D, ...input }).loss;
    const gradient = tf.grad(lossOf)(images);
    await expectTensor(
      gradient,
      fixture.numbers(`${key}.images`),
      TOLERANCE,
      `${key} gradient of the images`,
    );
    tf.dispose([zT, eps, terms, grads, images, gradient]);
  });
});

it("the consistency sampler against float64, on pixels drawn from a Gaussian", async () => {
  const { cosine: schedule } = schedules;
  const data = { mean: 0.2, deviation: 0.5 };
  const [seeds, visited] = [
    [1, 2, 3],
    [1, 0.7, 0.3, 0],
  ];
  const zT = noise(seeds, [4, 4, 3]);
  const streams = seeds.map((seed) => createRng(seed).fork("added noise"));
  let want = Array.from(await zT.data<"float32">());
  for (const [i, s] of visited.slice(1).entries()) {
    const [from, to] = [schedule.alphaBar(visited[i]!), schedule.alphaBar(s)];
    const gain = (Math.sqrt(from) * data.deviation ** 2) / (from * data.deviation ** 2 + 1 - from);
    const x0 = want.map((z) => data.mean + gain * (z - Math.sqrt(from) * data.mean));
    const drawn = s === 0 ? [] : streams.flatMap((stream) => [...stream.normals(4 * 4 * 3)]);
    want = s === 0 ? x0 : x0.map((x, k) => Math.sqrt(to) * x + Math.sqrt(1 - to) * drawn[k]!);
  }
  const options = { times: visited, seeds, clip: false } as const;
  const images = await sampleConsistency(gaussianDenoiser(schedule, "v", data), schedule, zT, options);
  await expectTensor(images, want, 1e-6, "consistency sampler");
  tf.dispose([zT, images]);
});
