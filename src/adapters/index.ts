/**
 * Models of TensorFlow.js itself as denoisers and classifiers; the one entry that needs the whole of it.
 *
 * @packageDocumentation
 */
import * as tf from "@tensorflow/tfjs";
import { check, checkOptions, checkPositiveInteger, fail, isNumber } from "../check.js";
import type { Classifier, Denoiser, Labels, PredictionType, Times } from "../types.js";
import { classifier, denoiser, type ClassifierOptions } from "../models/denoiser.js";

/** How a foreign model is a denoiser. */
export interface ModelDenoiserOptions {
  /** What the model's output stands for. */
  readonly predictionType: PredictionType;
  /** The model sees t * timeScale; default 1. */
  readonly timeScale?: number;
  /** For a class-conditional model: how many classes its one-hot labels have. */
  readonly classes?: number;
}

/** Which outputs of a foreign model make it a classifier: by index among its outputs, or by name. */
export interface ModelClassifierOptions extends Omit<ClassifierOptions, "layers"> {
  /** [B, classes], before any softmax. */
  readonly logits: number | string;
  /** [B, width]. */
  readonly features: number | string;
}

/**
 * A `tf.LayersModel` as a denoiser or a classifier; which one, the options decide. It runs in inference mode, and
 * gradients flow through it to its input. Its weights are its own: not copied, not disposed.
 *
 * As a denoiser its inputs are, in this order, zt [B, H, W, C], the times t * timeScale ([B] or [B, 1], whichever it
 * declares; int32 if it declares that), and if `classes` is given one-hot labels [B, classes], zeros for label -1.
 * Its only output has zt's shape. As a classifier its only input is images, and `logits` and `features` name
 * outputs, or layers whose output to take.
 *
 * @param model the model; any shape of batch
 * @param options `{ predictionType, timeScale?, classes? }` or `{ logits, features, mean?, std? }`
 * @returns a {@link Denoiser} or a {@link Classifier}
 * @throws if options are unknown or out of range, the model has another number of inputs or outputs, or no output or
 *   layer of that name; the denoiser or classifier if what goes in or comes out has another shape
 * @example
 * ```ts
 * import * as tf from "@tensorflow/tfjs";
 * import { fromLayersModel } from "cfd-distill/adapters";
 * const images = tf.input({ shape: [4, 4, 3] });
 * const pooled = tf.layers.globalAveragePooling2d({ name: "pool" }).apply(images) as tf.SymbolicTensor;
 * const scores = tf.layers.dense({ units: 10 }).apply(pooled) as tf.SymbolicTensor;
 * const model = tf.model({ inputs: images, outputs: scores });
 * const classify = fromLayersModel(model, { logits: 0, features: "pool" });
 * const batch = tf.zeros<tf.Rank.R4>([2, 4, 4, 3]);
 * const { logits, features } = classify(batch);
 * console.log(logits.shape, features.shape); // [2, 10] [2, 3]
 * tf.dispose([batch, logits, features]);
 * model.dispose();
 * ```
 */
export function fromLayersModel(model: tf.LayersModel, options: ModelDenoiserOptions): Denoiser;
export function fromLayersModel(model: tf.LayersModel, options: ModelClassifierOptions): Classifier;
export function fromLayersModel(
  model: tf.LayersModel,
  options: ModelDenoiserOptions | ModelClassifierOptions,
): Denoiser | Classifier {
  const where = "fromLayersModel";
  check(typeof model?.apply === "function", where, "a tf.LayersModel", model);
  if (isDenoiser(options, where)) {
    check(model.outputs.length === 1, where, "a model with one output", `${model.outputs.length} outputs`);
    const run = (inputs: tf.Tensor[]) => runLayers(model, inputs);
    return denoiserOf({ inputs: model.inputs, run }, options, where);
  }
  const outputs = [options.logits, options.features].map((output) => layersOutput(model, output));
  const both = tf.model({ inputs: model.inputs, outputs: [...new Set(outputs)] });
  return classifierOf({ inputs: model.inputs, run: (inputs) => runLayers(both, inputs) }, options, where);
}

/**
 * A `tf.GraphModel` (converted from TensorFlow) as a denoiser or a classifier, like {@link fromLayersModel}. Its
 * inputs are taken in the order of `model.inputs`; `logits` and `features` may name any node of the graph.
 * Gradients flow through it to its input if each of its operations has one.
 *
 * @param model the model, without control flow
 * @param options `{ predictionType, timeScale?, classes? }` or `{ logits, features, mean?, std? }`
 * @returns a {@link Denoiser} or a {@link Classifier}
 * @throws as {@link fromLayersModel}
 * @example
 * ```ts
 * import * as tf from "@tensorflow/tfjs";
 * import { fromGraphModel } from "cfd-distill/adapters";
 * const type = { type: "DT_FLOAT" };
 * const input = (name: string) => ({ name, op: "Placeholder", attr: { dtype: type } });
 * const product = { name: "product", op: "Mul", input: ["zt", "time"], attr: { T: type } };
 * const graph = { node: [input("zt"), input("time"), product], versions: { producer: 1 } };
 * const model = tf.loadGraphModelSync({ modelTopology: graph, weightSpecs: [], weightData: new ArrayBuffer(0) });
 * const teacher = fromGraphModel(model, { predictionType: "eps", timeScale: 10 });
 * const zt = tf.ones<tf.Rank.R4>([1, 1, 1, 1]);
 * const eps = teacher(zt, [0.5]);
 * console.log(await eps.data()); // [5]
 * tf.dispose([zt, eps]);
 * model.dispose();
 * ```
 */
export function fromGraphModel(
  model: tf.GraphModel<string | tf.io.IOHandler | tf.io.IOHandlerSync>,
  options: ModelDenoiserOptions,
): Denoiser;
export function fromGraphModel(
  model: tf.GraphModel<string | tf.io.IOHandler | tf.io.IOHandlerSync>,
  options: ModelClassifierOptions,
): Classifier;
export function fromGraphModel(
  model: tf.GraphModel<string | tf.io.IOHandler | tf.io.IOHandlerSync>,
  options: ModelDenoiserOptions | ModelClassifierOptions,
): Denoiser | Classifier {
  const where = "fromGraphModel";
  check(typeof model?.execute === "function", where, "a tf.GraphModel", model);
  const inputs = model.inputs.map(({ shape, dtype }) => ({ shape: shape ?? [], dtype }));
  if (isDenoiser(options, where)) {
    check(model.outputs.length === 1, where, "a model with one output", `${model.outputs.length} outputs`);
    return denoiserOf({ inputs, run: (tensors) => runGraph(model, tensors) }, options, where);
  }
  const names = [options.logits, options.features].map((output) => graphOutput(model, output));
  const distinct = [...new Set(names)];
  return classifierOf({ inputs, run: (tensors) => runGraph(model, tensors, distinct) }, options, where);
}

/** What both kinds of model have in common. */
interface ForeignModel {
  readonly inputs: readonly Pick<tf.SymbolicTensor, "shape" | "dtype">[];
  readonly run: (inputs: tf.Tensor[]) => tf.Tensor[];
}

function isDenoiser(
  options: ModelDenoiserOptions | ModelClassifierOptions,
  where: string,
): options is ModelDenoiserOptions {
  if (typeof options === "object" && options !== null && "predictionType" in options) {
    checkOptions<ModelDenoiserOptions>(where, options, {
      predictionType: true,
      timeScale: true,
      classes: true,
    });
    return true;
  }
  const names = { logits: true, features: true, mean: true, std: true } as const;
  checkOptions<ModelClassifierOptions>(where, options, names);
  const given = options.logits !== undefined && options.features !== undefined;
  check(given, where, "options with predictionType, or with logits and features", options);
  return false;
}

function denoiserOf(model: ForeignModel, options: ModelDenoiserOptions, where: string): Denoiser {
  const { predictionType, timeScale = 1, classes } = options;
  check(isNumber(timeScale) && timeScale > 0, where, "timeScale to be a positive number", timeScale);
  if (classes !== undefined) checkPositiveInteger(classes, where, "classes");
  const wanted = classes === undefined ? ["zt", "times"] : ["zt", "times", "labels"];
  const text = `a model with ${wanted.length} inputs (${wanted.join(", ")})`;
  check(model.inputs.length === wanted.length, where, text, `${model.inputs.length} inputs`);
  const apply = (zt: tf.Tensor4D, times: Times, labels?: Labels): tf.Tensor4D => {
    const position = positions(times, timeScale, { input: model.inputs[1]!, where });
    const inputs = [zt, position, ...oneHot(labels, { classes, batch: times.length, where })];
    return model.run(inputs)[0] as tf.Tensor4D;
  };
  const network = {
    config: { type: where },
    init: () => ({}),
    apply: (_: unknown, ...[zt, times, labels]: [tf.Tensor4D, Times, ...unknown[]]) =>
      apply(zt, times, labels as Labels | undefined),
  };
  return denoiser(network, {}, predictionType);
}

function classifierOf(model: ForeignModel, options: ModelClassifierOptions, where: string): Classifier {
  const { length } = model.inputs;
  check(length === 1, where, "a model with one input, the images", `${length} inputs`);
  const apply = (_: unknown, images: tf.Tensor4D) => {
    const [logits, features = logits] = model.run([images]); // one output may be both
    check(logits?.rank === 2, where, "logits [batch, classes]", logits);
    check(features?.rank === 2, where, "features [batch, width]", features);
    return { logits: logits as tf.Tensor2D, features: features as tf.Tensor2D };
  };
  const { mean, std } = options;
  const scaling = { ...(mean !== undefined && { mean }), ...(std !== undefined && { std }) };
  return classifier({ apply }, {}, scaling);
}

/** The times as the model counts them, of the rank and type that its input declares. */
function positions(
  times: Times,
  timeScale: number,
  { input, where }: { input: ForeignModel["inputs"][number]; where: string },
): tf.Tensor {
  const shape = input.shape.length === 2 ? [times.length, 1] : [times.length];
  const scaled = times.map((time) => time * timeScale);
  if (input.dtype !== "int32") return tf.tensor(scaled, shape, "float32");
  const between = scaled.find((position) => Math.abs(position - Math.round(position)) > 1e-6);
  check(between === undefined, where, "integer t * timeScale, as the model takes int32", between);
  return tf.tensor(scaled.map(Math.round), shape, "int32");
}

/** The labels as the model takes them: [B, classes], or nothing if it knows none. */
function oneHot(
  labels: Labels | undefined,
  { classes, batch, where }: { classes: number | undefined; batch: number; where: string },
): tf.Tensor[] {
  if (classes === undefined) {
    check(labels === undefined, where, "no labels, as the options name no number of classes", labels);
    return [];
  }
  const values = new Float32Array(batch * classes);
  labels?.forEach((label, i) => {
    check(label < classes, where, `labels below ${classes}`, label);
    if (label >= 0) values[i * classes + label] = 1;
  });
  return [tf.tensor2d(values, [batch, classes])];
}

/** `apply` and not `predict`, which cuts batches and takes no part in gradients. */
function runLayers(model: tf.LayersModel, inputs: tf.Tensor[]): tf.Tensor[] {
  return [model.apply(inputs, { training: false }) as tf.Tensor | tf.Tensor[]].flat();
}

function runGraph(
  model: tf.GraphModel<string | tf.io.IOHandler | tf.io.IOHandlerSync>,
  inputs: tf.Tensor[],
  outputs?: string[],
): tf.Tensor[] {
  return [model.execute(inputs, outputs)].flat();
}

function layersOutput(model: tf.LayersModel, output: number | string): tf.SymbolicTensor {
  const where = "fromLayersModel";
  if (typeof output === "number") {
    return model.outputs[output] ?? fail(where, `an output below ${model.outputs.length}`, output);
  }
  const layer = model.layers.find(({ name }) => name === output);
  const names = model.layers.map(({ name }) => name).join(", ");
  const found = layer?.output ?? fail(where, `a layer among ${names}`, output);
  check(!Array.isArray(found), where, `the layer ${output} to have one output`, "several");
  return found;
}

function graphOutput(
  model: tf.GraphModel<string | tf.io.IOHandler | tf.io.IOHandlerSync>,
  output: number | string,
): string {
  if (typeof output === "string") return output;
  const found = model.outputs[output]?.name;
  return found ?? fail("fromGraphModel", `an output below ${model.outputs.length}`, output);
}
