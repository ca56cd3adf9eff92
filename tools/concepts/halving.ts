import * as tf from "@tensorflow/tfjs";
import { addNoise, noise, predict, progressiveTarget, type NoiseSchedule } from "cfd-distill";
import { imageGrid } from "cfd-distill/data";
import { encodePng } from "cfd-distill/node";
import { figure } from "../../examples/recipe/index.js";
import type { Pair, Shipped } from "./models.js";

/** Starting noises, and the class of what is drawn from them. */
const STARTS = [
  { name: "face", seed: 3, of: "face" },
  { name: "fruit", seed: 8, of: "fruit" },
  { name: "flag", seed: 7, of: "flag" },
];
const COLUMNS = [
  "z at t = 1: noise",
  "teacher's x0 at t = 1",
  "z at t = 1/2: one step on",
  "teacher's x0 at t = 1/2",
  "z at t = 0: two steps on",
  "target: x0 that gets there at once",
  "student's x0 at t = 1",
];

/** From one noise: the teacher's two steps, the target that sums them up, and the student's answer. */
export async function drawHalving({ schedule, images, ...models }: Shipped): Promise<Uint8Array> {
  const methods = { PD: models.pd, CFD: models.cfd };
  const pairs = Object.values(methods);
  const strip = tf.tidy(() => tf.concat(pairs.map((pair) => stripOf(pair, schedule, images))));
  const gap = 8;
  const grid = await imageGrid(strip, { columns: COLUMNS.length, scale: scaleOf(images.shape), gap });
  strip.dispose();
  const rows = Object.keys(methods).flatMap((method) =>
    STARTS.map(({ name, seed }) => ({ label: `${method}, ${name}`, note: `noise ${seed}` })),
  );
  return encodePng(
    figure(grid, gap, {
      title: "A halving, from two steps to one",
      subtitle:
        "The teacher takes two DDIM steps; the target is the x0 whose single step ends at the same z.",
      rows,
      columns: COLUMNS,
    }),
  );
}

/** A row of images per start. Noisy images are scaled, so that fewer of their values are cut off. */
function stripOf(
  { teacher, student }: Pair,
  schedule: NoiseSchedule,
  { shape, classes }: Shipped["images"],
): tf.Tensor4D {
  const labels = STARTS.map(({ of }) => classes.indexOf(of));
  const at = (t: number) => labels.map(() => t);
  const zT = noise(STARTS.map(({ seed }) => seed), shape); // prettier-ignore
  const first = predict(teacher, schedule, zT, at(1), { labels });
  const middle = addNoise(schedule, first.x0, first.eps, at(0.5));
  const second = predict(teacher, schedule, middle, at(0.5), { labels });
  const end = addNoise(schedule, second.x0, second.eps, at(0));
  const target = progressiveTarget(teacher, schedule, zT, at(1), { studentSteps: 1, labels }).x0;
  const answer = predict(student, schedule, zT, at(1), { labels }).x0;
  const columns = [tf.div(zT, 2), first.x0, tf.div(middle, 1.5), second.x0, end, target, answer];
  return tf.reshape<tf.Rank.R4>(tf.stack(columns, 1), [-1, ...shape]);
}

/** Picture pixels a pixel, for tiles of about 96. */
export function scaleOf([height]: readonly [number, number, number]): number {
  return Math.max(1, Math.round(96 / height));
}
