// Fixtures: python scripts/reference/make_fixtures.py (frechet.safetensors).
import * as tf from "@tensorflow/tfjs";
import { describe, it } from "vitest";
import { frechetDistance } from "../../src/metrics/frechet.js";
import { statistics } from "../../src/metrics/statistics.js";
import { expectClose, readFixture } from "./fixtures.js";
import { onEngine } from "./engine.js";
import { values } from "./values.js";

onEngine();

const fixture = await readFixture("frechet");

async function statisticsOf(name: string, shape: [number, number], scale = 1, shift: number[] = [0]) {
  const raw = tf.tensor2d(values(`frechet/${name}`, shape), shape);
  const features = tf.tidy(() => tf.add<tf.Tensor2D>(tf.mul(raw, scale), shift)); // rounds once, as the script does
  const result = await statistics(features);
  tf.dispose([raw, features]);
  return result;
}

describe("the Frechet distance against NumPy", () => {
  it("of two full-rank sets", async () => {
    const a = await statisticsOf("a", [40, 6]);
    const b = await statisticsOf("b", [30, 6], 2, fixture.setting("shift") as number[]);
    expectClose(a.mean, fixture.numbers("full.mean"), 1e-14, "mean");
    expectClose(a.covariance, fixture.numbers("full.covariance"), 1e-14, "covariance");
    expectClose([frechetDistance(a, b)], fixture.numbers("full"), 1e-14, "full rank");
  });

  it("of sets with fewer samples than features", async () => {
    const [c, d] = [await statisticsOf("c", [5, 8]), await statisticsOf("d", [4, 8])];
    expectClose([frechetDistance(c, d)], fixture.numbers("deficient"), 6e-8, "rank-deficient");
  });
});
