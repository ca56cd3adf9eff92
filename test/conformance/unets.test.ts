// Fixtures: python scripts/reference/make_fixtures.py (unets, losses, trajectories).
import * as tf from "@tensorflow/tfjs";
import { describe, it } from "vitest";
import { denoiser } from "../../src/models/denoiser.js";
import { unet } from "../../src/models/unet.js";
import { sampleDdim } from "../../src/samplers/ddim.js";
import { discreteCosineSchedule } from "../../src/schedules/table.js";
import { valueAndGrads } from "../../src/autodiff/value-and-grads.js";
import type { Params } from "../../src/types.js";
import { full, onEngine } from "./engine.js";
import { expectSummaries, expectTensor, readFixture } from "./fixtures.js";
import { referenceParams } from "./params.js";
import { image } from "./pointwise.js";
import { UNETS } from "./unet-cases.js";
import type { Shape } from "./values.js";

onEngine();

const fixture = await readFixture("unets");
const trajectories = await readFixture("trajectories");
const shapes = fixture.setting("shapes") as Record<string, Record<string, Shape>>;
const labels = fixture.setting("labels") as number[];
const times = (fixture.setting("positions") as number[]).map((position) => position / 64);

describe("the U-Net against PyTorch", () => {
  // On cpu one network is enough, and slow enough.
  const names = ["plain", "conditional"] as const;
  it.each(full ? names : names.slice(0, 1))("%s: output and every gradient", async (name) => {
    const network = unet(UNETS[name]);
    const params = referenceParams(`unet.${name}`, shapes[name]!);
    const [input, cotangent] = tf.tidy(() => [
      tf.variable(image(`unet.${name}/input`, [2, 8, 8, 3], 1.5)),
      image(`unet.${name}/cotangent`, [2, 8, 8, 3]),
    ]);
    const apply = (x: tf.Tensor4D) =>
      name === "plain" ? network.apply(params, x, times) : network.apply(params, x, times, labels);
    const output = apply(input);
    await expectTensor(output, fixture.numbers(`${name}.output`), 1e-5, `${name} output`);

    const all: Params = { ...params, input: input };
    const { terms, grads } = valueAndGrads(
      () => ({ loss: tf.sum<tf.Scalar>(tf.mul(apply(input as tf.Tensor4D), cotangent)) }),
      all,
    );
    const { input: inputGradient, ...rest } = grads;
    const wanted = fixture.numbers(`${name}.inputGradient`);
    await expectTensor(inputGradient!, wanted, 1.5e-5, `${name} gradient with respect to the input`);
    const table = fixture.numbers(`${name}.gradients`);
    const what = `${name} gradients with respect to the weights`;
    await expectSummaries(rest, { net: `unet.${name}`, shapes: shapes[name]!, table, tolerance: 5e-5, what });
    tf.dispose([all, cotangent, output, terms, grads]);
  });

  it.each(full ? ([true, false, "x0"] as const) : [])("DDIM in four steps, clip %s", async (clip) => {
    const params = referenceParams("unet.plain", shapes.plain!);
    const zT = image("ddim/unet", [2, 8, 8, 3], 1.7);
    const model = denoiser(unet(UNETS.plain), params, "x0");
    const samples = await sampleDdim(model, discreteCosineSchedule(64), zT, { steps: 4, clip });
    const wanted = trajectories.numbers(`unet.${clip}.4`);
    await expectTensor(samples, wanted, 2e-5, `U-Net trajectory, clip ${clip}`);
    tf.dispose([params, zT, samples]);
  });
});
