// What each training stage minimises, of any rows of a batch.
import * as tf from "@tensorflow/tfjs";
import { denoisingLoss, drawTimes, type LossTerms, type Params, type Rng } from "cfd-distill";
import { drawBatch } from "cfd-distill/data";
import { drawAugmented } from "../datasets/augment/augment.js";
import type { RecipeConfig } from "../config/schema.js";
import { classifierOf, denoiserOf, teacherOf, type Model } from "../models/models.js";
import type { Setup } from "../storage/setup.js";

/** Some rows of a batch: a micro-batch. */
export interface Rows {
  /** How many images the whole batch has. */
  readonly batch: number;
  readonly from: number;
  readonly to: number;
}

/** The terms of some rows at a step. `rng` draws the whole batch, which so is the same however it is cut. */
export type Terms = (rng: Rng, rows: Rows, step: number) => LossTerms;

/** What a student is trained on, beside a critic where there is one. */
export interface Lesson {
  readonly terms: Terms;
  readonly critic?: { readonly params: Params; readonly terms: Terms };
  /** Weights besides, which are only read. */
  readonly read?: readonly Params[];
}

/** Who teaches whom. */
export interface Pair {
  readonly teacher: Model;
  readonly student: Model;
}

/** Of the diffusion model that the others learn from. */
export function teacherTerms(setup: Setup, params: Params): Terms {
  const { base, teacherSteps, recompute } = setup.config;
  const { weighting, dropout } = base;
  const teacher = teacherOf(setup);
  const { schedule } = teacher;
  const first = schedule.alphaBar(0) > 1 - 1e-6 ? 1 : 0; // where there is next to no noise there is nothing to learn
  return (rng, rows) => {
    const times = drawTimes(rng, rows.batch, teacherSteps, { first }).slice(rows.from, rows.to);
    const batch = draw(setup, rng, rows);
    const train = dropout === 0 ? {} : { train: { rng: rng.fork(`dropout ${rows.from}`) } };
    const denoiser = denoiserOf(teacher, params, { recompute, ...train });
    return denoisingLoss({ denoiser, schedule, ...batch, times, weighting });
  };
}

/** Of the classifier whose features CFD compares. */
export function classifierTerms(setup: Setup, params: Params): Terms {
  const { classes } = setup.data.train;
  const network = classifierOf(setup);
  return (rng, rows) => {
    const { x0, labels } = drawChanged(setup, rng, rows);
    const images = scaled(x0, setup.config.classifierScaling);
    return crossEntropy(network.apply(params, images, { train: { rng } }).logits, labels, classes.length);
  };
}

/** Some rows of a batch with the noise and the classes that go with it. */
export function draw({ data, config }: Setup, rng: Rng, { batch, from, to }: Rows) {
  const { x0, labels } = drawBatch(data.train, rng, { batch, flip: config.flip });
  const eps = tf.tensor4d(rng.normals(x0.size), x0.shape);
  const part = (of: tf.Tensor4D) => tf.slice(of, from, to - from);
  return { x0: part(x0), eps: part(eps), labels: labels.slice(from, to) };
}

/** Some rows of a batch of images changed at random, so that the classifier does not learn them by heart. */
function drawChanged({ data, config }: Setup, rng: Rng, rows: Rows) {
  const { batch, from, to } = rows;
  const { augment } = config.classifier;
  if (augment === "paper") return drawAugmented(data.train, rng, rows);
  const { x0, labels } = drawBatch(data.train, rng, { batch, crop: augment.shift, flip: true });
  return { x0: tf.slice(x0, from, to - from), labels: labels.slice(from, to) };
}

/** Images in [-1, 1] as the classifier takes them. */
function scaled(images: tf.Tensor4D, scaling: RecipeConfig["classifierScaling"]): tf.Tensor4D {
  if (!scaling) return images;
  return images.add(1).div(2).sub(scaling.mean).div(scaling.std);
}

function crossEntropy(logits: tf.Tensor2D, labels: readonly number[], classes: number): LossTerms {
  const wanted = tf.oneHot(tf.tensor1d([...labels], "int32"), classes);
  const loss = tf.neg(tf.mean(tf.sum(tf.mul(wanted, tf.logSoftmax(logits)), -1))).asScalar();
  const right = tf.equal(tf.argMax(logits, -1), tf.tensor1d([...labels], "int32"));
  return { loss, accuracy: tf.mean(tf.cast(right, "float32")).asScalar() };
}
