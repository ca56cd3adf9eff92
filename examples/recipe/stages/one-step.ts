// What a student minimises that comes to one step at once (docs/one-step.md).
import * as tf from "@tensorflow/tfjs";
import {
  cloneParams,
  consistencyLoss,
  consistencyTimes,
  denoisingLoss,
  drawTimes,
  predict,
  scoreDistillationLoss,
  untaped,
  type Labels,
  type ConsistencyTimes,
  type Rng,
  type Times,
} from "cfd-distill";
import type { HalvingBy } from "../config/schema.js";
import { denoiserOf } from "../models/models.js";
import type { Setup } from "../storage/setup.js";
import { draw, type Lesson, type Pair, type Rows, type Terms } from "./terms.js";

/**
 * With a teacher of a pair of its own steps (Song et al. 2023, arXiv 2303.01469, Algorithm 2); without, of pairs that come
 * closer as the training goes on.
 */
export function consistencyTerms(
  setup: Setup,
  { distil, huber, steps }: HalvingBy<"consistency">,
  { teacher, student }: Pair,
): Terms {
  const { schedule } = teacher;
  const models = {
    student: denoiserOf(student, student.params, { recompute: setup.config.recompute }),
    ...(distil && { teacher: denoiserOf(teacher, teacher.params) }),
    schedule,
  };
  const distance = huber === undefined ? "l2" : { huber };
  return (rng, rows, step) => {
    const pairs = distil
      ? neighbours(drawTimes(rng, rows.batch, teacher.steps), teacher.steps)
      : consistencyTimes(rng, schedule, rows.batch, { progress: step / steps });
    const part = (all: readonly number[]) => all.slice(rows.from, rows.to);
    const [times, earlier, weights] = [part(pairs.times), part(pairs.earlier), part(pairs.weights)];
    return consistencyLoss({ ...models, ...draw(setup, rng, rows), times, earlier, weights, distance });
  };
}

/** Times of a grid with the ones a step before them. */
function neighbours(times: Times, steps: number): ConsistencyTimes {
  const earlier = times.map((time) => Math.round(time * steps - 1) / steps);
  return { times, earlier, weights: times.map(() => 1) };
}

/**
 * The student moves its images to where the teacher sees the data, away from where a critic of them does, which begins as
 * the teacher. Both are asked at the teacher's own times; each lesson draws noise of its own.
 */
export function scoreLesson(
  setup: Setup,
  { variant, alpha }: HalvingBy<"score">,
  { teacher, student }: Pair,
): Lesson {
  const { recompute } = setup.config;
  const { schedule, steps } = teacher;
  const ofCritic = cloneParams(teacher.params);
  const generator = denoiserOf(student, student.params, { recompute });
  const learning = denoiserOf(teacher, ofCritic, { recompute });
  const judges = { teacher: denoiserOf(teacher, teacher.params), critic: denoiserOf(teacher, ofCritic) };
  const generate = (zT: tf.Tensor4D, labels: Labels) => {
    const start = labels.map(() => 1);
    return predict(generator, schedule, zT, start, { labels }).x0;
  };
  const ask = (rng: Rng, rows: Rows) => {
    const times = drawTimes(rng, rows.batch, steps).slice(rows.from, rows.to);
    return { ...drawNoise(setup, rng, rows), times };
  };
  const terms: Terms = (rng, rows) => {
    const { zT, ...question } = ask(rng, rows);
    const images = generate(zT, question.labels);
    return scoreDistillationLoss({ images, ...judges, schedule, ...question, variant, alpha });
  };
  const termsOfCritic: Terms = (rng, rows) => {
    const { zT, ...question } = ask(rng, rows);
    const x0 = untaped(() => generate(zT, question.labels));
    return denoisingLoss({ denoiser: learning, schedule, x0, ...question });
  };
  return { terms, critic: { params: ofCritic, terms: termsOfCritic } };
}

/** Noise twice over, and classes as often as in the data; no images. */
function drawNoise({ data }: Setup, rng: Rng, { batch, from, to }: Rows) {
  const { shape, labels } = data.train;
  const normals = () => {
    const whole = tf.tensor4d(rng.normals(batch * shape[0] * shape[1] * shape[2]), [batch, ...shape]);
    return tf.slice(whole, from, to - from);
  };
  const classes = Array.from({ length: batch }, () => labels[rng.integer(labels.length)]!);
  return { zT: normals(), eps: normals(), labels: classes.slice(from, to) };
}
