import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { check, checkOptions, fail } from "../check.js";
import { bytesOf, contentOf } from "../formats/bytes.js";
import { encodeCheckpoint, type Checkpoint, type EncodeOptions } from "../training/checkpoint/checkpoint.js";
import { writeFileAtomic } from "./atomic.js";

/** What people read about a model before they take it. */
export interface ModelCard {
  readonly name: string;
  /** What it draws, and what it was trained and distilled from. */
  readonly description: string;
  /** An SPDX licence identifier of the weights, in small letters. */
  readonly license: string;
  /** What was measured, by name and as it is to be read: say the extractor, the sample count and the data. */
  readonly numbers: Readonly<Record<string, number | string>>;
  /** A grid of samples, as the bytes of a PNG. */
  readonly samples?: Uint8Array;
}

/**
 * Writes a folder that is ready to upload: `model.safetensors` (for `loadGenerator` and `loadCheckpoint`), `config.json`
 * (the same settings for people and programs), `samples.png`, and a README.md with the card, the numbers and how to
 * sample.
 *
 * @param directory the folder; made if it is not there, files of these names are replaced
 * @param checkpoint the model, as `encodeCheckpoint` takes it; leave out the optimiser to ship
 * @param card what the README says
 * @param options `dtype` "F16" halves the weights
 * @throws (rejects) if the card is not complete, `samples` no PNG or the checkpoint has no imageShape, before anything is written; if the disk refuses
 * @example
 * ```ts
 * import { mkdtemp, readFile, rm } from "node:fs/promises";
 * import { tmpdir } from "node:os";
 * import { join } from "node:path";
 * import { createRng, discreteCosineSchedule, disposeParams, unet } from "cfd-distill";
 * import { saveModel } from "cfd-distill/node";
 * const network = unet({ channels: 4, multipliers: [1], attention: [], blocks: 1, timeScale: 8, groups: 4 });
 * const params = network.init(createRng(0));
 * const folder = await mkdtemp(join(tmpdir(), "cfd-"));
 * const model = { network, params, schedule: discreteCosineSchedule(8), predictionType: "x0", steps: 1 } as const;
 * const description = "Untrained: it draws grey.";
 * const drawing = { ...model, imageShape: [8, 8, 3] } as const;
 * await saveModel(folder, drawing, { name: "Nothing yet", description, license: "mit", numbers: { "network calls": 1 } });
 * console.log((await readFile(join(folder, "README.md"), "utf8")).includes("Nothing yet")); // true
 * await rm(folder, { recursive: true });
 * disposeParams(params);
 * ```
 */
export async function saveModel(
  directory: string,
  checkpoint: Checkpoint,
  card: ModelCard,
  options: EncodeOptions = {},
): Promise<void> {
  const where = "saveModel";
  checkOptions(where, card, { name: true, description: true, license: true, numbers: true, samples: true });
  for (const key of ["name", "description", "license"] as const) {
    check(typeof card[key] === "string" && card[key].trim() !== "", where, `a ${key} in the card`, card[key]);
  }
  const samples = card.samples && bytesOf(where, card.samples);
  const { imageShape } = checkpoint;
  check(
    imageShape !== undefined,
    where,
    "an imageShape in the checkpoint, which loadGenerator asks for",
    imageShape,
  );
  if (samples && !isPng(samples)) fail(where, "samples to be the bytes of a PNG", contentOf(samples));
  const readme = readmeOf(checkpoint, card);
  const weights = await encodeCheckpoint(checkpoint, options);
  await mkdir(directory, { recursive: true });
  const write = (name: string, bytes: Uint8Array) => writeFileAtomic(join(directory, name), bytes);
  await write("model.safetensors", weights);
  await write("config.json", Buffer.from(`${JSON.stringify(configOf(checkpoint), null, 2)}\n`));
  if (samples !== undefined) await write("samples.png", samples);
  await write("README.md", Buffer.from(readme));
}

function isPng(bytes: Uint8Array): boolean {
  return [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a].every((byte, i) => bytes[i] === byte);
}

function configOf({
  network,
  schedule,
  predictionType,
  steps,
  clip,
  imageShape,
  classNames,
}: Checkpoint): object {
  return {
    network: network.config,
    schedule: schedule.config,
    predictionType,
    steps,
    clip,
    imageShape,
    classNames,
  };
}

function readmeOf(
  checkpoint: Checkpoint,
  { name, description, license, numbers, samples }: ModelCard,
): string {
  const { steps, predictionType, params } = checkpoint;
  const weights = Object.values(params).reduce((sum, { size }) => sum + size, 0);
  const cell = (text: number | string) => String(text).replaceAll("|", "\\|").replaceAll("\n", " ");
  const rows = Object.entries(numbers).map(([key, value]) => `| ${cell(key)} | ${cell(value)} |`);
  const table = rows.length === 0 ? [] : ["| measured | |", "|---|---|", ...rows, ""];
  return [
    "---",
    `license: ${JSON.stringify(license)}`,
    "library_name: cfd-distill",
    "tags: [diffusion, distillation, unconditional-image-generation]",
    "---",
    "",
    `# ${name.replaceAll("\n", " ")}`,
    "",
    description,
    "",
    ...(samples === undefined ? [] : ["![Samples](samples.png)", ""]),
    `${weights.toLocaleString("en")} weights, ${predictionType} prediction, for ${steps} sampling ${steps === 1 ? "step" : "steps"}.`,
    "",
    ...table,
    "```js",
    'import { readFile } from "node:fs/promises";',
    'import { loadGenerator, useBackend } from "cfd-distill";',
    "",
    'await useBackend("wasm");',
    'const generator = await loadGenerator(await readFile("model.safetensors"));',
    "const images = await generator.sample({ seeds: [1, 2, 3, 4] }); // [4, height, width, channels] in [-1, 1]",
    "```",
    "",
  ].join("\n");
}
