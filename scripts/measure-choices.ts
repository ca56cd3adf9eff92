// What temperature, beta, gamma, batch and steps do to a short halving: the table of docs/choosing.md.
//   npx tsx scripts/measure-choices.ts
import { readFile, writeFile } from "node:fs/promises";
import * as tf from "@tensorflow/tfjs";
import {
  adam,
  cfdLoss,
  classifier,
  type ClassifierNetwork,
  clipByGlobalNorm,
  cloneParams,
  cosineAnnealing,
  createRng,
  datasetOrientedLoss,
  decodeCheckpoint,
  decodeNetworkCheckpoint,
  denoiser,
  disposeParams,
  drawTimes,
  featureDistillationLoss,
  noise,
  predict,
  progressiveLoss,
  progressiveTarget,
  useBackend,
  valueAndGrads,
} from "cfd-distill";
import { drawBatch } from "cfd-distill/data";
import { EMOJI_MODELS, loadEmoji } from "../examples/emoji/files.js";
import { markdownTable, replaceBetween } from "../tools/markdown.js";

/** One halving; without a temperature it is PD's. */
interface Choice {
  readonly temperature?: number;
  readonly beta: number;
  readonly gamma: number;
  readonly batch: number;
  readonly steps: number;
}

const BASE = { temperature: 0.95, beta: 0, gamma: 0.75, batch: 16, steps: 100 };
const CHOICES: readonly Choice[] = [
  { beta: 0, gamma: 0, batch: 16, steps: 100 },
  ...[1, 0.95, 0.9, 0.5].map((temperature) => ({ ...BASE, temperature })),
  { ...BASE, beta: 0.003 },
  ...[1, 0.75, 0].map((gamma) => ({ ...BASE, beta: 0.03, gamma })),
  { ...BASE, batch: 4 },
  { ...BASE, batch: 4, beta: 0.03 },
  { ...BASE, steps: 300 },
];
const SEEDS = [0, 1];
const MEASURED = 90;
const PAGE = new URL("../docs/choosing.md", import.meta.url);
const MARKS = [
  "<!-- choices: written by npx tsx scripts/measure-choices.ts -->",
  "<!-- end of choices -->",
] as const;

const read = (file: string) => readFile(new URL(`${file}.safetensors`, EMOJI_MODELS));

await useBackend("wasm");
const source = decodeCheckpoint(await read("pd-2"));
const resnetFile = decodeNetworkCheckpoint(await read("classifier"));
const resnet = classifier(resnetFile.network as ClassifierNetwork, resnetFile.params);
const teacher = denoiser(source.network, source.params, source.predictionType);
const { schedule } = source;
const images = loadEmoji().train;

/** A student of one step, trained as chosen. */
function halve({ temperature, beta, gamma, batch, steps }: Choice, seed: number) {
  const rng = createRng(seed);
  const params = cloneParams(source.params);
  const student = denoiser(source.network, params, source.predictionType);
  const optimizer = adam({ learningRate: cosineAnnealing({ rate: 3e-4, steps }) });
  for (let step = 0; step < steps; step++) {
    const drawn = drawBatch(images, rng, { batch });
    const eps = tf.tensor4d(rng.normals(drawn.x0.size), drawn.x0.shape);
    const given = {
      ...drawn,
      eps,
      times: drawTimes(rng, batch, 1),
      studentSteps: 1,
      student,
      teacher,
      schedule,
    };
    const { terms, grads } = valueAndGrads(
      () =>
        temperature === undefined
          ? progressiveLoss({ ...given, weighting: "x0" })
          : cfdLoss({ ...given, classifier: resnet, temperature, beta, gamma }),
      params,
    );
    const clipped = clipByGlobalNorm(grads, 1);
    optimizer.apply(params, clipped.grads);
    tf.dispose([drawn.x0, eps, terms, grads, clipped]);
  }
  optimizer.dispose();
  return { student, params };
}

/** How far a student's images are from their targets, from noise that no training saw. */
async function measure(choice: Choice, seed: number): Promise<number[]> {
  const { student, params } = halve(choice, seed);
  const results = tf.tidy(() => {
    const seeds = Array.from({ length: MEASURED }, (_, i) => 1_000_000 + i);
    const labels = seeds.map((one) => one % images.classes.length);
    const times = seeds.map(() => 1);
    const zT = noise(seeds, images.shape);
    const target = progressiveTarget(teacher, schedule, zT, times, { studentSteps: 1, labels }).x0;
    const { x0 } = predict(student, schedule, zT, times, { labels });
    const [seen, wanted] = [resnet(x0), resnet(target)];
    const { entropy, diversity } = datasetOrientedLoss(seen.logits, { gamma: 1 });
    const feature = featureDistillationLoss(seen.features, wanted.features, { temperature: 1 });
    return tf.stack([tf.mean(tf.abs(tf.sub(x0, target))), feature, entropy, diversity]);
  });
  const numbers = Array.from(await results.data());
  results.dispose();
  disposeParams(params);
  return numbers;
}

function rowOf({ temperature, beta, gamma, batch, steps }: Choice, numbers: readonly number[][]): string[] {
  const name = temperature === undefined ? "PD" : `CFD, temperature ${temperature}`;
  const weights = temperature === undefined ? "" : beta === 0 ? "0" : `${beta}, ${gamma}`;
  const cells = [3, 4, 2, 2].map((digits, i) => numbers.map((of) => of[i]!.toFixed(digits)).join(" / "));
  return [name, weights, String(batch), String(steps), ...cells];
}

const HEAD = ["loss", "beta, gamma", "batch", "steps", "pixels off", "feature loss", "entropy", "diversity"];
const rows: string[][] = [];
for (const choice of CHOICES) {
  const numbers: number[][] = [];
  for (const seed of SEEDS) numbers.push(await measure(choice, seed));
  rows.push(rowOf(choice, numbers));
  console.log(rows.at(-1)!.join(" | "));
}
await writeFile(PAGE, replaceBetween(await readFile(PAGE, "utf8"), MARKS, markdownTable(HEAD, rows)));
