import { check, checkOptions } from "../../check.js";
import { inception, inceptionSpecs, type Inception, type InceptionConfig } from "../../models/inception.js";
import type { Params } from "../../types.js";
import { fromFloat32, toFloat32, type StateDict, type StoredTensor } from "../state-dict.js";
import { entryOf, paramsFromTorch, unwrapped } from "./layout.js";

const FROM = "inceptionFromTorch";
const EPSILON = 1e-3; // of its batch norms; PyTorch's default is another

/** The Inception network read from a state dict. */
export interface TorchInception {
  readonly network: Inception;
  readonly params: Params;
}

/**
 * Reads the weights of FID's Inception network: the file `pt_inception-2015-12-05-6726825d.pth` that pytorch-fid publishes, or
 * torch-fidelity's of the same names. Its batch norms are folded into the convolutions, in float64.
 *
 * @param stateDict what `readTorchCheckpoint` makes of that file
 * @param options `resize`: whose resize the network does, "pytorch-fid" (default) or "torch-fidelity"
 * @returns the network and its weights as new variables; the caller disposes `params`
 * @throws if entries are missing, unknown, of another shape or not floats, which the error names
 * @example
 * ```ts no-run: the file is of 95 MB and not part of this package
 * import { readFile } from "node:fs/promises";
 * import { classifier } from "cfd-distill";
 * import { inceptionFromTorch, readTorchCheckpoint, type StateDict } from "cfd-distill/formats";
 * const file = await readFile("pt_inception-2015-12-05-6726825d.pth");
 * const { network, params } = inceptionFromTorch(readTorchCheckpoint(file) as StateDict);
 * const extract = classifier(network, params); // images in [-1, 1] to features [B, 2048]
 * ```
 */
export function inceptionFromTorch(
  stateDict: Readonly<StateDict>,
  options: { readonly resize?: InceptionConfig["resize"] } = {},
): TorchInception {
  checkOptions(FROM, options, { resize: true });
  const entries = unwrapped(stateDict, FROM);
  const names = Object.keys(inceptionSpecs()).filter(
    (name) => name.endsWith(".weight") && name !== "fc.weight",
  );
  const convs = names.map((name) => name.slice(0, -".weight".length));
  checkKnown(entries, convs);
  const folded = convs.flatMap((name) => Object.entries(fold(entries, name)));
  const last = ["fc.weight", "fc.bias"].map((name) => [name, entryOf(entries, name, FROM)] as const);
  const network = inception(options);
  const params = paramsFromTorch(Object.fromEntries([...folded, ...last]), inceptionSpecs(), FROM);
  return { network, params };
}

const NORM = ["weight", "bias", "running_mean", "running_var"] as const;

function checkKnown(entries: Readonly<StateDict>, convs: readonly string[]): void {
  const parts = ["conv.weight", "bn.num_batches_tracked", ...NORM.map((key) => `bn.${key}`)];
  const known = new Set([
    "fc.weight",
    "fc.bias",
    ...convs.flatMap((name) => parts.map((part) => `${name}.${part}`)),
  ]);
  const unknown = Object.keys(entries).find((name) => !known.has(name));
  check(unknown === undefined, FROM, "the entries of FID's Inception network", unknown);
}

/** Batch norm after a convolution is one with its filters scaled, and a bias. */
function fold(entries: Readonly<StateDict>, name: string): StateDict {
  const weight = entryOf(entries, `${name}.conv.weight`, FROM);
  const outputs = weight.shape[0] ?? 0;
  const [scale, shift, mean, variance] = NORM.map((key) => vectorOf(entries, `${name}.bn.${key}`, outputs));
  const factors = Float64Array.from(scale!, (value, i) => value / Math.sqrt(variance![i]! + EPSILON));
  const field = weight.data.length / outputs;
  const filters = toFloat32(weight).map((value, at) => value * factors[Math.floor(at / field)]!);
  const bias = Float32Array.from(factors, (factor, i) => shift![i]! - mean![i]! * factor);
  return {
    [`${name}.weight`]: fromFloat32(filters, weight.shape, "F32"),
    [`${name}.bias`]: fromFloat32(bias, [outputs], "F32"),
  };
}

function vectorOf(entries: Readonly<StateDict>, name: string, length: number): Float32Array {
  const entry: StoredTensor = entryOf(entries, name, FROM);
  check(entry.shape.length === 1 && entry.shape[0] === length, FROM, `"${name}" [${length}]`, entry.shape);
  return toFloat32(entry);
}
