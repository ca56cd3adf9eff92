import type * as tf from "@tensorflow/tfjs";
import { checkNamed, checkTensors, checkVariables, describe, fail } from "../check.js";
import type { StateDict } from "../io/dtypes.js";
import type { Params } from "../types.js";

/** Named tensors as host copies; they are read in one go, so a later update does not mix in. */
export async function readTensors(tensors: Readonly<Record<string, tf.Tensor>>): Promise<StateDict> {
  const read = Object.entries(tensors).map(async ([name, tensor]) => {
    const data = Float32Array.from(await tensor.data());
    return [name, { dtype: "F32", shape: [...tensor.shape], data }] as const;
  });
  return Object.fromEntries(await Promise.all(read));
}

interface Shaped {
  readonly shape: readonly number[];
}

/** Throws unless `got` has exactly the names and shapes of `expected`; the error says which differ. */
export function checkSameEntries(
  expected: Readonly<Record<string, Shaped>>,
  got: Readonly<Record<string, Shaped>>,
  where: string,
  what: string,
): void {
  checkNamed(expected, where, what);
  checkNamed(got, where, what);
  const names = new Set([...Object.keys(expected), ...Object.keys(got)]);
  const differences = [...names].flatMap((name) => {
    const want = Object.hasOwn(expected, name) ? (expected[name] ?? undefined) : undefined;
    const have = Object.hasOwn(got, name) ? (got[name] ?? undefined) : undefined;
    if (want === undefined) return [`"${name}" ${text(have)} which does not belong there`];
    if (have === undefined) return [`no "${name}" ${text(want)}`];
    return text(want) === text(have) ? [] : [`"${name}" ${text(have)} instead of ${text(want)}`];
  });
  if (differences.length === 0) return;
  const more = differences.length > 5 ? `, and ${differences.length - 5} more differences` : "";
  fail(where, what, differences.slice(0, 5).join(", ") + more);
}

/** The shape of an entry, or what stands in the place of one that has none. */
function text(entry: Shaped | undefined): string {
  const shape: unknown = entry?.shape;
  return Array.isArray(shape) ? `[${shape.join(", ")}]` : describe(entry);
}

/** The entries that gradients and optimisers see. */
export function trainableEntries(params: Params, where: string): Params {
  checkVariables(params, where);
  checkTensors(params, where);
  return Object.fromEntries(Object.entries(params).filter(([, variable]) => variable.trainable));
}
