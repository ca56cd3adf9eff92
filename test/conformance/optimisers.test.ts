// Fixtures: python scripts/reference/make_fixtures.py (training.safetensors, by torch.optim itself).
import * as tf from "@tensorflow/tfjs";
import { describe, it } from "vitest";
import { adam } from "../../src/training/adam.js";
import { sgd } from "../../src/training/sgd.js";
import { onEngine } from "./engine.js";
import { expectTensor, readFixture } from "./fixtures.js";
import { values } from "./values.js";

onEngine();

const fixture = await readFixture("training");
const OPTIMISERS = {
  adam: () => adam({ learningRate: 0.01 }),
  adamL2: () => adam({ learningRate: 0.01, l2: 0.1 }),
  adamW: () => adam({ learningRate: 0.01, weightDecay: 0.1 }),
  sgd: () => sgd({ learningRate: 0.1 }),
  sgdMomentumL2: () => sgd({ learningRate: 0.1, momentum: 0.9, l2: 5e-4 }),
};

describe("optimisers against torch.optim", () => {
  it.each(Object.entries(OPTIMISERS))("%s, three steps", async (name, make) => {
    const params = { vector: tf.tidy(() => tf.variable(tf.tensor1d(values("optimiser/start", [6])))) };
    const optimizer = make();
    const path = fixture.numbers(`optimiser.${name}`);
    for (let step = 0; step < 3; step++) {
      const grads = { vector: tf.tensor1d(values(`optimiser/gradient/${step}`, [6])) };
      optimizer.apply(params, grads);
      const want = path.slice(6 * step, 6 * step + 6);
      await expectTensor(params.vector, want, 5e-7, `${name} after step ${step}`);
      tf.dispose(grads);
    }
    optimizer.dispose();
    tf.dispose(params);
  });
});
