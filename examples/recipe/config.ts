// Everything that decides what a run computes: plain JSON, which a run directory keeps as config.json.
import { distance } from "fastest-levenshtein";
import { z } from "zod";

const count = z.int().min(1);
const positive = z.number().positive();
const unit = z.number().min(0).max(1);

const weighting = z
  .union([z.enum(["x0", "eps", "truncatedSnr", "snrPlusOne"]), z.strictObject({ minSnr: positive })])
  .describe("weight of the x0 error");

const training = z.strictObject({
  steps: count.describe("optimiser steps"),
  batch: count.describe("images a step"),
  microBatches: count.describe("parts of a batch that are computed one after another, to need less memory"),
  rate: positive.describe("learning rate; halvings and classifier anneal it to 0 by a cosine"),
});

const student = training.extend({
  name: z.string(),
  teacher: z.string().describe("the stage whose network teaches"),
  studentSteps: count,
  label: z.string().optional().describe("what tables and pictures call it; without it its method"),
  seed: z
    .int()
    .optional()
    .describe("of its batches and noise, which halvings of one seed and length share; without it its name"),
  emaDecay: unit.optional().describe("the student is its weights' average; without it the last weights"),
  shift: z
    .number()
    .min(-10)
    .max(10)
    .optional()
    .describe("by how much its times' logSNR is lower than that of evenly spread times; without it 0"),
});

const byPd = student.extend({
  method: z.literal("pd"),
  weighting,
  consistency: z
    .boolean()
    .optional()
    .describe("the target is the student's own answer half a step later; without it the teacher's"),
});

const byCfd = student.extend({
  method: z.literal("cfd"),
  temperature: positive,
  beta: z.number().min(0).describe("weight of the dataset-oriented loss"),
  gamma: unit.describe("entropy against diversity"),
  pixels: z.number().min(0).optional().describe("weight of PD's loss beside CFD's; without it 0"),
  layers: count
    .optional()
    .describe(
      "features after so many of the classifier's last stages, a loss each; without it only the last",
    ),
});

const halving = z.discriminatedUnion("method", [byPd, byCfd]);
const halvingShapes = { pd: byPd.shape, cfd: byCfd.shape };

const file = z.strictObject({ path: z.string(), sha256: z.string() });

const scaling = z.strictObject({ mean: z.array(z.number()), std: z.array(positive) });

const base = training.extend({
  warmup: z.int().min(0).describe("steps in which the rate rises"),
  anneal: z.boolean().describe("whether the rate falls to 0 by a cosine"),
  emaDecay: unit.describe("of the weights' average, which is what is used"),
  dropout: unit,
  weighting,
});

const classifierTraining = training.extend({
  network: z.union([
    z.strictObject({ type: z.literal("resnet"), blocks: z.array(count), width: count }),
    z.strictObject({ type: z.literal("densenet"), depth: z.literal([121, 169, 201]) }),
    z.strictObject({ type: z.literal("densenet"), growth: count, blocks: z.array(count), stem: count }),
  ]),
  momentum: unit,
  weightDecay: z.number().min(0),
  schedule: z
    .enum(["cosine", "tenths"])
    .describe("tenths: a tenth at half of the steps and at three quarters"),
  augment: z
    .union([z.literal("paper"), z.strictObject({ shift: z.int().min(0) })])
    .describe(
      "paper: crop with fill, mirror, AutoAugment, cutout; or mirror and shifts of up to so many pixels",
    ),
});

const recipe = z.strictObject({
  recipe: z.enum(["quickstart", "cifar10-cfd"]),
  preset: z.string(),
  dataset: z.enum(["emoji-groups", "emoji-kinds", "cifar10", "folder"]),
  groups: z.array(z.string()).min(1).optional().describe("only these groups of the emoji; without it all"),
  imageSize: count.optional().describe("height and width of the images of a folder"),
  engine: z.enum(["wasm", "cpu", "node", "cuda"]),
  seed: z.int(),
  teacherSteps: count.describe("steps T of the teacher, on whose grid everybody is trained"),
  unet: z.strictObject({
    channels: count,
    multipliers: z.array(count),
    attention: z.array(z.int().min(0)),
    blocks: count,
    groups: count,
  }),
  flip: z.boolean().describe("whether diffusion models see every second image mirrored"),
  recompute: z.boolean().describe("whether blocks are computed twice, to need less memory"),
  base,
  classifier: classifierTraining,
  classifierScaling: scaling
    .optional()
    .describe("the classifier's images are ((x + 1) / 2 - mean) / std; without it x in [-1, 1]"),
  halvings: z.array(halving),
  files: z
    .record(z.string(), file)
    .describe("networks from elsewhere, by the name of the stage that need not train its own"),
  extractors: z
    .array(z.strictObject({ name: z.string(), file, scaling: scaling.optional() }))
    .optional()
    .describe(
      "classifiers from elsewhere that no method is trained with, whose features measure the samples",
    ),
  measured: count.describe("samples for the measured distances; every method draws them from the same noise"),
  reference: count.describe("at most so many training images, and as many test images, stand for the data"),
  drawn: count.describe("columns in the picture of samples"),
  shown: z.array(z.string()).optional().describe("classes in the picture; without it they are spread evenly"),
  saveEvery: count.describe("training steps between two checkpoints: what a power cut can cost"),
  logEvery: count.describe("every so many training steps have a line in the log"),
});

export type RecipeConfig = z.infer<typeof recipe>;
export type TrainingConfig = z.infer<typeof training>;
/** One halving: who teaches, how, and how many steps the student will take. */
export type Halving = z.infer<typeof halving>;

/** A saved config as JSON. Earlier ones have `parallel`, a number of workers, which no longer changes what is computed. */
export function parseConfig(text: string): unknown {
  return JSON.parse(text, (key, value: unknown) => (key === "parallel" ? undefined : value));
}

/** Checks what was read from a file or put together from options. The error names each setting that is wrong. */
export function checkConfig(value: unknown, from: string): RecipeConfig {
  const { data, error } = recipe.safeParse(value);
  if (error) throw new Error(`${from}: ${error.issues.map(explain).join("; ")}.`);
  const problem = contradiction(data);
  if (problem !== undefined) throw new Error(`${from}: ${problem}.`);
  return data;
}

function explain(issue: z.core.$ZodIssue): string {
  const at = issue.path.join(".");
  if (issue.code !== "unrecognized_keys") return `${at}: ${issue.message}`;
  const known = Object.keys(recipe.shape);
  return issue.keys
    .map(
      (key) => `unknown setting ${[...issue.path, key].join(".")}${at === "" ? didYouMean(key, known) : ""}`,
    )
    .join("; ");
}

/** " (did you mean X?)", where one of the known words is near. */
export function didYouMean(word: string, known: readonly string[]): string {
  const [best] = [...known].sort((a, b) => distance(word, a) - distance(word, b));
  return best !== undefined && distance(word, best) <= 2 + word.length / 4 ? ` (did you mean ${best}?)` : "";
}

/** The settings of a config, and those that it may have besides: "base.rate", "halvings.0.emaDecay" and so on. */
export function settingsOf(config: RecipeConfig): string[] {
  const optional = config.halvings.flatMap(({ method }, i) =>
    Object.keys(halvingShapes[method]).map((key) => `halvings.${i}.${key}`),
  );
  return [...new Set([...pathsOf(config), ...Object.keys(recipe.shape), ...optional])];
}

function pathsOf(value: unknown, prefix = ""): string[] {
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) => [
    `${prefix}${key}`,
    ...pathsOf(inner, `${prefix}${key}.`),
  ]);
}

/** What no single setting has wrong. */
function contradiction(config: RecipeConfig): string | undefined {
  const stages = new Map([["teacher", config.teacherSteps]]);
  for (const { name, teacher, studentSteps } of config.halvings) {
    const from = stages.get(teacher);
    if (stages.has(name)) return `two stages are named ${name}`;
    if (config.files[name] === undefined) {
      if (from === undefined) return `${name} learns from ${teacher}, which is no stage before it`;
      if (from !== 2 * studentSteps) {
        return `${name} of ${inSteps(studentSteps)} cannot halve ${teacher} of ${inSteps(from)}`;
      }
    }
    stages.set(name, studentSteps);
  }
  const known = [...stages.keys(), "classifier"];
  const stray = Object.keys(config.files).find((name) => !known.includes(name));
  if (stray !== undefined) return `files.${stray} is no stage${didYouMean(stray, known)}`;
  const twice = config.extractors?.find(
    ({ name }, i, all) => all.findIndex((one) => one.name === name) !== i,
  );
  if (twice) return `two extractors are named ${twice.name}`;
  for (const [name, { batch, microBatches }] of Object.entries({
    base: config.base,
    classifier: config.classifier,
    ...Object.fromEntries(config.halvings.map((stage) => [stage.name, stage])),
  })) {
    if (batch % microBatches !== 0) {
      return `${name}: a batch of ${batch} cannot be cut into ${microBatches} micro-batches`;
    }
  }
  const deepest = Math.max(1, ...config.halvings.map((one) => ("layers" in one ? (one.layers ?? 1) : 1)));
  const { network } = config.classifier;
  const depth = network.type === "resnet" ? network.blocks.length : 1;
  if (config.files.classifier === undefined && deepest > depth) {
    return `features of ${deepest} layers need a ResNet of as many stages as the classifier`;
  }
  return undefined;
}

/** "1 step", "2 steps". */
export function inSteps(steps: number): string {
  return steps === 1 ? "1 step" : `${steps} steps`;
}
