// Fixtures: python scripts/reference/make_fixtures.py (trajectories.safetensors).
import * as tf from "@tensorflow/tfjs";
import { afterAll, beforeAll, describe, it } from "vitest";
import { sampleDdim } from "../../src/samplers/ddim.js";
import { linearSchedule } from "../../src/schedules/linear.js";
import { discreteCosineSchedule } from "../../src/schedules/table.js";
import type { Params } from "../../src/types.js";
import { onEngine, sample } from "./engine.js";
import { expectTensor, readFixture } from "./fixtures.js";
import { image, pointwise, pointwiseDenoiser } from "./pointwise.js";

onEngine();

const fixture = await readFixture("trajectories");

describe("DDIM against PyTorch", () => {
  let model: Params;
  let zT: tf.Tensor4D;
  beforeAll(() => {
    model = pointwise("teacher");
    zT = image("ddim/zT", [2, 4, 4, 3], 1.7);
  });
  afterAll(() => {
    tf.dispose([model, zT]);
  });

  const kinds = ["x0", "eps", "v"] as const;
  const clips = [true, false, "x0"] as const;
  describe.each(kinds.flatMap((kind) => clips.map((clip) => [kind, clip] as const)))(
    "a network that predicts %s, clip %s",
    (kind, clip) => {
      // At t = 1 of the table alpha is 1 / 180: x0 from eps carries 180 times the rounding of eps.
      const tolerance = kind === "eps" && clip !== false ? 3e-5 : 2.5e-6;
      it.each(sample([8, 4, 2, 1], 1))("%i steps", async (steps) => {
        const got = await sampleDdim(pointwiseDenoiser(model, kind), discreteCosineSchedule(8), zT, {
          steps,
          clip,
        });
        const key = `${kind}.${clip}.${steps}`;
        await expectTensor(got, fixture.numbers(key), tolerance, key);
        got.dispose();
      });

      it("times of its own", async () => {
        const times = fixture.setting("explicit") as number[];
        const got = await sampleDdim(pointwiseDenoiser(model, kind), linearSchedule(), zT, { times, clip });
        await expectTensor(
          got,
          fixture.numbers(`${kind}.${clip}.explicit`),
          tolerance,
          `${kind}.${clip}.explicit`,
        );
        got.dispose();
      });
    },
  );
});
