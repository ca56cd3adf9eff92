import { check, fail } from "../../check.js";
import { densenet, densenetSpecs, type DenseNet, type DenseNetConfig } from "../../models/densenet.js";
import { resnet, resnetSpecs, type ResNet, type ResNetConfig } from "../../models/resnet.js";
import type { Params } from "../../types.js";
import type { StateDict } from "../state-dict.js";
import { countOf, entryOf, paramsFromTorch, widthOf, unwrapped } from "./layout.js";

const FROM = "classifierFromTorch";

/** A classifier read from a state dict. */
export interface TorchClassifier {
  readonly network: ResNet | DenseNet;
  readonly params: Params;
}

/**
 * Reads a classifier: the authors' ResNet or DenseNet for 32x32 images at any depth and width, or the ResNet for
 * CIFAR of He et al. (option A shortcuts). The last layer may be named `fc` or `linear`, a projection `downsample` or
 * `shortcut`. Its kind, depth and widths are read off the
 * names and shapes. The scaling of its images is not in a state dict: give `mean` and `std` to `classifier`.
 *
 * @param stateDict PyTorch's `state_dict()` with entries of any float type; what DataParallel,
 *   torch.compile and other wrappers put into names (`module.`, `_orig_mod.`) is passed over,
 *   `num_batches_tracked` is ignored
 * @returns the network and its weights as new variables, with the last layer named `fc`; the caller disposes `params`
 * @throws if the state dict is of another network, or entries are missing, unknown, of another shape or not floats,
 *   which the error names
 * @example
 * ```ts
 * import { disposeParams } from "cfd-distill";
 * import { classifierFromTorch, decodeSafetensors, encodeSafetensors } from "cfd-distill/formats";
 * const ones = (...shape: number[]) =>
 *   ({ dtype: "F32", shape, data: new Float32Array(shape.reduce((a, b) => a * b, 1)).fill(1) }) as const;
 * const norm = (name: string, width: number) =>
 *   Object.fromEntries(["weight", "bias", "running_mean", "running_var"].map((key) => [`${name}.${key}`, ones(width)]));
 * const block = { "layer1.0.conv1.weight": ones(2, 2, 3, 3), "layer1.0.conv2.weight": ones(2, 2, 3, 3) };
 * const norms = { ...norm("bn1", 2), ...norm("layer1.0.bn1", 2), ...norm("layer1.0.bn2", 2) };
 * const ends = { "conv1.weight": ones(2, 3, 3, 3), "fc.weight": ones(10, 2), "fc.bias": ones(10) };
 * const bytes = encodeSafetensors({ ...block, ...norms, ...ends });
 * const { network, params } = classifierFromTorch(decodeSafetensors(bytes));
 * console.log(network.config.type, network.config.classes); // resnet 10
 * disposeParams(params);
 * ```
 */
export function classifierFromTorch(stateDict: Readonly<StateDict>): TorchClassifier {
  const entries = withOneNaming(unwrapped(stateDict, FROM));
  if (Object.hasOwn(entries, "features.conv0.weight")) {
    const network = densenet(readDenseNet(entries));
    return { network, params: paramsFromTorch(entries, densenetSpecs(network.config), FROM) };
  }
  if (Object.hasOwn(entries, "layer1.0.conv1.weight")) {
    const network = resnet(readResNet(entries));
    return { network, params: paramsFromTorch(entries, resnetSpecs(network.config), FROM) };
  }
  const names = Object.keys(entries).slice(0, 5).join(", ");
  return fail(FROM, 'a ResNet ("layer1.0.conv1.weight") or a DenseNet ("features.conv0.weight")', names);
}

/** Without the counters that only matter to PyTorch's cumulative average, and with the parts under one name each. */
function withOneNaming(stateDict: StateDict): StateDict {
  const kept = Object.entries(stateDict).filter(([name]) => !name.endsWith(".num_batches_tracked"));
  const named = new Map(kept.map(([name, tensor]) => [oneName(name), tensor]));
  check(named.size === kept.length, FROM, "fc or linear, downsample or shortcut", "both");
  return Object.fromEntries(named);
}

const oneName = (name: string) => name.replace(/^linear\./, "fc.").replace(/\.shortcut\./, ".downsample.");

function readResNet(entries: Readonly<StateDict>): ResNetConfig {
  const [width, imageChannels] = entryOf(entries, "conv1.weight", FROM).shape;
  const blocks = stages(entries, "layer", "");
  const has = (part: string) => Object.keys(entries).some((name) => name.includes(part));
  const bottleneck = Object.hasOwn(entries, "layer1.0.conv3.weight");
  // With a single stage of plain blocks there is no shortcut to tell the two kinds apart.
  const shortcut = has(".downsample.") || blocks.length === 1 ? "projection" : "pad";
  check(shortcut === "projection" || !bottleneck, FROM, "bottleneck blocks with downsample entries", "none");
  const classes = widthOf(entries, "fc.weight", FROM);
  return {
    type: "resnet",
    blocks,
    width: width!,
    bottleneck,
    shortcut,
    classes,
    imageChannels: imageChannels!,
  };
}

function readDenseNet(entries: Readonly<StateDict>): DenseNetConfig {
  const [stem, imageChannels] = entryOf(entries, "features.conv0.weight", FROM).shape;
  const growth = widthOf(entries, "block1.denselayer1.conv2.weight", FROM);
  // Layers are numbered from 1, so the highest number is the count.
  const blocks = stages(entries, "block", "denselayer").map((count) => count - 1);
  const classes = widthOf(entries, "fc.weight", FROM);
  return { type: "densenet", growth, blocks, stem: stem!, classes, imageChannels: imageChannels! };
}

/** Counts by stage, numbered from 1, of the parts that are numbered within it: `${stage}1.${part}0.`, and so on. */
function stages(entries: Readonly<StateDict>, stage: string, part: string): readonly number[] {
  const names = Object.keys(entries);
  const numbered = new RegExp(`^${stage}(\\d+)\\.`);
  const count = countOf(names, numbered, FROM) - 1;
  const parts = Array.from({ length: count }, (): string[] => []);
  for (const name of names) parts[Number(numbered.exec(name)?.[1] ?? 0) - 1]?.push(name);
  const counts = parts.map((own, i) => {
    return countOf(own, new RegExp(`^${stage}${i + 1}\\.${part}(\\d+)\\.`), FROM);
  });
  const total = counts.reduce((sum, n) => sum + n, 0);
  check(total <= names.length, FROM, `entries for each of ${total} blocks`, `${names.length} entries`);
  return counts;
}
