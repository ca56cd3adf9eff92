import * as tf from "../tfjs.js";
import type { Fused, FusedName } from "./fused-kernels.js";

/** Whether the engine that runs has the kernel, and these inputs are of its kind. */
export function canFuse(kernel: FusedName, inputs: readonly tf.Tensor[]): boolean {
  return (
    tf.getKernel(kernel, tf.getBackend()) !== undefined && inputs.every(({ dtype }) => dtype === "float32")
  );
}

/** Of a kernel: by name, or one after the other. */
type Inputs = Readonly<Record<string, tf.Tensor>> | readonly tf.Tensor[];

/** Runs the kernel on its inputs. */
export function runFused<K extends FusedName>(
  { kernel, attrs }: Fused<K>,
  inputs: Inputs,
): [tf.Tensor, ...tf.Tensor[]] {
  const named = inputs as Readonly<Record<string, tf.Tensor>>;
  const outputs: tf.Tensor | tf.Tensor[] = tf.engine().runKernel(kernel, named, attrs as tf.NamedAttrMap);
  return [outputs].flat() as [tf.Tensor, ...tf.Tensor[]];
}

/** Runs the kernel where it can, and else the composition. */
export function runFusedOr<K extends FusedName>(
  fused: Fused<K>,
  inputs: Inputs,
  composed: () => readonly tf.Tensor[],
): readonly tf.Tensor[] {
  return canFuse(fused.kernel, Object.values(inputs)) ? runFused(fused, inputs) : composed();
}

/** Names for a kernel's inputs: `${name}0`, `${name}1` and so on. */
export function numbered(name: string, tensors: readonly tf.Tensor[]): Record<string, tf.Tensor> {
  return Object.fromEntries(tensors.map((tensor, i) => [`${name}${i}`, tensor]));
}

/** Numbers of the outputs that are made before what they replace is freed, unless one tensor has more. */
const HELD = 2 ** 22;

/**
 * Runs the kernel on rows of tensors, those of a row all of one size, and hands `take` the outputs of each; else the
 * composition of each row. The kernel gets many rows in one call, so that small tensors cost little; no two of them begin
 * with the same tensor, as it may replace that.
 */
export function runFusedRows<K extends FusedName, R extends readonly tf.Tensor[]>(
  fused: Fused<K>,
  rows: readonly R[],
  composed: (...row: R) => readonly tf.Tensor[],
  take: (outputs: readonly tf.Tensor[], row: R) => void,
): void {
  const apart = new Set(rows.map(([first]) => first)).size === rows.length;
  const fusible = apart && canFuse(fused.kernel, rows.flat());
  for (const group of fusible ? grouped(rows) : rows.map((row) => [row])) {
    tf.tidy(() => {
      const outputs = fusible ? runFused(fused, group.flat()) : composed(...group[0]!);
      const count = outputs.length / group.length;
      group.forEach((row, i) => {
        take(outputs.slice(i * count, (i + 1) * count), row);
      });
    });
  }
}

/** Rows in groups whose tensors have {@link HELD} numbers in all at most, or are those of a single row. */
function grouped<R extends readonly tf.Tensor[]>(rows: readonly R[]): R[][] {
  const groups: R[][] = [];
  let room = 0;
  for (const row of rows) {
    const { size } = row[0]!;
    if (size > room) groups.push([]);
    room = (size > room ? HELD : room) - size;
    groups.at(-1)!.push(row);
  }
  return groups;
}
