import { describe } from "../../check.js";
import { UnreadLeaf, type DType, type StoredTensor, type TorchValue } from "../../formats/index.js";

/** A tensor, or a value in words, and where it stands: names and numbers joined by "/". */
export type Leaf =
  | { readonly name: string; readonly dtype: DType; readonly shape: readonly number[] }
  | { readonly name: string; readonly value: string };

/** The leaves of a tree, in its order. A dict or list that stands in several places is told once. */
export function leavesOf(tree: TorchValue): Leaf[] {
  const leaves: Leaf[] = [];
  const told = new Map<object, string>();
  const visit = (value: TorchValue, names: readonly string[]) => {
    const name = names.join("/");
    const before = isBranch(value) ? told.get(value) : undefined;
    if (before !== undefined) leaves.push({ name, value: `the same as "${before}"` });
    else if (isTensor(value)) leaves.push({ name, dtype: value.dtype, shape: value.shape });
    else if (!isBranch(value)) leaves.push({ name, value: valueText(value) });
    else {
      told.set(value, name);
      for (const [key, child] of Object.entries(value)) visit(child, [...names, key]);
    }
  };
  visit(tree, []);
  return leaves;
}

export function isTensor(value: TorchValue): value is StoredTensor {
  return isObject(value) && "dtype" in value && "data" in value && ArrayBuffer.isView(value.data);
}

/** A dict or list that is worth more than one line: not empty, and not a list of numbers and text. */
function isBranch(value: TorchValue): value is TorchValue[] | Record<string, TorchValue> {
  if (!isObject(value) || isTensor(value)) return false;
  if (value instanceof Uint8Array || value instanceof UnreadLeaf) return false;
  const children: TorchValue[] = Object.values(value);
  return Array.isArray(value) ? children.some(isObject) : children.length > 0;
}

function isObject(value: TorchValue): value is object & TorchValue {
  return typeof value === "object" && value !== null;
}

function valueText(value: TorchValue): string {
  if (value instanceof Uint8Array) return `${value.length} bytes`;
  if (value instanceof UnreadLeaf) return `${value.unread}, which is not read`;
  return typeof value === "string" ? JSON.stringify(describe(value)) : describe(value);
}
