import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import * as tf from "@tensorflow/tfjs";
import { imageBatch, imageGrid } from "cfd-distill";
import { writeFileAtomic } from "cfd-distill/node";
import { measure, type Measurements } from "./evaluate.js";
import { encodePng, figure, type RowLabel } from "./picture.js";
import { lossPlot } from "./plot.js";
import { imageSize, readSamples, readyMethods, shownClasses } from "./sampling.js";
import type { Run } from "./stage.js";
import { checkpointPath } from "./workplace.js";

const GAP = 6;

/** Measures what was drawn: a table on the screen, and report.json. */
export async function evaluate(run: Run): Promise<void> {
  const measurements = await measure(run);
  await writeFileAtomic(
    join(run.out, "report.json"),
    Buffer.from(`${JSON.stringify(measurements, null, 2)}\n`),
  );
  console.log(`\n${tableOf(measurements)}\n`);
}

/** The picture of all methods, the losses, and the last student where `loadGenerator` finds it. */
export async function present(run: Run): Promise<void> {
  const picture = join(run.out, "samples.png");
  const drawn = await draw(run);
  await writeFileAtomic(picture, drawn);
  for (const watcher of run.watchers) watcher.drawn?.(drawn);
  const losses = join(run.out, "losses.png");
  const log = await readFile(join(run.out, "log.jsonl"), "utf8");
  if (log.includes('"loss"')) await writeFileAtomic(losses, await lossPlot(log));
  console.log(`Picture ${picture}, losses ${losses}`);
  const last = run.config.halvings.at(-1);
  if (!last || !existsSync(checkpointPath(run, last.name))) return;
  const student = join(run.out, "student.safetensors");
  await writeFileAtomic(student, await readFile(checkpointPath(run, last.name)));
  console.log(`Student ${student} (for loadGenerator)`);
}

/** The measurements as text, each named for what it is. */
export function tableOf(measured: Measurements): string {
  const { head, body, notes } = measuredCells(measured);
  const widths = head.map((_, i) => Math.max(...[head, ...body].map((cells) => cells[i]!.length)));
  const line = (cells: readonly string[]) =>
    cells.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!))).join("   ");
  return [line(head), ...body.map(line), "", ...notes].join("\n");
}

/** The same as the cells of a table, and the notes that its asterisks stand for. */
export function measuredCells(measured: Measurements): { head: string[]; body: string[][]; notes: string[] } {
  const { samplesPerMethod, trainingImages, testImages, frechetOfTestImages, classifierAccuracy } = measured;
  const head = ["", "network calls", "ms an image", "Frechet distance *", "from the teacher **"];
  const body = measured.rows.map((row) => [
    row.method,
    String(row.networkCalls),
    row.millisecondsPerImage.toFixed(1),
    row.frechet.toFixed(2),
    row.toTeacher.toFixed(3),
  ]);
  const percent = (100 * classifierAccuracy).toFixed(0);
  const notes = [
    `*  ${samplesPerMethod} samples against ${trainingImages} training images, on the features of this run's own classifier\n` +
      `   (right on ${percent} % of ${testImages} test images). Those test images themselves: ${frechetOfTestImages.toFixed(2)}. Not an FID.`,
    "** mean absolute pixel difference (pixels in [-1, 1]) to the teacher's samples at all its steps, same noise",
  ];
  return { head, body, notes };
}

/** Real images on top, then a row per method; a column is one class and one starting noise. */
async function draw(run: Run): Promise<Buffer> {
  const { train } = run.data;
  const labels = shownClasses(run);
  const methods = readyMethods(run);
  const drawn = await Promise.all(methods.map(async (method) => readSamples(run, method)));
  const real = imageBatch(train, pickReal(run, labels)).x0;
  const shape: [number, number, number, number] = [labels.length, ...train.shape];
  const rows = drawn.map(({ images }) =>
    tf.tensor4d(
      Float32Array.from(images.subarray(0, labels.length * imageSize(run)), (x) => x / 127.5 - 1),
      shape,
    ),
  );
  const all = tf.concat([real, ...rows]);
  const scale = Math.max(1, Math.round(48 / train.shape[0]));
  const grid = await imageGrid(all, { columns: labels.length, scale, gap: GAP });
  tf.dispose([real, all, rows]);
  const measured = await readMeasurements(run);
  const page = figure(grid, GAP, {
    title: "Distilled: fewer steps from the same noise",
    subtitle:
      "Each column: one class, one starting noise." +
      (measured
        ? ` Distance: Frechet, on the features of the run's own classifier, ${measured.samplesPerMethod} samples.`
        : ""),
    rows: [
      { label: "Training images", note: "for comparison" },
      ...methods.map(({ label }, i): RowLabel => {
        const milliseconds = `${Number(drawn[i]!.millisecondsPerImage.toPrecision(2))} ms an image`;
        const row = measured?.rows.find(({ method }) => method === label);
        return { label, note: row ? `${milliseconds} · distance ${row.frechet.toFixed(1)}` : milliseconds };
      }),
    ],
    columns: labels.filter((label, i) => label !== labels[i - 1]).map((label) => train.classes[label]!),
  });
  return encodePng(page);
}

async function readMeasurements({ out }: Run): Promise<Measurements | undefined> {
  const path = join(out, "report.json");
  if (!existsSync(path)) return undefined;
  return JSON.parse(await readFile(path, "utf8")) as Measurements;
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
