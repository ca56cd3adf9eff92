import { readFile } from "node:fs/promises";
import { join } from "node:path";
import * as tf from "@tensorflow/tfjs";
import { imageBatch, imageGrid } from "cfd-distill";
import { writeFileAtomic } from "cfd-distill/node";
import { halvings } from "./config.js";
import { measure, type Measurements } from "./evaluate.js";
import { encodePng, figure, type RowLabel } from "./picture.js";
import type { Run } from "./stage.js";
import { checkpointPath } from "./workplace.js";

const GAP = 6;

/** Measures, draws the picture, and puts the last student where `loadGenerator` finds it. Returns the files' paths. */
export async function report(run: Run): Promise<{ picture: string; table: string; student: string }> {
  const path = (name: string) => join(run.out, name);
  const { measurements, drawn } = await measure(run);
  await writeFileAtomic(path("report.json"), Buffer.from(`${JSON.stringify(measurements, null, 2)}\n`));
  console.log(`\n${tableOf(measurements)}\n`);
  await writeFileAtomic(path("samples.png"), await draw(run, measurements, drawn));
  tf.dispose(drawn);
  const last = halvings(run.config).at(-1)!;
  await writeFileAtomic(path("student.safetensors"), await readFile(checkpointPath(run, last.name)));
  return { picture: path("samples.png"), table: path("report.json"), student: path("student.safetensors") };
}

/** The measurements as text, each named for what it is. */
export function tableOf(measured: Measurements): string {
  const { samplesPerMethod, trainingImages, testImages, frechetOfTestImages, classifierAccuracy } = measured;
  const head = ["", "network calls", "ms an image", "Frechet distance *", "from the teacher **"];
  const body = measured.rows.map((row) => [
    row.method,
    String(row.networkCalls),
    row.millisecondsPerImage.toFixed(1),
    row.frechet.toFixed(2),
    row.toTeacher.toFixed(3),
  ]);
  const widths = head.map((_, i) => Math.max(...[head, ...body].map((cells) => cells[i]!.length)));
  const line = (cells: readonly string[]) =>
    cells.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!))).join("   ");
  const percent = (100 * classifierAccuracy).toFixed(0);
  return [
    line(head),
    ...body.map(line),
    "",
    `*  ${samplesPerMethod} samples against ${trainingImages} training images, on the features of this run's own classifier`,
    `   (right on ${percent} % of ${testImages} test images). Those test images themselves: ${frechetOfTestImages.toFixed(2)}. Not an FID.`,
    "** mean absolute pixel difference (pixels in [-1, 1]) to the teacher's samples at all its steps, same noise",
  ].join("\n");
}

/** Real images on top, then a row per method; a column is one class and one starting noise. */
async function draw(run: Run, measured: Measurements, drawn: readonly tf.Tensor4D[]): Promise<Buffer> {
  const { train } = run.data;
  const { drawnPerClass } = run.config;
  const labels = train.classes.flatMap((_, label) => Array<number>(drawnPerClass).fill(label));
  const real = imageBatch(train, pickReal(run, labels)).x0;
  const all = tf.concat([real, ...drawn]);
  const scale = Math.max(1, Math.round(48 / train.shape[0]));
  const grid = await imageGrid(all, { columns: labels.length, scale, gap: GAP });
  tf.dispose([real, all]);
  const rows: RowLabel[] = measured.rows.map(({ method, millisecondsPerImage, frechet }) => ({
    label: method,
    note: `${Number(millisecondsPerImage.toPrecision(2))} ms an image · distance ${frechet.toFixed(1)}`,
  }));
  const page = figure(grid, GAP, {
    title: "Distilled: fewer steps from the same noise",
    subtitle:
      `Each column: one class, one starting noise. Distance: Frechet, on the features of the run's own classifier, ` +
      `${measured.samplesPerMethod} samples.`,
    rows: [{ label: "Training images", note: "for comparison" }, ...rows],
    columns: train.classes,
  });
  return encodePng(page);
}

/** Random training images of the given classes. */
function pickReal(run: Run, labels: readonly number[]): number[] {
  const rng = run.rng.fork("shown");
  const { train } = run.data;
  return labels.map((label) => {
    const ofClass = train.labels.flatMap((other, i) => (other === label ? [i] : []));
    return ofClass[rng.integer(ofClass.length)]!;
  });
}
