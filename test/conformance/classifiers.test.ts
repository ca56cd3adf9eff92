// Fixtures: python scripts/reference/make_fixtures.py (classifiers.safetensors).
import * as tf from "@tensorflow/tfjs";
import { describe, it } from "vitest";
import { classifier } from "../../src/models/denoiser.js";
import { densenet } from "../../src/models/densenet.js";
import { resnet } from "../../src/models/resnet.js";
import { createRng } from "../../src/rng.js";
import { valueAndGrads } from "../../src/autodiff/value-and-grads.js";
import type { Params } from "../../src/types.js";
import { full, onEngine } from "./engine.js";
import { expectSummaries, expectTensor, readFixture } from "./fixtures.js";
import { referenceParams } from "./params.js";
import { image } from "./pointwise.js";
import { values, type Shape } from "./values.js";

onEngine();

const fixture = await readFixture("classifiers");
const shapes = fixture.setting("shapes") as Record<string, Record<string, Shape>>;
/** Inputs at which rounding switches no ReLU, where the gradient jumps. */
const inputs = fixture.setting("inputs") as Record<Name, string>;

const NETWORKS = {
  small: resnet({ blocks: [1, 1, 1, 1], width: 8, classes: 10 }),
  smallDense: densenet({ blocks: [2, 1, 2, 1], growth: 8, stem: 16, classes: 10 }),
  resnet20: resnet({ blocks: [3, 3, 3], width: 16, shortcut: "pad", classes: 10 }),
  resnet18: resnet({ depth: 18, classes: 10 }),
  resnet50: resnet({ depth: 50, classes: 10 }),
  densenet121: densenet({ depth: 121, classes: 10 }),
};
type Name = keyof typeof NETWORKS;

/** The option-A networks end in `linear` in their checkpoints, and in `fc` here. */
function paramsOf(name: Name): Params {
  const params = referenceParams(`classifier.${name}`, shapes[name]!);
  return Object.fromEntries(Object.entries(params).map(([key, v]) => [key.replace(/^linear\./, "fc."), v]));
}

const cotangent = (name: string, shape: readonly number[]) => tf.tensor(values(name, shape), [...shape]);
const dot = (a: tf.Tensor, b: tf.Tensor) => tf.sum<tf.Scalar>(tf.mul(a, b));

describe("classifiers against PyTorch", () => {
  const names = Object.keys(NETWORKS) as Name[];
  it.each(full ? names : names.slice(0, 1))(
    "%s: logits, features, gradient with respect to the images",
    async (name) => {
      const params = paramsOf(name);
      const images = image(inputs[name], [2, 16, 16, 3]);
      const { logits, features } = NETWORKS[name].apply(params, images);
      await expectTensor(logits, fixture.numbers(`${name}.logits`), 5e-6, `${name} logits`);
      await expectTensor(features, fixture.numbers(`${name}.features`), 3e-6, `${name} features`);
      const scalar = (x: tf.Tensor) => {
        const output = NETWORKS[name].apply(params, x as tf.Tensor4D);
        const [a, b] = [output.logits, output.features].map((tensor, i) =>
          dot(tensor, cotangent(`classifier.${name}/${i === 0 ? "logits" : "features"}`, tensor.shape)),
        );
        return tf.add<tf.Scalar>(a!, b!);
      };
      const gradient = tf.grad(scalar)(images);
      await expectTensor(gradient, fixture.numbers(`${name}.inputGradient`), 1e-5, `${name} input gradient`);
      tf.dispose([params, images, logits, features, gradient]);
    },
  );

  it("images scaled by mean and std", async () => {
    const params = paramsOf("small");
    const options = { mean: fixture.setting("mean") as number[], std: fixture.setting("std") as number[] };
    const images = image(inputs.small, [2, 16, 16, 3]);
    const { logits, features } = classifier(NETWORKS.small, params, options)(images);
    await expectTensor(logits, fixture.numbers("small.normalised.logits"), 2e-6, "scaled images' logits");
    tf.dispose([params, images, logits, features]);
  });

  it.each(full ? (["small", "smallDense"] as const) : (["small"] as const))(
    "%s in training mode",
    async (name) => {
      const params = paramsOf(name);
      const images = image(`classifier.${name}/train`, [4, 16, 16, 3]);
      const train = { rng: createRng(0) };
      const { terms, grads } = valueAndGrads(() => {
        const { logits } = NETWORKS[name].apply(params, images, { train });
        return { loss: dot(logits, cotangent(`classifier.${name}/trainLogits`, logits.shape)) };
      }, params);
      const common = { net: `classifier.${name}`, shapes: shapes[name]! };
      const table = fixture.numbers(`${name}.train.gradients`);
      await expectSummaries(grads, { ...common, table, tolerance: 2e-5, what: `${name} training gradients` });
      const running = Object.fromEntries(Object.entries(params).filter(([key]) => key.includes("running_")));
      const statistics = fixture.numbers(`${name}.train.running`);
      const what = `${name} running statistics`;
      await expectSummaries(running, { ...common, table: statistics, tolerance: 1e-6, what });
      tf.dispose([params, images, terms, grads]);
    },
  );
});
