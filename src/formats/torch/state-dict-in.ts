import { check, checkOptions, fail } from "../../check.js";
import { isStoredTensor, type StateDict } from "../state-dict.js";
import type { TorchValue } from "./checkpoint.js";
import { bareName } from "./names.js";
import { UnreadLeaf } from "./unread.js";

const WHERE = "stateDictIn";
/** As many as a file's tree has. */
const MAX_DEPTH = 100;

/** What a state dict may be of: what `unetFromTorch` reads, or what `classifierFromTorch` reads. */
export type StateDictKind = "unet" | "classifier";

/** Entries that tell a network's state dict from an optimiser's, and from other networks'. */
const MARKS: Readonly<Record<StateDictKind, RegExp>> = {
  unet: /^(downblocks\.0\.|time_embedding\.timembedding\.)/,
  classifier: /^(layer1\.0\.conv1|features\.conv0)\.weight$/,
};

/** A state dict and where it stands: names and numbers joined by "/", "" for the whole. */
export interface NamedStateDict {
  readonly name: string;
  readonly stateDict: StateDict;
}

/**
 * Finds the state dict of a network in a checkpoint, under whatever name (`model`, `net`, `state_dict`, ...) and however
 * deep it stands. Of the authors' `ema_model` and `net_model` it is the first, which is the average.
 *
 * @param tree what `readTorchCheckpoint` returns
 * @param kind what it is of: "unet" for `unetFromTorch`, "classifier" for `classifierFromTorch`
 * @param options `name`: which one, where there are several: names joined by "/"
 * @returns the state dict, not a copy; for another network's the reader says what is missing
 * @throws if there is none, or there are several of this kind, which the error names
 * @example
 * ```ts
 * import { stateDictIn, type StoredTensor } from "cfd-distill/formats";
 * const weight: StoredTensor = { dtype: "F32", shape: [1], data: new Float32Array(1) };
 * const checkpoint = { epoch: 3, net: { "layer1.0.conv1.weight": weight }, optimizer: { state: { 0: { step: weight } } } };
 * console.log(stateDictIn(checkpoint, "classifier") === checkpoint.net); // true
 * ```
 */
export function stateDictIn(
  tree: TorchValue,
  kind: StateDictKind,
  options: { readonly name?: string } = {},
): StateDict {
  checkOptions(WHERE, options, { name: true });
  const known = typeof kind === "string" && Object.hasOwn(MARKS, kind);
  check(known, WHERE, `a kind among ${Object.keys(MARKS).join(", ")}`, kind);
  const isName = options.name === undefined || typeof options.name === "string";
  check(isName, WHERE, "the name of a state dict to be text", options.name);
  const all = stateDictsIn(tree);
  const names = (some: readonly NamedStateDict[]) =>
    some.map(({ name }) => (name === "" ? "the whole" : `"${name}"`)).join(", ");
  if (options.name !== undefined) {
    const named = all.find(({ name }) => name === options.name);
    return named?.stateDict ?? fail(WHERE, `a state dict at "${options.name}"`, names(all) || "none");
  }
  const marked = all.filter(({ stateDict }) => isOf(stateDict, kind));
  const found = marked.length === 0 ? all : marked;
  const authors = found.every(({ name }) => name === "ema_model" || name === "net_model");
  const chosen = authors ? (found.find(({ name }) => name === "ema_model") ?? found[0]) : found[0];
  check(chosen !== undefined, WHERE, `a state dict of a ${kind}, that is tensors by name`, "none");
  check(found.length === 1 || authors, WHERE, `one state dict of a ${kind}: say which`, names(found));
  return chosen.stateDict;
}

function isOf(stateDict: Readonly<StateDict>, kind: StateDictKind): boolean {
  return Object.keys(stateDict).some((name) => MARKS[kind].test(bareName(name)));
}

/** Every dict of tensors, each once, however often it is referred to. Some of its tensors may be unread. */
export function stateDictsIn(tree: TorchValue): NamedStateDict[] {
  const found: NamedStateDict[] = [];
  const seen = new Set<object>();
  const visit = (value: TorchValue, names: readonly string[]) => {
    const isBranch = typeof value === "object" && value !== null && !isLeaf(value);
    if (!isBranch || seen.has(value)) return;
    seen.add(value);
    check(names.length <= MAX_DEPTH, WHERE, `at most ${MAX_DEPTH} levels of lists and dicts`, "more");
    const children: TorchValue[] = Object.values(value);
    const isStateDict = !Array.isArray(value) && children.some(isStoredTensor) && children.every(isWeight);
    if (isStateDict) found.push({ name: names.join("/"), stateDict: value as StateDict });
    else for (const [key, child] of Object.entries<TorchValue>(value)) visit(child, [...names, key]);
  };
  visit(tree, []);
  return found;
}

const isWeight = (value: TorchValue) => isStoredTensor(value) || value instanceof UnreadLeaf;
const isLeaf = (value: object) =>
  isStoredTensor(value) || ArrayBuffer.isView(value) || value instanceof UnreadLeaf;
