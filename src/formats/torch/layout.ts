import * as tf from "../../tfjs.js";
import { check, describe, fail } from "../../check.js";
import { isRunningStatistic } from "../../models/batch-norm.js";
import type { ParamSpecs } from "../../models/params.js";
import type { Grads, Params } from "../../types.js";
import {
  fromFloat32,
  isStoredTensor,
  sizeOf,
  toFloat32,
  type StateDict,
  type StoredTensor,
} from "../state-dict.js";
import { withBareNames } from "./names.js";
import { UnreadLeaf } from "./unread.js";

// A state dict and our params hold the same weights under the same names. Only the axes are ordered differently:
// convolutions are [out, in, height, width] there and HWIO here, linear layers [out, in] there and [in, out] here.

/** More blocks or stages are nobody's network, but a name in a file may count to any number. */
const MOST = 1000;

/** The entries under the names that they have without wrappers, or an error if that is no state dict. */
export function unwrapped(stateDict: Readonly<StateDict>, where: string): StateDict {
  check(typeof stateDict === "object" && stateDict !== null, where, "a state dict", stateDict);
  const entries = Object.entries(stateDict);
  check(entries.length > 0, where, "a state dict with entries", "an empty one");
  checkStateDict(entries, where);
  return withBareNames(stateDict, where);
}

/** Throws, naming it, if an entry is no tensor: a whole checkpoint, say, with its state dict one level further down. */
export function checkStateDict(entries: readonly (readonly [string, unknown])[], where: string): void {
  const [name, value] = entries.find(([, entry]) => !isStoredTensor(entry)) ?? [];
  if (name === undefined) return;
  const other = typeof value === "object" && value !== null ? "other data" : describe(value);
  const kind = value instanceof UnreadLeaf ? `${value.unread}, which is not read` : other;
  fail(where, "a state dict, that is tensors by name", `"${name}": ${kind}`);
}

/** The entry `name`, or an error that names it. */
export function entryOf(stateDict: Readonly<StateDict>, name: string, where: string): StoredTensor {
  const entry = Object.hasOwn(stateDict, name) ? stateDict[name] : undefined;
  return entry ?? fail(where, `an entry "${name}"`, Object.keys(stateDict).slice(0, 5).join(", ") + ", ...");
}

/** The size of the entry's first axis, which counts what the layer puts out. */
export function widthOf(stateDict: Readonly<StateDict>, name: string, where: string): number {
  const { shape } = entryOf(stateDict, name, where);
  return shape[0] ?? fail(where, `"${name}" to have an axis`, "a scalar");
}

/** How many of `${name}.0`, `${name}.1`, ... there are: one more than the highest number. */
export function countOf(names: readonly string[], pattern: RegExp, where: string): number {
  let highest = -1;
  for (const name of names) {
    const number = Number(pattern.exec(name)?.[1] ?? -1);
    check(number < MOST, where, `numbers below ${MOST} in the entries' names`, name);
    highest = Math.max(highest, number);
  }
  return highest + 1;
}

/** New variables with the values of a state dict, which must have the entries of `specs`, no more and no less. */
export function paramsFromTorch(stateDict: Readonly<StateDict>, specs: ParamSpecs, where: string): Params {
  checkEntries(stateDict, specs, where);
  return Object.fromEntries(
    Object.entries(specs).map(([name, { shape }]) => {
      const values = toOurOrder(toFloat32(stateDict[name]!), shape);
      const initial = tf.tensor(values, [...shape], "float32");
      const variable = tf.variable(initial, !isRunningStatistic(name));
      initial.dispose();
      return [name, variable];
    }),
  );
}

/** Throws, naming it, unless there is every tensor that `specs` wants, of its shape, and no other. */
export function checkTensors(tensors: Params | Grads, specs: ParamSpecs, where: string): void {
  for (const [name, { shape }] of Object.entries(specs)) {
    const found = Object.hasOwn(tensors, name) ? tensors[name] : undefined;
    const same = found?.shape.join() === shape.join();
    check(same, where, `"${name}" of shape [${shape.join(", ")}]`, found ?? "none");
  }
  const unknown = Object.keys(tensors).find((name) => !Object.hasOwn(specs, name));
  check(unknown === undefined, where, "no tensors but the network's own", unknown);
}

/** A weight, or its gradient, as PyTorch stores it. */
export async function toTorch(tensor: tf.Tensor): Promise<StoredTensor> {
  const shape = torchShape(tensor.shape);
  return { dtype: "F32", shape, data: toTorchOrder(await tensor.data<"float32">(), tensor.shape) };
}

/** [height, width, in, out] to [out, in, height, width] and [in, out] to [out, in]. */
function torchShape(shape: readonly number[]): readonly number[] {
  return torchAxes(shape.length).map((axis) => shape[axis]!);
}

/** Which of our axes PyTorch's axes are, by rank. */
function torchAxes(rank: number): readonly number[] {
  if (rank === 4) return [3, 2, 0, 1];
  return rank === 2 ? [1, 0] : Array.from({ length: rank }, (_, axis) => axis);
}

function toTorchOrder(values: Float32Array, shape: readonly number[]): Float32Array<ArrayBuffer> {
  const ordered = new Float32Array(values.length);
  forEachPair(shape, (ours, theirs) => {
    ordered[theirs] = values[ours]!;
  });
  return ordered;
}

function toOurOrder(values: Float32Array, shape: readonly number[]): Float32Array {
  const ordered = new Float32Array(values.length);
  forEachPair(shape, (ours, theirs) => {
    ordered[ours] = values[theirs]!;
  });
  return ordered;
}

/** Where each element lies here and in PyTorch's order: both orders merge to [field, in, out] and [out, in, field]. */
function forEachPair(shape: readonly number[], visit: (ours: number, theirs: number) => void): void {
  const [inputs, outputs] = shape.length < 2 ? [1, 1] : [shape.at(-2)!, shape.at(-1)!];
  const field = sizeOf(shape) / (inputs * outputs);
  let ours = 0;
  for (let f = 0; f < field; f++) {
    for (let i = 0; i < inputs; i++) {
      for (let o = 0; o < outputs; o++) visit(ours++, (o * inputs + i) * field + f);
    }
  }
}

/** The first time layer's weight for an encoding with all sines before all cosines; ours alternates them. */
export function sinesThenCosines(tensor: StoredTensor): StoredTensor {
  return withColumns(tensor, (i, half) => (i < half ? 2 * i : 2 * (i - half) + 1));
}

/** Column i of the result is column `source(i, columns / 2)` of a matrix. */
export function withColumns(tensor: StoredTensor, source: (i: number, half: number) => number): StoredTensor {
  const [rows, columns] = tensor.shape as [number, number];
  const values = toFloat32(tensor);
  const moved = values.map((_, at) => {
    const column = at % columns;
    return values[at - column + source(column, columns / 2)]!;
  });
  return fromFloat32(moved, [rows, columns], "F32");
}

const FLOATS: readonly string[] = ["F8_E5M2", "F8_E4M3", "F16", "BF16", "F32", "F64"];

/** Throws, naming up to three of them (a message is cut at 200 characters), if entries are missing, unknown, of another shape, or not real numbers. */
export function checkEntries(stateDict: Readonly<StateDict>, specs: ParamSpecs, where: string): void {
  const text = (shape: readonly number[]) => `[${shape.join(", ")}]`;
  const names = new Set([...Object.keys(specs), ...Object.keys(stateDict)]);
  const differences = [...names].flatMap((name) => {
    const wanted = Object.hasOwn(specs, name) ? torchShape(specs[name]!.shape) : undefined;
    const found = Object.hasOwn(stateDict, name) ? stateDict[name] : undefined;
    if (found === undefined) return [`no "${name}" ${text(wanted!)}`];
    if (wanted === undefined) return [`"${name}" ${text(found.shape)}, which does not belong there`];
    if (text(wanted) !== text(found.shape))
      return [`"${name}" ${text(found.shape)} instead of ${text(wanted)}`];
    return FLOATS.includes(found.dtype) ? [] : [`"${name}" of type ${found.dtype}`];
  });
  if (differences.length === 0) return;
  const count = `${differences.length} ${differences.length === 1 ? "difference" : "differences"}`;
  fail(where, "the entries of such a network", `${count}: ${differences.slice(0, 3).join(", ")}`);
}
