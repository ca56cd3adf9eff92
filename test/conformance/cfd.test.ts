// Fixtures: python scripts/reference/make_fixtures.py (losses.safetensors).
import * as tf from "@tensorflow/tfjs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { cfdLoss } from "../../src/losses/cfd.js";
import { progressiveLoss } from "../../src/losses/progressive.js";
import { denoiser } from "../../src/models/denoiser.js";
import { resnet } from "../../src/models/resnet.js";
import { unet } from "../../src/models/unet.js";
import { discreteCosineSchedule } from "../../src/schedules/table.js";
import { valueAndGrads } from "../../src/autodiff/value-and-grads.js";
import type { Classifier, LossTerms, Params } from "../../src/types.js";
import { full, onEngine, sample } from "./engine.js";
import { expectClose, expectSummaries, expectTensor, readFixture } from "./fixtures.js";
import { referenceParams } from "./params.js";
import { flatten, image, MODELS, pointwise, pointwiseDenoiser, STUDENT_TIMES } from "./pointwise.js";
import { UNETS } from "./unet-cases.js";
import type { Shape } from "./values.js";

onEngine();

const fixture = await readFixture("losses");
type Shapes = Record<string, Record<string, Shape>>;
const unets = (await readFixture("unets")).setting("shapes") as Shapes;
const classifiers = (await readFixture("classifiers")).setting("shapes") as Shapes;
const network = resnet({ blocks: [1, 1, 1, 1], width: 8, classes: 10 });

/** The terms, measured against the largest: the loss is a sum of terms of either sign. */
async function expectTerms(terms: LossTerms, order: readonly string[], key: string, tolerance: number) {
  expect(Object.keys(terms).sort()).toEqual([...order].sort());
  const got = await Promise.all(order.map(async (name) => (await terms[name]!.data())[0]!));
  expectClose(got, fixture.numbers(`${key}.terms`), tolerance, `${key} terms`);
}

const CFD_TERMS = ["loss", "feature", "entropy", "diversity"];
const PROGRESSIVE_TERMS = ["loss", "x0Mse", "epsMse"];

describe("the CFD loss against PyTorch", () => {
  let classifierParams: Params;
  let classifier: Classifier;
  beforeAll(() => {
    classifierParams = referenceParams("classifier.small", classifiers.small!);
    classifier = (images) => network.apply(classifierParams, images);
  });
  afterAll(() => {
    tf.dispose(classifierParams);
  });

  const settings = [
    { label: "0.95", temperature: 0.95, beta: 0.003, gamma: 0.75 },
    { label: "0.5", temperature: 0.5, beta: 0.4, gamma: 0.25 },
    { label: "1.0", temperature: 1, beta: 0, gamma: 0.5 },
  ];
  const cases = MODELS.flatMap(([s, t]) => settings.map((setting) => [s, t, setting] as const));
  it.each(sample(cases, 3))("student %s, teacher %s, %o", async (s, t, { label, ...setting }) => {
    const [student, teacher] = [pointwise("student"), pointwise("teacher")];
    const shape: [number, number, number, number] = [4, 8, 8, 3];
    const [x0, eps] = [image("cfd/x0", shape), image("cfd/eps", shape, 1.7)];
    const models = {
      student: pointwiseDenoiser(student, s),
      teacher: pointwiseDenoiser(teacher, t),
      classifier,
    };
    const input = { ...models, schedule: discreteCosineSchedule(8), x0, eps };
    const { terms, grads } = valueAndGrads(
      () => cfdLoss({ ...input, times: STUDENT_TIMES[2], studentSteps: 2, ...setting }),
      student,
    );
    const key = `cfd.${s}.${t}.${label}`;
    await expectTerms(terms, CFD_TERMS, key, 7e-6);
    const feature = fixture.numbers(`${key}.terms`).slice(1, 2); // small, so by itself
    await expectTensor(terms.feature, feature, 2e-5, `${key} feature`);
    expectClose(await flatten(grads), fixture.numbers(`${key}.gradients`), 1e-5, `${key} gradients`);
    tf.dispose([student, teacher, x0, eps, terms, grads]);
  });

  it.each(full ? (["progressive", "cfd"] as const) : [])("%s, with labelled U-Nets", async (name) => {
    const shapes = unets.conditional!;
    const [student, teacher] = ["unet.conditional", "unet.teacher"].map((net) =>
      referenceParams(net, shapes),
    );
    const shape: [number, number, number, number] = [2, 8, 8, 3];
    const [x0, eps] = [image("unet/x0", shape), image("unet/eps", shape, 1.7)];
    const input = {
      student: denoiser(unet(UNETS.conditional), student!, "x0"),
      teacher: denoiser(unet(UNETS.conditional), teacher!, "x0"),
      ...{
        schedule: discreteCosineSchedule(64),
        x0,
        eps,
        times: [0.5, 1],
        studentSteps: 2,
        labels: [7, -1],
      },
    };
    const { terms, grads } = valueAndGrads((): LossTerms => {
      if (name === "progressive") return progressiveLoss(input);
      return cfdLoss({ ...input, classifier, temperature: 0.95, beta: 0.003, gamma: 0.75 });
    }, student!);
    await expectTerms(terms, name === "cfd" ? CFD_TERMS : PROGRESSIVE_TERMS, `unet.${name}`, 7e-6);
    const table = fixture.numbers(`unet.${name}.gradients`);
    const what = `${name}, U-Net gradients`;
    await expectSummaries(grads, { net: "unet.conditional", shapes, table, tolerance: 1e-4, what });
    tf.dispose([student!, teacher!, x0, eps, terms, grads]);
  });
});
