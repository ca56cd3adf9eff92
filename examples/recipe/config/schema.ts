// Everything that decides what a run computes: plain JSON, which a run directory keeps as config.json.
import { z } from "zod";
import { line, stageName } from "./names.js";
import { expectedGot } from "../../../tools/words.js";

/** A number within bounds that are generous, and still refuse what could only fail or never end. */
function between(low: number, high: number, numbers: "integer" | "number" = "number") {
  const kind = numbers === "integer" ? "an integer" : "a number";
  const error = ({ input }: { readonly input?: unknown }) =>
    expectedGot(`${kind} from ${low} to ${high}`, input);
  const any = numbers === "integer" ? z.int({ error }) : z.number({ error });
  return any.min(low, { error }).max(high, { error });
}

const count = (most: number) => between(1, most, "integer");
const positive = (most: number) => between(1e-9, most);
const unit = between(0, 1);
/** A share of which something must remain. */
const share = between(0, 0.999999);
const steps = count(1e8);
/** How many samples or images: as many as the distances need at least. */
const compared = between(4, 1e6, "integer");
const seed = between(Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER, "integer");
const blocks = count(64);
const width = count(4096);
/** Blocks by stage. */
const stages = z.array(blocks).min(1).max(8);
const weight = between(0, 1e6);
const MOST_STEPS = 65_536;
const notSha256 = ({ input }: { readonly input?: unknown }) =>
  expectedGot("64 hexadecimal digits, in lower case", input);

const weighting = z
  .union([
    z.enum(["x0", "eps", "truncatedSnr", "snrPlusOne", "flow"]),
    z.strictObject({ minSnr: positive(1e6), floor: between(0, 1e6).optional() }),
  ])
  .describe("weight of the x0 error");

const training = z.strictObject({
  steps: steps.describe("optimiser steps"),
  batch: count(65_536).describe("images a step"),
  microBatches: count(65_536).describe(
    "parts of a batch that are computed one after another, to need less memory",
  ),
  rate: positive(10).describe("learning rate; students and classifier anneal it to 0 by a cosine"),
});

const student = training.extend({
  name: stageName,
  teacher: line.describe("the stage whose network teaches"),
  studentSteps: count(MOST_STEPS),
  label: line.optional().describe("what tables and pictures call it; without it its method"),
  seed: seed
    .optional()
    .describe("of its batches and noise, which halvings of one seed and length share; without it its name"),
  emaDecay: share.optional().describe("the student is its weights' average; without it the last weights"),
});

const halved = student.extend({
  shift: between(-10, 10)
    .optional()
    .describe("by how much its times' logSNR is lower than that of evenly spread times; without it 0"),
});

const byPd = halved.extend({
  method: z.literal("pd"),
  weighting,
  consistency: z
    .boolean()
    .optional()
    .describe("the target is the student's own answer half a step later; without it the teacher's"),
});

const byCfd = halved.extend({
  method: z.literal("cfd"),
  temperature: between(1e-3, 1e3),
  beta: weight.describe("weight of the dataset-oriented loss"),
  gamma: unit.describe("entropy against diversity"),
  pixels: weight.optional().describe("weight of PD's loss beside CFD's; without it 0"),
  layers: count(16)
    .optional()
    .describe(
      "features after so many of the classifier's last stages, a loss each; without it only the last",
    ),
});

/** A student that takes one step at once, whatever the number of its teacher's. */
const atOnce = student.extend({
  studentSteps: z.literal(1, { error: ({ input }) => expectedGot("1, as it goes there at once", input) }),
});

const byConsistency = atOnce.extend({
  method: z.literal("consistency"),
  distil: z
    .boolean()
    .describe(
      "whether a step of the teacher's leads to the earlier time; if not the same noise does: tuning",
    ),
  huber: positive(1e3).optional().describe("c of the pseudo-Huber distance; without it the mean square"),
});

const byScore = atOnce.extend({
  method: z.literal("score"),
  variant: z.enum(["vsd", "sid"]),
  alpha: between(0, 100).optional().describe("of sid; without it 1"),
});

const halving = z.discriminatedUnion("method", [byPd, byCfd, byConsistency, byScore]);

const sha256 = z.string({ error: notSha256 }).regex(/^[0-9a-f]{64}$/, { error: notSha256 });
const file = z.strictObject({
  path: z.string().min(1).max(4096),
  sha256,
  groups: width
    .optional()
    .describe("of the group norms in a U-Net of the authors', whose file does not tell; without it 32"),
});
/** By stage. Zod would pass over a key "__proto__" without a word. */
const files = z
  .custom<object>((value) => !Object.hasOwn(Object(value) as object, "__proto__"), {
    error: "unknown setting __proto__",
  })
  .pipe(z.record(z.string(), file));

const scaling = z.strictObject({
  mean: z.array(between(-1e3, 1e3)).length(3),
  std: z.array(positive(1e3)).length(3),
});

const base = training.extend({
  warmup: count(1e8).describe("steps in which the rate rises"),
  anneal: z.boolean().describe("whether the rate falls to 0 by a cosine"),
  emaDecay: share.describe("of the weights' average, which is what is used"),
  dropout: share,
  weighting,
});

const classifierTraining = training.extend({
  network: z.union([
    z.strictObject({ type: z.literal("resnet"), blocks: stages, width }),
    z.strictObject({ type: z.literal("densenet"), depth: z.literal([121, 169, 201]) }),
    z.strictObject({ type: z.literal("densenet"), growth: width, blocks: stages, stem: width }),
  ]),
  momentum: share,
  weightDecay: between(0, 1),
  schedule: z
    .enum(["cosine", "tenths"])
    .describe("tenths: a tenth at half of the steps and at three quarters"),
  augment: z
    .union([z.literal("paper"), z.strictObject({ shift: between(0, 1024, "integer") })])
    .describe(
      "paper: crop with fill, mirror, AutoAugment, cutout; or mirror and shifts of up to so many pixels",
    ),
});

export const recipe = z.strictObject({
  recipe: z.enum(["quickstart", "cifar10-cfd"]),
  preset: line,
  dataset: z.enum(["emoji", "cifar10", "folder"]),
  imageSize: count(1024).optional().describe("height and width of the images of a folder"),
  engine: z.enum(["wasm", "cpu", "node", "cuda"]),
  images: sha256
    .optional()
    .describe("what the images were, which a run notes: it goes on, and is replayed, with no others"),
  seed,
  teacherSteps: count(MOST_STEPS).describe("steps T of the teacher, on whose grid everybody is trained"),
  prediction: z
    .enum(["x0", "v", "flow"])
    .optional()
    .describe("what the teacher predicts, flow being eps - x0, on a flow; without it x0, as the authors'"),
  schedule: z
    .enum(["table", "cosine"])
    .optional()
    .describe(
      "of a teacher that is trained and predicts x0 or v: the cosine, or the authors' table of it, at whose end noise is left (3% of 64 steps); without it the table",
    ),
  unet: z.strictObject({
    channels: width,
    multipliers: z.array(count(64)).min(1).max(8),
    attention: z.array(between(0, 7, "integer")).max(8),
    blocks,
    groups: width,
  }),
  flip: z.boolean().describe("whether diffusion models see every second image mirrored"),
  recompute: z.boolean().describe("whether blocks are computed twice, to need less memory"),
  base,
  classifier: classifierTraining,
  classifierScaling: scaling
    .optional()
    .describe("the classifier's images are ((x + 1) / 2 - mean) / std; without it x in [-1, 1]"),
  halvings: z
    .array(halving)
    .max(1000)
    .describe("the students: halvings by pd and cfd, and those that come to one step at once"),
  files: files.describe("networks from elsewhere, by the name of the stage that need not train its own"),
  extractors: z
    .array(z.strictObject({ name: line, file, scaling: scaling.optional() }))
    .optional()
    .describe(
      "classifiers from elsewhere that no method is trained with, whose features measure the samples",
    ),
  measured: compared.describe(
    "samples for the measured distances; every method draws them from the same noise",
  ),
  reference: compared.describe(
    "at most so many training images, and as many test images, stand for the data",
  ),
  drawn: count(1000).describe("columns in the picture of samples"),
  saveEvery: steps.describe("training steps between two checkpoints: what a power cut can cost"),
  logEvery: steps.describe("every so many training steps have a line in the log"),
});

export type RecipeConfig = z.infer<typeof recipe>;
export type TrainingConfig = z.infer<typeof training>;
/** One student: who teaches, how, and how many steps it will take, half of its teacher's or one at once. */
export type Halving = z.infer<typeof halving>;
/** The same of one method. */
export type HalvingBy<M extends Halving["method"]> = Extract<Halving, { method: M }>;

/** The settings of a config, and those that it may have besides: "base.rate", "base.weighting.floor" and so on. */
export function settingsOf(config: RecipeConfig): string[] {
  return pathsOf(recipe, config);
}

/** Every value of a config with its path: ["base.rate", 0.002]. */
export function flatten(value: unknown, path = ""): [string, unknown][] {
  if (typeof value !== "object" || value === null) return [[path, value]];
  return Object.entries(value).flatMap(([key, inner]) =>
    flatten(inner, path === "" ? key : `${path}.${key}`),
  );
}

function pathsOf(schema: z.core.$ZodType | undefined, value: unknown, prefix = ""): string[] {
  if (typeof value !== "object" || value === null) return [];
  const fields = fieldsOf(schema, value);
  const keys = new Set([...Object.keys(value), ...Object.keys(fields)]);
  return [...keys].flatMap((key) => [
    `${prefix}${key}`,
    ...pathsOf(fields[key], (value as Record<string, unknown>)[key], `${prefix}${key}.`),
  ]);
}

/** The schemas of what a value has and may have, by its keys. */
function fieldsOf(
  schema: z.core.$ZodType | undefined,
  value: object,
): Readonly<Record<string, z.core.$ZodType>> {
  if (schema instanceof z.ZodOptional) return fieldsOf(schema.unwrap(), value);
  if (schema instanceof z.ZodUnion)
    return fieldsOf(
      schema.options.find((one) => z.safeParse(one, value).success),
      value,
    );
  if (schema instanceof z.ZodArray)
    return Object.fromEntries(Object.keys(value).map((at) => [at, schema.element]));
  return schema instanceof z.ZodObject ? schema.shape : {};
}
