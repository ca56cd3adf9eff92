// Fixtures: python scripts/reference/make_fixtures.py (training.safetensors).
import * as tf from "@tensorflow/tfjs";
import { describe, it } from "vitest";
import { denoisingLoss } from "../../src/losses/denoising.js";
import { denoiser } from "../../src/models/denoiser.js";
import { cloneParams } from "../../src/models/params.js";
import { unet } from "../../src/models/unet.js";
import { discreteCosineSchedule } from "../../src/schedules/table.js";
import { adam } from "../../src/training/adam.js";
import { clipByGlobalNorm } from "../../src/training/clip.js";
import { updateEma } from "../../src/training/ema.js";
import { linearWarmup } from "../../src/training/learning-rates.js";
import { valueAndGrads } from "../../src/autodiff/value-and-grads.js";
import type { Params } from "../../src/types.js";
import { full, onEngine } from "./engine.js";
import { expectEachClose, expectSummaries, readFixture } from "./fixtures.js";
import { referenceParams } from "./params.js";
import { image } from "./pointwise.js";
import { UNETS } from "./unet-cases.js";
import type { Shape } from "./values.js";

onEngine();

const fixture = await readFixture("training");
const shapes = fixture.setting("shapes") as Record<string, Shape>;
const indices = fixture.numbers("times");
const [STEPS, BATCH] = [full ? 10 : 3, 4];

/** Steps of base training, as a user would write them. */
async function train(params: Params, ema: Params) {
  const model = denoiser(unet(UNETS.trained), params, "x0");
  const schedule = discreteCosineSchedule(64);
  const optimizer = adam({ learningRate: linearWarmup({ rate: 2e-4, steps: 5 }) });
  const losses: number[] = [];
  const norms: number[] = [];
  for (let step = 0; step < STEPS; step++) {
    const [x0, eps] = [
      image(`training/${step}/x0`, [BATCH, 4, 4, 3]),
      image(`training/${step}/eps`, [BATCH, 4, 4, 3], 1.7),
    ];
    const times = [...indices.slice(step * BATCH, (step + 1) * BATCH)].map((i) => i / 64);
    const { terms, grads } = valueAndGrads(
      () => denoisingLoss({ denoiser: model, schedule, x0, eps, times }),
      params,
    );
    const clipped = clipByGlobalNorm(grads, fixture.setting("maxNorm") as number);
    optimizer.apply(params, clipped.grads);
    updateEma(ema, params, 0.9);
    losses.push((await terms.loss.data())[0]!);
    norms.push((await clipped.norm.data())[0]!);
    tf.dispose([x0, eps, terms, grads, clipped]);
  }
  optimizer.dispose();
  return { losses, norms };
}

describe("training steps against PyTorch", () => {
  it("losses, norms, weights and their average", async () => {
    const params = referenceParams("training", shapes);
    const ema = cloneParams(params);
    const { losses, norms } = await train(params, ema);
    expectEachClose(losses, fixture.numbers("losses").slice(0, STEPS), 3.5e-6, "losses");
    expectEachClose(norms, fixture.numbers("norms").slice(0, STEPS), 2.5e-6, "gradient norms");
    // The reference keeps the weights after its ten steps.
    for (const [name, got] of full ? Object.entries({ weights: params, ema }) : []) {
      const table = fixture.numbers(name);
      await expectSummaries(withoutInvariant(got), {
        net: "training",
        shapes,
        table: withoutRows(table),
        tolerance: 2e-6,
        what: `${name} after ten steps`,
      });
    }
    tf.dispose([params, ema]);
  });
});

/** The key projection's bias cancels in the softmax: its gradient is rounding noise, which Adam makes full steps of. */
const invariant = fixture.setting("invariant") as string[];

function withoutInvariant(params: Params): Params {
  return Object.fromEntries(Object.entries(params).filter(([name]) => !invariant.includes(name)));
}

function withoutRows(table: Float64Array): Float64Array {
  const names = Object.keys(shapes).sort();
  const width = table.length / names.length;
  return table.filter((_, i) => !invariant.includes(names[Math.floor(i / width)]!));
}
