import { describe, expect, test } from "vitest";
import { noise } from "../../src/index.js";
import { fromGraphModel, fromLayersModel } from "../../src/adapters/index.js";
import {
  denoisingNodes,
  graph,
  graphClassifier,
  layersClassifier,
  layersDenoiser,
  pixels,
  sizeOfTimes,
} from "../support/outside-models.js";
import { onCpuWithoutLeaks } from "../support/no-leaks.js";

onCpuWithoutLeaks();

describe("fromLayersModel as a denoiser", () => {
  test("refuses what does not fit", () => {
    const model = layersDenoiser();
    const options = { predictionType: "x0" } as const;
    const wanted = (message: string) => `fromLayersModel: expected ${message}`;
    expect(() => fromLayersModel(model, { ...options, classes: 2 })).toThrow(
      wanted("a model with 3 inputs (zt, times, labels), got 2 inputs."),
    );
    expect(() => fromLayersModel(model, { ...options, timeScale: 0 })).toThrow(
      wanted("timeScale to be a positive number, got 0."),
    );
    expect(() => fromLayersModel(model, { ...options, scale: 2 } as typeof options)).toThrow(
      wanted("only the options predictionType, timeScale, classes, got scale."),
    );
    expect(() => fromLayersModel(model, {} as typeof options)).toThrow(
      wanted("options with predictionType, or with logits and features, got {}."),
    );
    expect(() => fromLayersModel(model, { predictionType: "mean" as "x0" })).toThrow("predictionType among");
    const zt = pixels();
    const denoiser = fromLayersModel(model, options);
    expect(() => denoiser(zt, [1, 1], [0, 0])).toThrow(
      wanted("no labels, as the options name no number of classes, got [0,0]."),
    );
    expect(() => denoiser(zt, [1])).toThrow("denoiser: expected 2 times, one per sample, got 1 times.");
    zt.dispose();
    model.dispose();
  });
});

describe("fromLayersModel as a classifier", () => {
  test("refuses what does not fit", () => {
    const model = layersClassifier();
    expect(() => fromLayersModel(model, { logits: 1, features: "pool" })).toThrow(
      "fromLayersModel: expected an output below 1, got 1.",
    );
    expect(() => fromLayersModel(model, { logits: 0, features: "pol" })).toThrow(
      /fromLayersModel: expected a layer among .*, pool, scores, got pol\./,
    );
    expect(() => fromLayersModel(model, { logits: 0, features: "pool", mean: [0] })).toThrow(
      "both mean and std, or neither",
    );
    const images = noise([1], [4, 4, 1]);
    const convolved = model.layers[2]!.name;
    expect(() => fromLayersModel(model, { logits: 0, features: convolved })(images)).toThrow(
      "fromLayersModel: expected features [batch, width], got a tensor of shape [1, 2, 2, 2].",
    );
    images.dispose();
    model.dispose();
  });
});

describe("fromGraphModel", () => {
  test("refuses what does not fit", () => {
    const model = graphClassifier();
    expect(() => fromGraphModel(model, { logits: 2, features: "features" })).toThrow(
      "fromGraphModel: expected an output below 1, got 2.",
    );
    expect(() => fromGraphModel(model, { predictionType: "x0" })).toThrow(
      "fromGraphModel: expected a model with 2 inputs (zt, times), got 1 inputs.",
    );
    const two = graph(denoisingNodes(), sizeOfTimes);
    expect(() => fromGraphModel(two, { logits: 0, features: 0 })).toThrow(
      "fromGraphModel: expected a model with one input, the images, got 2 inputs.",
    );
    two.dispose();
    const images = noise([1], [2, 2, 1]);
    const classify = fromGraphModel(model, { logits: 0, features: "feature" });
    expect(() => classify(images)).toThrow("feature");
    images.dispose();
    model.dispose();
  });
});
