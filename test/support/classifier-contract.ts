import * as tf from "@tensorflow/tfjs";
import { describe, expect, test } from "vitest";
import {
  createRng,
  disposeParams,
  networkFromConfig,
  noise,
  valueAndGrads,
  type ClassifierNetwork,
  type NetworkConfigBase,
} from "../../src/index.js";
import type { ParamSpecs } from "../../src/models/params.js";
import {
  finiteDifferences,
  naiveLoss,
  readWeights,
  stir,
  tensorLoss,
  type Naive,
  type Values,
  type Weights,
} from "./naive-classifiers.js";

const train = { train: { rng: createRng(0) } };

/** A network's config, as far as the contract needs it. */
type Config = NetworkConfigBase & { readonly classes: number; readonly imageChannels: number };

/** The same network by loops in float64. */
type NaiveNetwork<C> = (config: C, weights: Weights, images: Values, mode?: { train: boolean }) => Naive;

/** What every classifying network must do: its values, gradients and statistics against loops, in both modes. */
export function classifierContract<C extends Config>(
  variants: Readonly<Record<string, ClassifierNetwork<C>>>,
  naive: NaiveNetwork<C>,
): void {
  describe.each(Object.entries(variants))("%s", (_, network) => {
    const { imageChannels } = network.config;
    // Odd sizes: what is halved is rounded as PyTorch rounds it.
    const images = () => noise([1, 2], [5, 4, imageChannels]);
    const naiveImages = async () => {
      const x = images();
      const data = Float64Array.from(await x.data());
      x.dispose();
      return { shape: [2, 5, 4, imageChannels], data };
    };

    test.each([
      ["inference", {}],
      ["training", train],
    ])("in %s mode gives what loops in float64 give", async (mode, applyOptions) => {
      const params = stir(network.init(createRng(1)));
      const weights = await readWeights(params);
      const x = images();
      const { logits, features } = network.apply(params, x, applyOptions);
      const expected = naive(network.config, weights, await naiveImages(), {
        train: mode === "training",
      });
      expect(logits.shape).toEqual([2, network.config.classes]);
      expectClose(await logits.data(), expected.logits, 2e-5, "logits");
      expectClose(await features.data(), expected.features, 2e-5, "features");
      tf.dispose([x, logits, features]);
      disposeParams(params);
    });

    test("frozen, passes the gradient by the images and does not change", async () => {
      const params = stir(network.init(createRng(1)));
      const weights = await readWeights(params);
      const x = images();
      const gradient = tf.tidy(() =>
        tf.grad((z: tf.Tensor) => tensorLoss(network.apply(params, z as tf.Tensor4D)))(x),
      );
      const pixels = await naiveImages();
      const loss = () => naiveLoss(naive(network.config, weights, pixels));
      expectClose(await gradient.data(), finiteDifferences(loss, pixels.data), 2e-4, "pixel");
      expect(await readWeights(params)).toEqual(weights);
      tf.dispose([x, gradient]);
      disposeParams(params);
    });

    test("in training mode has the gradients of all weights and moves all statistics", async () => {
      const params = stir(network.init(createRng(1)));
      const weights = await readWeights(params);
      const x = images();
      const { terms, grads } = valueAndGrads(
        () => ({ loss: tensorLoss(network.apply(params, x, train)) }),
        params,
      );
      const pixels = await naiveImages();
      const loss = () => naiveLoss(naive(network.config, weights, pixels, { train: true }));
      const isStatistic = (name: string) => name.includes("running_");
      expect(Object.keys(grads)).toEqual(Object.keys(weights).filter((name) => !isStatistic(name)));
      for (const [name, gradient] of Object.entries(grads)) {
        const expected = finiteDifferences(loss, weights[name]!.data, 10);
        expectClose((await gradient.data()).slice(0, 10), expected, 1e-3, name);
      }
      const moved = await readWeights(params);
      for (const [name, { data }] of Object.entries(moved)) {
        if (isStatistic(name)) expect(data, name).not.toEqual(weights[name]!.data);
        else expect(data, name).toEqual(weights[name]!.data);
      }
      tf.dispose([x, terms, grads]);
      disposeParams(params);
    });

    test("is made again by its config, also through JSON", () => {
      expect(networkFromConfig(JSON.parse(JSON.stringify(network.config)) as C).config).toEqual(
        network.config,
      );
    });
  });
}

/** Everything within `tolerance` of the largest expected number. */
function expectClose(
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  tolerance: number,
  what = "",
): void {
  expect(actual.length, what).toBe(expected.length);
  const largest = Math.max(1e-3, ...Array.from(expected, Math.abs));
  for (let i = 0; i < expected.length; i++) {
    expect(Math.abs(actual[i]! - expected[i]!) / largest, `${what} ${i}`).toBeLessThan(tolerance);
  }
}

/** Trainable numbers, from the shapes alone. */
export function countTrainable(specs: ParamSpecs): number {
  const sizes = Object.entries(specs).map(([name, { shape }]) =>
    name.includes("running_") ? 0 : shape.reduce((product, size) => product * size, 1),
  );
  return sizes.reduce((sum, size) => sum + size, 0);
}
