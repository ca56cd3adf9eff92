import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import * as tf from "@tensorflow/tfjs";
import { imageBatch, imageGrid } from "cfd-distill/data";
import { encodePng, readWhole, writeFileAtomic } from "cfd-distill/node";
import { z } from "zod";
import { parseJson } from "../config/check.js";
import { readCurves } from "./curves.js";
import { measure, type Distances, type ExtractorResult, type Measurements } from "../measure/evaluate.js";
import { figure, type RowLabel } from "./figure.js";
import { lossPlot } from "./loss-plot.js";
import { imageSize, LIVE, readSamples, readyMethods, shownClasses } from "../measure/sampling.js";
import { print } from "../terminal/print.js";
import type { Run } from "../storage/run.js";
import { textTable, wrapped } from "../../../tools/text-table.js";
import { shiftOf } from "../config/halvings.js";
import { checkpointPath, type Setup } from "../storage/setup.js";

const GAP = 6;
/** Fewer test images are not spoken of: a share of them would be wrong by ten in a hundred, a distance of them by anything. */
const FEWEST = 30;

/** Measures what was drawn: a table on the screen, and report.json. */
export async function evaluate(run: Run): Promise<void> {
  const measurements = await measure(run);
  await writeFileAtomic(
    join(run.out, "report.json"),
    Buffer.from(`${JSON.stringify(measurements, null, 2)}\n`),
  );
  const { extractors, testImages } = measurements;
  const tables = extractors.map((result) => extractorTable(result, testImages));
  print(`\n${[tableOf(measurements), ...tables].join("\n\n")}\n`);
}

/** The picture of all methods, the losses, and the last student where `loadGenerator` finds it. */
export async function present(run: Run): Promise<void> {
  const picture = join(run.out, "samples.png");
  const drawn = await draw(run);
  await writeFileAtomic(picture, drawn);
  for (const watcher of run.watchers) watcher.drawn?.(drawn);
  const losses = join(run.out, "losses.png");
  const log = await readFile(join(run.out, "log.jsonl"), "utf8");
  if (readCurves(log).length > 0) await writeFileAtomic(losses, await lossPlot(log));
  print(`Picture ${picture}, losses ${losses}`);
  await exportStudent(run);
}

/** The last student for `loadGenerator`, which asks it at evenly spread times; all begin at 1, whatever the shift. */
export async function exportStudent(run: Setup): Promise<void> {
  const last = run.config.halvings.at(-1);
  if (!last || !existsSync(checkpointPath(run, last.name))) return;
  const { name, studentSteps } = last;
  const student = join(run.out, "student.safetensors");
  if ((shiftOf(last) ?? 0) !== 0 && studentSteps > 1) {
    print(
      `No ${student}: loadGenerator asks at evenly spread times, and ${name} was trained at shifted ones ` +
        `(shift ${shiftOf(last)}). A student of 1 step has no times to shift.`,
    );
    return;
  }
  await writeFileAtomic(student, await readFile(checkpointPath(run, name)));
  print(`Student ${student} (for loadGenerator)`);
}

/** A report.json's bytes; the error names the file. */
export function parseMeasurements(bytes: Uint8Array, path: string): Measurements {
  const { success, data } = measurements.safeParse(parseJson(bytes, path));
  if (success) return data as Measurements;
  throw new Error(
    `${path}: expected the report of a run, got something else: run the stage "evaluate" again.`,
  );
}

/** What tables and pictures take from it. */
const measurements = z.looseObject({
  ...{ classifierAccuracy: z.number(), trainingImages: z.number(), testImages: z.number() },
  ...{ samplesPerMethod: z.number(), frechetOfTestImages: z.number(), extractors: z.array(z.unknown()) },
  rows: z.array(
    z.looseObject({
      ...{ method: z.string(), networkCalls: z.number(), millisecondsPerImage: z.number() },
      ...{ frechet: z.number(), toTeacher: z.number() },
    }),
  ),
});

/** The measurements as text, each named for what it is. */
export function tableOf(measured: Measurements): string {
  const { head, body, notes } = measuredCells(measured);
  return [textTable([head, ...body], { width: 80 }), "", ...notes.flatMap((note) => wrapped(note))].join(
    "\n",
  );
}

/** The same as the cells of a table, and the notes that its asterisks stand for. */
export function measuredCells(measured: Measurements): { head: string[]; body: string[][]; notes: string[] } {
  const { samplesPerMethod, trainingImages, testImages, frechetOfTestImages, classifierAccuracy } = measured;
  const head = ["", "calls", "ms each", "Frechet *", "teacher **"];
  const body = measured.rows.map((row) => [
    row.method,
    String(row.networkCalls),
    row.millisecondsPerImage.toFixed(1),
    row.frechet.toFixed(2),
    row.toTeacher.toFixed(3),
  ]);
  const percent = (100 * classifierAccuracy).toFixed(0);
  const known =
    testImages < FEWEST
      ? `(${testImages} test images are too few to tell how good it is)`
      : `(right on ${percent} % of ${testImages} test images). Those test images themselves: ${frechetOfTestImages.toFixed(2)}`;
  const notes = [
    `* Frechet distance: ${samplesPerMethod} samples against ${trainingImages} training images, on the features of this run's own ` +
      `classifier ${known}. Not an FID.`,
    "** mean absolute pixel difference (pixels in [-1, 1]) to the teacher's samples at all its steps, same noise",
  ];
  return { head, body, notes };
}

/** What one extractor measured, as text. */
export function extractorTable(result: ExtractorResult, testImages: number): string {
  const { extractor, width, accuracy } = result;
  const isFew = testImages < FEWEST;
  const cells = ({ frechet, kernel: { mean, standardError }, precision, recall }: Distances) => [
    frechet.toFixed(3),
    `${mean.toFixed(4)} +- ${(standardError ?? NaN).toFixed(4)}`,
    precision.toFixed(3),
    recall.toFixed(3),
  ];
  const known =
    accuracy === undefined || isFew ? "" : `, right on ${(100 * accuracy).toFixed(0)} % of the test images`;
  return [
    ...wrapped(
      `On the ${width} features of ${extractor}${known}, which no method was trained with; not an FID, not a KID:`,
    ),
    textTable(
      [
        ["", "Frechet", "kernel", "precision", "recall"],
        ...result.methods.map((row) => [row.method, ...cells(row)]),
        ...(isFew ? [] : [["test images", ...cells(result.testImages)]]),
      ],
      { width: 80 },
    ),
  ].join("\n");
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
    subtitle: [
      "Each column: one class, one starting noise.",
      ...(methods.some(({ label }) => label.endsWith(LIVE))
        ? ["Live: distilled by this run, the others ship."]
        : []),
      ...(measured
        ? [`Distance: Frechet, on the classifier's features, ${measured.samplesPerMethod} samples.`]
        : []),
    ].join(" "),
    rows: [
      { label: "Training images", note: "for comparison" },
      ...methods.map(({ label, steps }, i): RowLabel => {
        const rule = steps !== methods[i - 1]?.steps;
        const milliseconds = `${Number(drawn[i]!.millisecondsPerImage.toPrecision(2))} ms an image`;
        const row = measured?.rows.find(({ method }) => method === label);
        const note = row ? `${milliseconds} · distance ${row.frechet.toFixed(1)}` : milliseconds;
        return { label, note, rule };
      }),
    ],
    columns: labels.filter((label, i) => label !== labels[i - 1]).map((label) => train.classes[label]!),
  });
  return Buffer.from(encodePng(page));
}

async function readMeasurements({ out }: Run): Promise<Measurements | undefined> {
  const path = join(out, "report.json");
  if (!existsSync(path)) return undefined;
  return parseMeasurements(await readWhole(path, "report"), path);
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
