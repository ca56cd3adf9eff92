// From the words of the command line to the config that the run keeps.
import { join, parse, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { disposeParams } from "cfd-distill";
import { readWhole } from "cfd-distill/node";
import { SCALINGS, type CliChoice } from "../config/command-line.js";
import { settingsOf, type Halving, type RecipeConfig } from "../config/schema.js";
import { checkConfig, parseConfig } from "../config/check.js";
import { startEngine } from "./engine.js";
import { readModel } from "../models/import.js";
import { checkFile, fingerprint } from "../models/files.js";
import { halvings, shippedHalvings } from "../config/halvings.js";
import { didYouMean } from "../../../tools/did-you-mean.js";
import type { Preset } from "../config/preset.js";
import { presets, scaleSteps } from "../config/presets.js";
import { shippedAt, type ShippedFolder } from "../config/shipped.js";

/** The config of a run: a preset's or a saved one, changed by what the command line says. */
export async function configure(choice: CliChoice): Promise<RecipeConfig> {
  const from = choice.config ?? "the options";
  const start = choice.config === undefined ? await ofPreset(choice) : await saved(choice.config, choice);
  const { seed, engine } = choice;
  const said = { ...scaled(start, choice), ...onlyDefined({ seed, engine }), ...picturesOf(choice, start) };
  const changed = choice.set.reduce(setOne, said);
  const config = checkConfig(await withExtractors(await withFiles(changed, choice), choice), from);
  if (choice.config !== undefined || choice.set.length > 0) await checkFiles(config);
  return config;
}

/** The config with the scaling that is asked for, which may be none. */
function scaled(config: RecipeConfig, { classifierScaling: name }: CliChoice): RecipeConfig {
  if (name === undefined) return config;
  const scaling = copy(SCALINGS[name]);
  if (scaling) return { ...config, classifierScaling: scaling };
  return Object.fromEntries(
    Object.entries(config).filter(([key]) => key !== "classifierScaling"),
  ) as RecipeConfig;
}

/** Files that a saved config names by path and hash may have changed since. */
async function checkFiles({ files, extractors = [] }: RecipeConfig): Promise<void> {
  for (const file of [...Object.values(files), ...extractors.map((one) => one.file)]) await checkFile(file);
}

/** The extractors that are named, beside those of a saved config. */
async function withExtractors(config: RecipeConfig, { extractor }: CliChoice): Promise<RecipeConfig> {
  if (extractor.length === 0) return config;
  const named = extractor.map(async ({ path, scaling: name }) => {
    const scaling = copy(SCALINGS[name]);
    return { name: parse(path).name, file: await fingerprint(path), ...(scaling && { scaling }) };
  });
  return { ...config, extractors: [...(config.extractors ?? []), ...(await Promise.all(named))] };
}

/** A folder's pictures need a size; CIFAR-10's have theirs. */
function picturesOf({ dataset, imageSize }: CliChoice, start: RecipeConfig): Partial<RecipeConfig> {
  const isFolder = typeof dataset === "object" || (dataset === undefined && start.dataset === "folder");
  if (dataset === "cifar10" && start.dataset === "folder") {
    throw new Error("--dataset: expected folder:DIR, as the config is of a folder, got cifar10.");
  }
  if (isFolder) return { dataset: "folder", imageSize: imageSize ?? start.imageSize ?? 32 };
  if (imageSize === undefined) return {};
  throw new Error("--image-size: expected --dataset folder:DIR beside it, as other images have their size.");
}

async function saved(path: string, { recipe }: CliChoice): Promise<RecipeConfig> {
  const config = checkConfig(parseConfig(await readWhole(path, "config"), path), path);
  if (config.recipe === recipe) return config;
  throw new Error(`${path}: expected a config of the recipe ${recipe}, got one of ${config.recipe}.`);
}

async function ofPreset(choice: CliChoice): Promise<RecipeConfig> {
  const known: Readonly<Record<string, Preset>> = presets[choice.recipe];
  const {
    plan,
    shipped,
    variants = [],
    ...preset
  } = scaleSteps(known[choice.preset ?? Object.keys(known)[0]!]!, choice.stepsScale ?? 1);
  const start = { recipe: choice.recipe, ...preset, engine: "wasm", seed: 0 } as const;
  if (shipped) {
    const students = shippedHalvings(preset.teacherSteps, plan);
    refuseOthers(choice, preset.preset, students);
    const { folder, extractors } = shipped;
    const stages = ["teacher", "classifier", ...students.map(({ name }) => name)];
    const files = Object.fromEntries(
      await Promise.all(stages.map(async (name) => [name, await shippedFile(folder, name)] as const)),
    );
    const measuring = await Promise.all(
      extractors.map(async (name) => ({ name, file: await shippedFile(folder, name) })),
    );
    return {
      ...start,
      halvings: [...students, ...variants],
      files,
      ...(measuring.length > 0 && { extractors: measuring }),
    };
  }
  const steps = choice.teacherSteps ?? (await stepsOf(choice)) ?? preset.teacherSteps;
  const teacherSteps = halvable(steps, choice.teacher ?? "the teacher");
  return { ...start, teacherSteps, halvings: [...halvings(teacherSteps, plan), ...variants], files: {} };
}

/** Students that ship go with the teacher that ships, and with the classifier if they know it. */
function refuseOthers(
  { recipe, teacher, teacherSteps, classifier }: CliChoice,
  preset: string,
  students: readonly Halving[],
): void {
  const tied = students.some(({ method }) => method === "cfd");
  const asked = { teacher, "teacher-steps": teacherSteps, ...(tied && { classifier }) };
  const flag = Object.entries(asked).find(([, value]) => value !== undefined)?.[0];
  if (flag === undefined) return;
  throw new Error(
    `--${flag}: the preset ${preset} goes on from students that ship, which have their ` +
      `${flag === "classifier" ? "classifier" : "teacher"}; ` +
      `add another preset, such as --preset ${recipe === "quickstart" ? "scratch" : "small"}.`,
  );
}

/** A network that ships with the examples. */
async function shippedFile(folder: ShippedFolder, name: string): Promise<RecipeConfig["files"][string]> {
  const at = relative(process.cwd(), fileURLToPath(shippedAt(folder)));
  return fingerprint(join(at, `${name}.safetensors`));
}

/** The steps of a teacher from elsewhere. */
async function stepsOf(choice: CliChoice): Promise<number | undefined> {
  const { teacher, teacherGroups: groups } = choice;
  if (teacher === undefined) return undefined;
  await fingerprint(teacher); // says what is missing
  await startEngine("wasm", choice); // weights need an engine to be read into; the run's own may be another
  const { params, steps } = await readModel({ path: teacher, groups });
  disposeParams(params);
  return steps;
}

/** Steps that halving brings down to 1. */
function halvable(steps: number, of: string): number {
  if (Number.isInteger(Math.log2(steps))) return steps;
  throw new Error(
    `${of}: ${steps} steps cannot be halved down to 1; add --teacher-steps ${2 ** Math.floor(Math.log2(steps))}, ` +
      "or another power of two, for the DDIM steps to begin with.",
  );
}

/** The files that are named, with what tells their content. */
async function withFiles(config: RecipeConfig, choice: CliChoice): Promise<RecipeConfig> {
  const { teacher, classifier, teacherGroups: groups } = choice;
  if (groups !== undefined && teacher === undefined)
    throw new Error("--teacher-groups: expected --teacher beside it, whose groups they are.");
  const files = {
    ...config.files,
    ...(teacher !== undefined && {
      teacher: { ...(await fingerprint(teacher)), ...onlyDefined({ groups }) },
    }),
    ...(classifier !== undefined && { classifier: await fingerprint(classifier) }),
  };
  return { ...config, files };
}

function copy(scaling: (typeof SCALINGS)[keyof typeof SCALINGS]): RecipeConfig["classifierScaling"] {
  return scaling && { mean: [...scaling.mean], std: [...scaling.std] };
}

type Defined<T> = { [K in keyof T]?: Exclude<T[K], undefined> };

function onlyDefined<T extends object>(values: T): Defined<T> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as Defined<T>;
}

/** The config with the setting at `path=value` changed: the value is JSON, or else text. */
function setOne(config: RecipeConfig, assignment: string): RecipeConfig {
  const at = assignment.indexOf("=");
  const path = assignment.slice(0, Math.max(0, at));
  const known = settingsOf(config);
  if (at < 1 || !known.includes(path)) {
    throw new Error(
      `--set ${assignment}: expected path=value with a setting of the config${didYouMean(path, known)}.`,
    );
  }
  const changed = structuredClone(config) as unknown as Record<string, unknown>;
  const keys = path.split(".");
  const last = keys.pop()!;
  const holder = keys.reduce((inner, key) => inner[key] as Record<string, unknown>, changed);
  holder[last] = jsonOrText(assignment.slice(at + 1));
  return changed as unknown as RecipeConfig;
}

function jsonOrText(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}
