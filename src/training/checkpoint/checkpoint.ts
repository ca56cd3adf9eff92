import { check, checkNamed, checkOptions, checkTensors, checkVariables } from "../../check.js";
import { bytesOf } from "../../formats/bytes.js";
import {
  decodeSafetensors,
  encodeSafetensors,
  safetensorsMetadata,
} from "../../formats/safetensors/safetensors.js";
import { networkFromConfig } from "../../models/network-config.js";
import type { NetworkConfigBase } from "../../models/network.js";
import type { UnetConfig } from "../../models/unet-config.js";
import type { Unet } from "../../models/unet.js";
import type { Clip } from "../../prediction/predict.js";
import type { RngState } from "../../rng.js";
import { scheduleFromConfig } from "../../schedules/from-config.js";
import { checkSchedule, type NoiseSchedule } from "../../schedules/schedule.js";
import type { Params, PredictionType } from "../../types.js";
import { decodeMetadata, encodeMetadata, type Metadata } from "./metadata.js";
import { checkFinite, checkTogether, joinTensors, shrink, splitTensors, toParams } from "./tensors.js";
import type { OptimizerState } from "../optimizer.js";
import { readTensors } from "../read-tensors.js";

/** The weights of any network and what a run needs to go on with them as if it had never stopped. */
export interface NetworkCheckpoint {
  /** Only its `config` is stored, from which the same network is made again. */
  readonly network: { readonly config: NetworkConfigBase };
  readonly params: Params;
  /** Averaged weights; of the names and shapes of `params`. */
  readonly ema?: Params | undefined;
  /** What the optimiser's `state()` returned. */
  readonly optimizer?: OptimizerState | undefined;
  /** Training steps done in this stage. */
  readonly step?: number | undefined;
  /** What the random stream's `state()` returned. */
  readonly rng?: RngState | undefined;
  /** Where in a recipe this was, in the recipe's words. */
  readonly stage?: string | undefined;
  /** Anything else, in plain JSON. */
  readonly extra?: unknown;
}

/** A diffusion model's checkpoint: the weights and everything needed to sample with them. */
export interface Checkpoint extends NetworkCheckpoint {
  readonly schedule: NoiseSchedule;
  readonly predictionType: PredictionType;
  /** The number of sampling steps the model was trained for. */
  readonly steps: number;
  /** How samplers should clip (default true). */
  readonly clip?: Clip | undefined;
  /** [height, width, channels] of the images it was trained on. */
  readonly imageShape?: readonly [number, number, number] | undefined;
  /** What its classes are called, in the order of their labels. */
  readonly classNames?: readonly string[] | undefined;
}

/** A decoded {@link NetworkCheckpoint}, with a network that runs. */
export type DecodedNetwork = NetworkCheckpoint & { readonly network: ReturnType<typeof networkFromConfig> };

/** A decoded {@link Checkpoint}, with a network that runs. */
export type DecodedCheckpoint = Checkpoint & { readonly network: Unet; readonly clip: Clip };

/** How weights are stored. */
export interface EncodeOptions {
  /** "F16" halves the size of weights that are shipped; optimiser states are always F32. */
  readonly dtype?: "F32" | "F16";
  /** Whether to store NaN and infinities, as what a diverged run left to look at; without it they are refused. */
  readonly allowNonFinite?: boolean;
}

/**
 * Writes a checkpoint as one safetensors file: `params/NAME`, `ema/NAME` and `optimizer/SLOT/NAME`, and in the metadata
 * the format version and the rest in JSON. All tensors are read before the first wait: training may go on meanwhile.
 *
 * @param checkpoint a diffusion model's checkpoint, or any network's
 * @param options.dtype "F32" (default; comes back bit for bit) or "F16"
 * @param options.allowNonFinite true to store weights that are NaN or infinite
 * @returns the whole file
 * @throws (rejects) if the network is none of unet, resnet and densenet, params, imageShape or classNames are not the network's, ema or
 *   the optimiser's state do not belong to params, a key is unknown, a value is not storable, a weight is NaN or infinite,
 *   or too large for F16
 * @example
 * ```ts
 * import { cosineSchedule, createRng, decodeCheckpoint, disposeParams, encodeCheckpoint, unet } from "cfd-distill";
 * const network = unet({ channels: 4, multipliers: [1], attention: [], blocks: 1, timeScale: 8, groups: 4 });
 * const params = network.init(createRng(0));
 * const bytes = await encodeCheckpoint({ network, params, schedule: cosineSchedule(), predictionType: "x0", steps: 8 });
 * const again = decodeCheckpoint(bytes);
 * console.log(again.steps, again.schedule.config.type); // 8 "cosine"
 * disposeParams(params);
 * disposeParams(again.params);
 * ```
 */
export async function encodeCheckpoint(
  checkpoint: Checkpoint | NetworkCheckpoint,
  options: EncodeOptions = {},
): Promise<Uint8Array> {
  const where = "encodeCheckpoint";
  checkOptions(where, checkpoint as Partial<Checkpoint>, PARTS);
  checkOptions(where, options, { dtype: true, allowNonFinite: true });
  const { network, params, ema, optimizer } = checkpoint;
  const config: unknown = (network as NetworkCheckpoint["network"] | undefined | null)?.config;
  check(typeof config === "object" && config !== null, where, "network to be a network", network);
  for (const weights of ema === undefined ? [params] : [params, ema]) {
    checkVariables(weights, where);
    checkTensors(weights, where);
  }
  const { dtype = "F32", allowNonFinite = false } = options;
  check(typeof allowNonFinite === "boolean", where, "allowNonFinite to be true or false", allowNonFinite);
  const metadata = metadataOf(checkpoint, where);
  const texts = encodeMetadata(metadata, where);
  const [weights, averages] = await Promise.all([readTensors(params), ema && readTensors(ema)]);
  const tensors = { params: weights, ema: averages, optimizer };
  checkTogether(tensors, metadata, where);
  if (!allowNonFinite) checkFinite(tensors, where);
  const shipped = {
    params: shrink(weights, dtype, where),
    ema: averages && shrink(averages, dtype, where),
    optimizer,
  };
  return encodeSafetensors(joinTensors(shipped), texts);
}

/**
 * Reads a diffusion model's checkpoint. The file is checked before any tensor is made; its weights may be NaN or infinite.
 *
 * @param source what {@link encodeCheckpoint} wrote: a Uint8Array or an ArrayBuffer
 * @returns the checkpoint with its network and schedule made again; the caller disposes `params` and `ema`
 * @throws if the bytes are damaged, not a checkpoint, of another format version, or of another kind of network; if names
 *   and shapes are not the network's, or a size in it is beyond reason
 * @example
 * ```ts
 * import { decodeCheckpoint } from "cfd-distill";
 * try {
 *   decodeCheckpoint(new Uint8Array(3));
 * } catch (error) {
 *   console.log(error); // decodeSafetensors: expected a safetensors file of at least 8 bytes, got 3 bytes.
 * }
 * ```
 */
export function decodeCheckpoint(source: Uint8Array | ArrayBufferLike): DecodedCheckpoint {
  const where = "decodeCheckpoint";
  const bytes = bytesOf(where, source);
  const metadata = decodeMetadata(safetensorsMetadata(bytes), where);
  const { network, schedule, predictionType, steps, clip = true, imageShape, classNames } = metadata;
  const found = isClassifier(network) ? `a classifier's (${network.type})` : network;
  check(isUnet(network), where, "the checkpoint of a diffusion network", found);
  const sampled = schedule !== undefined && predictionType !== undefined && steps !== undefined;
  check(sampled, where, "schedule, predictionType and steps", Object.keys(metadata));
  const sampling = {
    schedule: scheduleFromConfig(schedule),
    predictionType,
    steps,
    clip,
    imageShape,
    classNames,
  };
  return { network: networkFromConfig(network), ...decodeParts(bytes, metadata, where), ...sampling };
}

/**
 * Reads the checkpoint of any network, e.g. of a classifier: as {@link decodeCheckpoint}, without the diffusion part.
 *
 * @param source what {@link encodeCheckpoint} wrote: a Uint8Array or an ArrayBuffer
 * @returns the checkpoint with its network made again; the caller disposes `params` and `ema`
 * @throws if the bytes are damaged, not a checkpoint, of another format version, or of weights that are not the network's
 * @example
 * ```ts
 * import { createRng, decodeNetworkCheckpoint, disposeParams, encodeCheckpoint, unet } from "cfd-distill";
 * const network = unet({ channels: 4, multipliers: [1], attention: [], blocks: 1, timeScale: 8, groups: 4 });
 * const params = network.init(createRng(0));
 * const again = decodeNetworkCheckpoint(await encodeCheckpoint({ network, params, stage: "classifier", step: 3 }));
 * console.log(again.stage, again.step); // "classifier" 3
 * disposeParams(params);
 * disposeParams(again.params);
 * ```
 */
export function decodeNetworkCheckpoint(source: Uint8Array | ArrayBufferLike): DecodedNetwork {
  const where = "decodeNetworkCheckpoint";
  const bytes = bytesOf(where, source);
  const metadata = decodeMetadata(safetensorsMetadata(bytes), where);
  return { network: networkFromConfig(metadata.network), ...decodeParts(bytes, metadata, where) };
}

const PARTS = {
  network: true,
  params: true,
  ema: true,
  optimizer: true,
  step: true,
  rng: true,
  stage: true,
  extra: true,
  schedule: true,
  predictionType: true,
  steps: true,
  clip: true,
  imageShape: true,
  classNames: true,
} as const;

function metadataOf(checkpoint: Partial<Checkpoint> & NetworkCheckpoint, where: string): Metadata {
  const { network, params, optimizer, step, rng, stage, extra } = checkpoint;
  if (optimizer) checkNamed(optimizer.slots, where, "the optimiser's state, as state() gives it");
  const statistics = Object.keys(params).filter((name) => !params[name]!.trainable);
  const common = { network: network.config, statistics, step, rng, stage, extra };
  const kept = optimizer && { ...optimizer, slots: Object.keys(optimizer.slots) };
  const { schedule, predictionType, steps, clip, imageShape, classNames } = checkpoint;
  const sampling = [schedule, predictionType, steps];
  const given = [...sampling, clip, imageShape, classNames].filter((part) => part !== undefined);
  if (given.length === 0) return { ...common, optimizer: kept };
  checkSampling(sampling, where);
  checkSchedule(schedule!, where);
  return {
    ...common,
    ...{
      schedule: scheduleFromConfig(schedule!.config).config,
      predictionType,
      steps,
      clip: clip ?? true,
      imageShape,
      classNames,
      optimizer: kept,
    },
  };
}

/** Throws unless all is there that one needs to sample. */
function checkSampling(parts: readonly unknown[], where: string): void {
  const missing = parts.filter((part) => part === undefined).length;
  check(missing === 0, where, "schedule, predictionType and steps", `${missing} of them undefined`);
}

function isUnet(config: NetworkConfigBase): config is UnetConfig {
  return config.type === "unet";
}

function isClassifier({ type }: NetworkConfigBase): boolean {
  return type === "resnet" || type === "densenet";
}

function decodeParts(
  bytes: Uint8Array,
  metadata: Metadata,
  where: string,
): Omit<NetworkCheckpoint, "network"> {
  const { params, ema, optimizer } = splitTensors(decodeSafetensors(bytes), metadata, where);
  const { statistics, step, rng, stage, extra } = metadata;
  const weights = toParams(params, statistics);
  return { params: weights, ema: ema && toParams(ema, statistics), optimizer, step, rng, stage, extra };
}
