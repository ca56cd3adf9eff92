import { stat } from "node:fs/promises";
import * as tf from "../../tfjs.js";
import { fail } from "../../check.js";
import { disposeParams, useBackend, type PredictionType, type ScheduleConfig } from "../../index.js";
import {
  decodeSafetensors,
  readTorchCheckpoint,
  safetensorsMetadata,
  type TorchValue,
} from "../../formats/index.js";
import { loadDiffusers } from "../../node/index.js";
import { absence, readWhole } from "../../node/read-whole.js";
import { FORMAT } from "../../training/checkpoint/metadata.js";
import { reason } from "../explain.js";
import { inspectCheckpoint, type InspectedCheckpoint } from "./checkpoint.js";
import { leavesOf, type Leaf } from "./leaves.js";
import { networksIn, weightsOf, type FoundNetwork, type Refusal } from "./networks.js";

const WHERE = "inspect";

/** Tensors and values by name, and the networks among them. */
export interface InspectedTensors {
  readonly kind: "safetensors" | "torch";
  readonly path: string;
  readonly bytes: number;
  /** The text that a safetensors file carries. */
  readonly metadata?: Readonly<Record<string, string>>;
  readonly leaves: readonly Leaf[];
  readonly networks: readonly FoundNetwork[];
  /** Why nothing was recognised. */
  readonly refusals: readonly Refusal[];
}

/** A folder that diffusers saved. */
export interface InspectedDiffusers {
  readonly kind: "diffusers";
  readonly path: string;
  readonly network: object;
  readonly weights: number;
  readonly predictionType: PredictionType;
  readonly schedule: ScheduleConfig;
  readonly clip: boolean | "x0";
  /** Height and width of the images, if the folder tells. */
  readonly size?: number | readonly [height: number, width: number];
}

/** What a file or folder was found to be, in plain JSON. */
export type Inspection =
  | ({ readonly path: string; readonly bytes: number } & InspectedCheckpoint)
  | InspectedTensors
  | InspectedDiffusers;

/** Reads a file or folder and says what it is; rejects if it is nothing that this library reads, or damaged. */
export async function inspect(path: string): Promise<Inspection> {
  const found = await stat(path).catch((error: unknown) =>
    fail(WHERE, `a file or folder at ${path}`, absence(error) ?? reason(error)),
  );
  tf.enableProdMode(); // else cpu greets every process with an advertisement
  await useBackend("cpu"); // where recognised weights stay for a moment
  try {
    return found.isDirectory()
      ? await inspectDiffusers(path)
      : inspectFile(path, await readWhole(path, WHERE));
  } catch (error) {
    const known = "a checkpoint, a safetensors file, a PyTorch file or a folder of diffusers";
    return fail(WHERE, `${known} at ${path}`, reason(error));
  }
}

function inspectFile(path: string, bytes: Uint8Array): Inspection {
  const size = bytes.length;
  if (bytes[8] !== BRACE)
    return { kind: "torch", path, bytes: size, ...contents(readTorchCheckpoint(bytes)) };
  const metadata = safetensorsMetadata(bytes);
  if (metadata.format === FORMAT) return { path, bytes: size, ...inspectCheckpoint(bytes) };
  return { kind: "safetensors", path, bytes: size, metadata, ...contents(decodeSafetensors(bytes)) };
}

/** A safetensors file has "{" after the length of its header. */
const BRACE = 0x7b;

function contents(tree: TorchValue) {
  return { leaves: leavesOf(tree), ...networksIn(tree) };
}

async function inspectDiffusers(path: string): Promise<InspectedDiffusers> {
  const { network, params, denoiser, schedule, clip, size } = await loadDiffusers(path);
  const weights = weightsOf(params);
  disposeParams(params);
  return {
    ...{ kind: "diffusers", path, network: network.config, weights },
    ...{ predictionType: denoiser.predictionType, schedule: schedule.config, clip },
    ...(size === undefined ? {} : { size }),
  };
}
