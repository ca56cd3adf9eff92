import { readFileSync } from "node:fs";
import { isDeepStrictEqual } from "node:util";
import * as tf from "@tensorflow/tfjs";
import {
  adam,
  createRng,
  decodeCheckpoint,
  discreteCosineSchedule,
  disposeParams,
  encodeCheckpoint,
  resnet,
  scheduleFromConfig,
  networkFromConfig,
  unet,
} from "../../../src/index.js";
import {
  decodeNpz,
  decodeSafetensors,
  encodeNpz,
  encodeSafetensors,
  readTorchCheckpoint,
  safetensorsMetadata,
} from "../../../src/formats/index.js";
import { parseJsonBytes } from "../../../src/formats/json.js";
import { decodeNpy } from "../../../src/formats/numpy/npy.js";
import { mutant, mutantJson } from "./mutants.js";

/** A reader of files with files that it reads. */
export interface Target {
  readonly name: string;
  readonly files: readonly Uint8Array[];
  readonly mutate: (file: Uint8Array, seed: number) => Uint8Array;
  /** Reads a file and frees what comes of it; gives what it says, in parts. */
  readonly read: (file: Uint8Array) => readonly unknown[];
  /** Whether checksums guard the parts, so that a mutant may lose some but not say others. */
  readonly guarded?: boolean;
}

const fixture = (path: string) =>
  new Uint8Array(readFileSync(new URL(`../../fixtures/${path}`, import.meta.url)));
const text = (json: unknown) => new TextEncoder().encode(JSON.stringify(json));
const json = (file: Uint8Array) => parseJsonBytes(file, "fuzz", "a config") as never;
const asJson = (file: Uint8Array, seed: number) =>
  new TextEncoder().encode(mutantJson(new TextDecoder().decode(file), seed));

function readCheckpoint(file: Uint8Array): unknown[] {
  const { params, ema, network, schedule, steps, optimizer } = decodeCheckpoint(file);
  disposeParams(params);
  if (ema) disposeParams(ema);
  return [
    network.config,
    schedule.config,
    schedule.alphaBar(0.5),
    steps,
    Object.keys(optimizer?.slots ?? {}),
  ];
}

/** A checkpoint whose metadata are changed where they are JSON. */
function metadataMutant(file: Uint8Array, seed: number): Uint8Array {
  const metadata = safetensorsMetadata(file);
  const keys = Object.keys(metadata).filter((key) => !key.startsWith("format"));
  const key = keys[seed % keys.length]!;
  return encodeSafetensors(decodeSafetensors(file), { ...metadata, [key]: mutantJson(metadata[key]!, seed) });
}

/** Everything that reads bytes from outside, with small files of its kind. The engine has to be ready. */
export async function makeTargets(): Promise<Target[]> {
  const network = unet({ channels: 2, multipliers: [1], attention: [], blocks: 1, timeScale: 8, groups: 1 });
  const judge = resnet({ blocks: [1], width: 2, classes: 2 });
  const params = network.init(createRng(1));
  const optimizer = adam({ learningRate: 0.1 });
  const grads = tf.tidy(() =>
    Object.fromEntries(Object.entries(params).map(([n, w]) => [n, tf.onesLike(w)])),
  );
  optimizer.apply(params, grads);
  const sampling = {
    schedule: discreteCosineSchedule(8),
    predictionType: "x0",
    steps: 4,
    imageShape: [4, 4, 3],
  } as const;
  const state = {
    ema: params,
    optimizer: await optimizer.state(),
    rng: createRng(2).state(),
    extra: { a: [1] },
  };
  const checkpoint = await encodeCheckpoint({ network, params, ...sampling, ...state });
  disposeParams(params);
  tf.dispose(grads);
  optimizer.dispose();
  const array = { dtype: "F64", shape: [2], data: Float64Array.of(1, 2) } as const;
  const small = encodeSafetensors(
    { array, b: { dtype: "U8", shape: [3], data: Uint8Array.of(1, 2, 3) } },
    { a: "b" },
  );
  const tensors = (file: Uint8Array) => [safetensorsMetadata(file), decodeSafetensors(file)];
  const torch = (file: Uint8Array) => [readTorchCheckpoint(file)];
  const zips = [fixture("torch/everything.pt")];
  const npz = [fixture("metrics/compressed.npz"), fixture("metrics/reference.npz"), encodeNpz({ array })];
  const npy = (file: Uint8Array) => [decodeNpy(file, "a", "decodeNpy")];
  const networks = [text(network.config), text(judge.config)];
  const table = { type: "table", alphaBars: [1, 0.5] };
  const schedules = [sampling.schedule.config, table, { type: "sigmoid", start: -3, end: 3, tau: 1 }].map(
    text,
  );
  return [
    { name: "safetensors", files: [small], read: tensors, mutate: mutant },
    {
      name: "npz",
      files: npz,
      read: (file) => Object.values(decodeNpz(file)),
      mutate: mutant,
      guarded: true,
    },
    { name: "npy", files: [fixture("metrics/version2.npy")], read: npy, mutate: mutant },
    { name: "torch, zip", files: zips, read: torch, mutate: mutant, guarded: true },
    { name: "torch, legacy", files: [fixture("torch/everything-legacy.pt")], read: torch, mutate: mutant },
    { name: "checkpoint", files: [checkpoint], read: readCheckpoint, mutate: mutant },
    { name: "metadata", files: [checkpoint], read: readCheckpoint, mutate: metadataMutant },
    {
      name: "network",
      files: networks,
      read: (file) => [networkFromConfig(json(file)).config],
      mutate: asJson,
    },
    { name: "schedule", files: schedules, read: readSchedule, mutate: asJson },
  ];
}

function readSchedule(file: Uint8Array): unknown[] {
  const schedule = scheduleFromConfig(json(file));
  const values = [0, 0.3, 1].map((t) => schedule.alphaBar(t));
  if (!values.every((value) => value >= 0 && value <= 1))
    throw new TypeError(`alphaBar of ${values.join(", ")}`);
  return [schedule.config, ...values];
}

/** What is wrong with how mutants of a target's files are read, a line for each that is. */
export function* complaints(target: Target, seeds: Iterable<number>): Generator<string> {
  const originals = target.files.map((file) => [file, target.read(file)] as const);
  for (const seed of seeds) {
    const [file, parts] = originals[seed % originals.length]!;
    const problem = wrong(target, target.mutate(file, seed), parts);
    if (problem !== undefined) yield `${target.name}, seed ${seed}: ${problem}`;
  }
}

/** What is wrong with how a file is read: neither its own parts nor one of our errors, at once, with nothing left. */
function wrong(target: Target, file: Uint8Array, parts: readonly unknown[]): string | undefined {
  const before = tf.memory().numTensors;
  const started = performance.now();
  let problem: string | undefined;
  try {
    const known = (part: unknown) => parts.some((original) => isDeepStrictEqual(part, original));
    if (!target.read(file).every((part) => !target.guarded || known(part))) problem = "other numbers";
  } catch (error) {
    problem = wrongError(error);
  }
  const took = performance.now() - started;
  if (took > SLOW) problem ??= `took ${Math.round(took)} ms`;
  if (tf.memory().numTensors !== before) problem ??= "left tensors behind";
  return problem;
}

const SLOW = 5000; // where other processes take the cores; alone a tenth

function wrongError(error: unknown): string | undefined {
  if (!(error instanceof Error)) return String(error);
  const ours = error.constructor === Error && /^[\w. ]+: expected [^]*, got [^]*\.$/.test(error.message);
  return ours ? undefined : (error.stack ?? error.message);
}
