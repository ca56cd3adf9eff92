// The room that a run's files take on a disk, told before it starts.
import { statSync } from "node:fs";
import { statfs } from "node:fs/promises";
import { join } from "node:path";
import type { PlannedStage } from "./stages.js";
import { checkpointPath, type Setup } from "../storage/setup.js";
import { imageSize, methodsOf, samplesPath, shownClasses } from "../measure/sampling.js";

/** Files of a kind, each with the bytes that it will have at most. */
type Files = readonly (readonly [path: string, bytes: number])[];

/** By kind: checkpoints, samples, pictures and reports. */
export type Room = Readonly<Record<"checkpoints" | "samples" | "pictures" | "logs", Files>>;

/** A plot of one stage's losses, and what a page needs beside its pictures. */
const PLOT = 300_000;
/** Bytes of a line in the log and of its twins for TensorBoard. */
const LINE = 600;

/** The files that these stages write. `sizes` are the bytes of a stage's checkpoint. */
export function roomOf(
  setup: Setup,
  stages: readonly PlannedStage[],
  sizes: (stage: PlannedStage) => number,
): Room {
  const { out, config } = setup;
  const networks = stages.filter((stage) => sizes(stage) > 0);
  const doing = (name: string) => stages.some((stage) => stage.name === name);
  const methods = methodsOf(config);
  const drawn = (shownClasses(setup).length + config.measured) * imageSize(setup);
  const picture = pictureBytes(setup, methods.length);
  const last = networks.at(-1);
  const lines = stages.reduce((sum, { training }) => sum + (training?.steps ?? 0) / config.logEvery, 0);
  return {
    checkpoints: networks.map((stage) => [checkpointPath(setup, stage.name), sizes(stage)]),
    samples: doing("samples") ? methods.map((method) => [samplesPath(setup, method), drawn]) : [],
    pictures: doing("picture")
      ? [
          [join(out, "samples.png"), picture],
          [join(out, "losses.png"), stages.length * PLOT],
          [join(out, "student.safetensors"), last ? sizes(last) : 0],
        ]
      : [],
    logs: [
      [join(out, "log.jsonl"), lines * LINE],
      [join(out, "report.html"), 2 * picture + stages.length * PLOT],
    ],
  };
}

/** Of samples.png, were it not packed: tiles of 48 pixels or more, with text on two sides. */
function pictureBytes(setup: Setup, methods: number): number {
  const side = Math.max(48, setup.data.train.shape[0]) + 30;
  return 3 * (shownClasses(setup).length * side + 600) * ((methods + 1) * side + 200);
}

/** Bytes that are still to be written, in words by kind, and all in all with the copy of the largest that is replaced. */
export function needed(room: Room): { readonly bytes: number; readonly text: string } {
  const missing = (files: Files) =>
    files.reduce((sum, [path, bytes]) => sum + Math.max(0, bytes - sizeOf(path)), 0);
  const kinds = Object.entries(room).map(([kind, files]) => [kind, missing(files)] as const);
  // A file is written beside the one that it replaces, see writeFileAtomic: for a moment there are two.
  const copy = Math.max(0, ...Object.values(room).flatMap((files) => files.map(([, bytes]) => bytes)));
  const all = [...kinds, ["the copy that takes a file's place", copy] as const];
  return {
    bytes: all.reduce((sum, [, bytes]) => sum + bytes, 0),
    text: all.map(([kind, bytes]) => `${kind} ${megabytes(bytes)}`).join(", "),
  };
}

/** Refuses to start where what is still missing would not fit into `free` bytes. */
export function checkRoom(out: string, room: Room, free: number): void {
  const { bytes, text } = needed(room);
  if (bytes <= free) return;
  throw new Error(
    `${out}: expected room for about ${megabytes(bytes)} (${text}), got ${megabytes(free)} free: make room, or choose ` +
      "another place with --out.",
  );
}

/** What is free on the disk of a directory. */
export async function freeBytes(directory: string): Promise<number> {
  const { bavail, bsize } = await statfs(directory);
  return bavail * bsize;
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}

export function megabytes(bytes: number): string {
  return bytes < 1e9 ? `${Math.ceil(bytes / 1e6)} MB` : `${(bytes / 1e9).toFixed(1)} GB`;
}
