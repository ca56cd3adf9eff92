import { appendFileSync, existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { readLog } from "../report/curves.js";
import { isFileName } from "../config/names.js";
import { expectedGot } from "../../../tools/words.js";
import { encodeEvent, type Content, type Value } from "./events.js";
import type { Watcher } from "../storage/watcher.js";

/**
 * Writes what is logged as TensorBoard's event files, in `out/tensorboard`, a folder for each stage, and the picture of
 * samples beside them. A run that goes on begins new files, which take the place of the steps that it repeats; one that
 * had none begins with what its log holds.
 */
export function tensorboard(out: string): Watcher {
  const root = join(out, "tensorboard");
  const logs = new Map<string, EventLog>();
  const write = (folder: string, step: number, values: readonly Value[]) => {
    if (!isFileName(folder)) throw new Error(`${out}: ${expectedGot("a log of stages' names", folder)}.`);
    const log = logs.get(folder) ?? eventLog(join(root, folder));
    logs.set(folder, log);
    log(step, values);
  };
  const logged = ({ stage, step, ...terms }: Readonly<Record<string, unknown>>) => {
    if (typeof stage !== "string" || typeof step !== "number") return;
    const values = Object.entries(terms).flatMap(([tag, value]) =>
      typeof value === "number" ? [{ tag, simpleValue: value }] : [],
    );
    if (values.length > 0) write(stage, step, values);
  };
  const log = join(out, "log.jsonl");
  if (!existsSync(root) && existsSync(log)) readLog(readFileSync(log, "utf8")).forEach(logged);
  const drawn = (picture: Buffer) => {
    write("samples", 0, [{ tag: "samples", image: imageOf(picture) }]);
  };
  return { where: `TensorBoard: tensorboard --logdir ${root}`, logged, drawn };
}

type EventLog = (step: number, values: readonly Value[]) => void;

/** A new file in a folder. TensorBoard reads a folder's files in the order of their names, and knows them by "tfevents". */
function eventLog(folder: string): EventLog {
  const path = join(folder, `events.out.tfevents.${Date.now()}.${process.pid}`);
  const append = (content: Content) => {
    appendFileSync(path, encodeEvent(content));
  };
  mkdirSync(folder, { recursive: true });
  append({ fileVersion: "brain.Event:2" });
  let last = Infinity; // of other files, for all we know
  return (step, values) => {
    if (step <= last) append({ step, sessionLog: { status: 1 } });
    append({ step, summary: { value: values } });
    last = step;
  };
}

/** Of an RGB picture, whose size a PNG tells in its header. */
function imageOf(png: Buffer): Extract<Value, { image: unknown }>["image"] {
  return {
    width: png.readUInt32BE(16),
    height: png.readUInt32BE(20),
    colorspace: 3,
    encodedImageString: png,
  };
}
