// Teachers and classifiers from elsewhere: PyTorch's checkpoints, folders of diffusers, and this library's own files.
import { existsSync } from "node:fs";
import { readFile, stat } from "node:fs/promises";
import {
  type Checkpoint,
  decodeCheckpoint,
  decodeNetworkCheckpoint,
  discreteCosineSchedule,
  disposeParams,
} from "cfd-distill";
import {
  classifierFromTorch,
  decodeSafetensors,
  readTorchCheckpoint,
  safetensorsMetadata,
  stateDictIn,
  unetFromTorch,
  type StateDict,
  type StateDictKind,
  type TorchValue,
} from "cfd-distill/formats";
import { loadDiffusers } from "cfd-distill/node";
import { disposeCheckpoint, saveStage, loadStage } from "../storage/checkpoints.js";
import { imagesOf, isUnet, type ClassifierModel, type Model } from "./models.js";
import { inSteps } from "../../../tools/words.js";
import { checkpointPath, type Setup } from "../storage/setup.js";
import { checkIsFile, naming, placeIn } from "./files.js";

/** A model from a file, with what the file says of its images. */
type Imported = Model & Pick<Checkpoint, "imageShape">;

/** Where a network is. The groups of its group norms are of the authors' files alone, which do not tell. */
export interface Source {
  readonly path: string;
  readonly groups?: number | undefined;
}

/**
 * A teacher from the authors' checkpoint (.pt), from a folder of diffusers, or from this library's checkpoint. Of
 * averaged weights and plain ones the average is taken. The caller disposes its `params`.
 */
export async function readModel(source: Source): Promise<Imported> {
  return naming(source.path, () => modelAt(source));
}

async function modelAt(source: Source): Promise<Imported> {
  const { path, groups } = source;
  const { at } = placeIn(path);
  const isFolder = (await stat(at)).isDirectory();
  if (!isFolder) await checkIsFile(at);
  const bytes = isFolder ? undefined : await readFile(at);
  if (bytes && !isOurs(bytes)) return fromAuthors(treeOf(bytes), source);
  if (groups !== undefined)
    throw new Error(`${path}: expected no number of groups, as it tells its own, got ${groups}.`);
  if (!bytes) return fromDiffusers(at);
  const { network, params, ema, schedule, predictionType, steps, clip, imageShape } = decodeCheckpoint(bytes);
  if (ema) disposeParams(params);
  return { network, params: ema ?? params, schedule, predictionType, steps, clip, imageShape };
}

async function fromDiffusers(folder: string): Promise<Imported> {
  const { network, params, schedule, denoiser, clip, size } = await loadDiffusers(folder);
  const steps = network.config.timeScale; // the timesteps of its training
  const { predictionType } = denoiser;
  if (size === undefined) return { network, params, schedule, predictionType, clip, steps };
  const [height, width] = typeof size === "number" ? [size, size] : size;
  const imageShape = [height, width, network.config.imageChannels] as const;
  return { network, params, schedule, predictionType, clip, steps, imageShape };
}

/**
 * The authors' base model or student. T sampling steps on the finest grid, whose length is the embedding table's; x0
 * is predicted and clipped, as in all of their distillation.
 */
function fromAuthors(tree: TorchValue, { path, groups }: Source): Imported {
  const weights = stateDictOf(tree, "unet", path);
  const { network, params } = unetFromTorch(weights, groups === undefined ? {} : { groups });
  const { timeScale } = network.config;
  const { T } = tree as Readonly<Record<string, TorchValue>>;
  if (typeof T !== "number" || !Number.isInteger(T) || T < 1 || timeScale % T !== 0) {
    disposeParams(params);
    throw new Error(
      `${path}: expected T beside the weights, a number of steps that divides ${timeScale}, got ` +
        `${typeof T === "object" ? "other data" : String(T)}. Of a teacher that is not the authors', read the weights with ` +
        "unetFromTorch and give the file that encodeCheckpoint makes of them.",
    );
  }
  const schedule = discreteCosineSchedule(timeScale);
  return { network, params, schedule, predictionType: "x0", steps: T, clip: true };
}

/** What a stage's network is, if a file holds it: nothing is trained. */
export async function importNetwork(setup: Setup, stage: string, source: Source): Promise<void> {
  if (existsSync(checkpointPath(setup, stage))) {
    disposeCheckpoint(await loadStage(setup, stage));
    return;
  }
  await (stage === "classifier" ? importClassifier(setup, source) : importModel(setup, stage, source));
}

async function importModel(setup: Setup, stage: string, source: Source): Promise<void> {
  const { path } = source;
  const model = await readModel(source);
  try {
    checkImages(setup, model, path);
    const student = setup.config.halvings.find(({ name }) => name === stage);
    if (student && student.studentSteps !== model.steps) {
      throw new Error(
        `${path}: expected a student of ${inSteps(student.studentSteps)}, got ${inSteps(model.steps)}.`,
      );
    }
    const steps = student ? model.steps : setup.config.teacherSteps;
    await saveStage(setup, stage, { ...model, steps, ...imagesOf(setup, model.network) });
  } finally {
    disposeParams(model.params);
  }
}

/** The model's images are of the data's kind: size, channels, and classes if it has any. */
function checkImages({ data }: Setup, { network, imageShape }: Imported, path: string): void {
  const { shape, classes } = data.train;
  if (imageShape && imageShape.join() !== shape.join()) {
    throw new Error(`${path}: expected a model of ${shape.join("x")} images, got ${imageShape.join("x")}.`);
  }
  const { classes: known, imageChannels } = network.config;
  if (imageChannels !== shape[2]) {
    throw new Error(`${path}: expected a model of images of ${shape[2]} channels, got ${imageChannels}.`);
  }
  if (known !== undefined && known !== classes.length) {
    throw new Error(
      `${path}: expected a model of the data's ${classes.length} classes or of none, got ${known}.`,
    );
  }
}

/** A classifier from a PyTorch file or from this library's. The caller disposes its `params`. */
export async function readClassifier(path: string): Promise<ClassifierModel> {
  return naming(path, () => classifierAt(path));
}

async function classifierAt(path: string): Promise<ClassifierModel> {
  const { at } = placeIn(path);
  await checkIsFile(at);
  const bytes = await readFile(at);
  if (!isOurs(bytes)) return classifierFromTorch(stateDictOf(treeOf(bytes), "classifier", path));
  const { network, params, ema } = decodeNetworkCheckpoint(bytes);
  if (ema) disposeParams(ema);
  if (!isUnet(network)) return { network, params };
  disposeParams(params);
  throw new Error(`${path}: expected a classifier, got a U-Net.`);
}

async function importClassifier(setup: Setup, { path }: Source): Promise<void> {
  const { network, params } = await readClassifier(path);
  try {
    const wanted = setup.data.train.classes.length;
    if (network.config.classes !== wanted) {
      throw new Error(
        `${path}: expected a classifier of the data's ${wanted} classes, got ${network.config.classes}.`,
      );
    }
    await saveStage(setup, "classifier", { network, params });
  } finally {
    disposeParams(params);
  }
}

/** A safetensors file has "{" after the length of its header. */
const isSafetensors = (bytes: Uint8Array) => bytes[8] === 0x7b;
const isOurs = (bytes: Uint8Array) =>
  isSafetensors(bytes) && safetensorsMetadata(bytes).format === "cfd-distill";
const treeOf = (bytes: Uint8Array) =>
  isSafetensors(bytes) ? decodeSafetensors(bytes) : readTorchCheckpoint(bytes);

/** The state dict that the path names, or the only one of its kind. */
function stateDictOf(tree: TorchValue, kind: StateDictKind, path: string): StateDict {
  const { name } = placeIn(path);
  try {
    return stateDictIn(tree, kind, name === undefined ? {} : { name });
  } catch (error) {
    const message = (error as Error).message.replace("say which", `say which, as in ${path}#name`);
    throw new Error(`${path}: ${message}`, { cause: error });
  }
}
