import type { Rng } from "cfd-distill";
import type { Picture } from "cfd-distill/data";
import { brightness, color, contrast, sharpness } from "./blends.js";
import { rotate, shearX, shearY, translateX, translateY } from "./moves.js";
import { autoContrast, equalize, invert, posterize, solarize } from "./tables.js";

/** What a policy is made of; `amount` is what the operation is given for a magnitude of 0 to 9 and a sign. */
interface Operation {
  readonly apply: (picture: Picture, amount: number) => Picture;
  readonly amount: (magnitude: number, sign: 1 | -1) => number;
}

const upTo = (most: number) => (magnitude: number, sign: 1 | -1) => (sign * magnitude * most) / 9;
/** A factor of ImageEnhance, to either side of the picture itself. */
const factor = (magnitude: number, sign: 1 | -1) => 1 + sign * magnitude * 0.1;
const none = () => 0;

/**
 * The ranges of AutoAugment's Table 6 (arXiv 1805.09501, appendix). A translation by 150 pixels of ImageNet's 331 is
 * taken as that share of the width, and magnitudes of ImageEnhance lie to both sides of 1, as is common in PyTorch.
 */
export const operations = {
  shearX: { apply: shearX, amount: upTo(0.3) },
  shearY: { apply: shearY, amount: upTo(0.3) },
  translateX: { apply: translateX, amount: upTo(150 / 331) },
  translateY: { apply: translateY, amount: upTo(150 / 331) },
  rotate: { apply: rotate, amount: upTo(30) },
  autoContrast: { apply: autoContrast, amount: none },
  equalize: { apply: equalize, amount: none },
  invert: { apply: invert, amount: none },
  solarize: { apply: solarize, amount: (magnitude) => 256 - (magnitude * 256) / 9 },
  posterize: { apply: posterize, amount: (magnitude) => Math.round(8 - (magnitude * 4) / 9) },
  contrast: { apply: contrast, amount: factor },
  color: { apply: color, amount: factor },
  brightness: { apply: brightness, amount: factor },
  sharpness: { apply: sharpness, amount: factor },
} as const satisfies Record<string, Operation>;

/** An operation, how likely it is, and its magnitude. */
export type Step = readonly [keyof typeof operations, probability: number, magnitude: number];

/** The policy found on reduced CIFAR-10: AutoAugment, appendix, Table 7. One line is drawn for each image. */
// prettier-ignore
export const cifar10Policy: readonly (readonly [Step, Step])[] = [
  [["invert", 0.1, 7], ["contrast", 0.2, 6]],
  [["rotate", 0.7, 2], ["translateX", 0.3, 9]],
  [["sharpness", 0.8, 1], ["sharpness", 0.9, 3]],
  [["shearY", 0.5, 8], ["translateY", 0.7, 9]],
  [["autoContrast", 0.5, 8], ["equalize", 0.9, 2]],
  [["shearY", 0.2, 7], ["posterize", 0.3, 7]],
  [["color", 0.4, 3], ["brightness", 0.6, 7]],
  [["sharpness", 0.3, 9], ["brightness", 0.7, 9]],
  [["equalize", 0.6, 5], ["equalize", 0.5, 1]],
  [["contrast", 0.6, 7], ["sharpness", 0.6, 5]],
  [["color", 0.7, 7], ["translateX", 0.5, 8]],
  [["equalize", 0.3, 7], ["autoContrast", 0.4, 8]],
  [["translateY", 0.4, 3], ["sharpness", 0.2, 6]],
  [["brightness", 0.9, 6], ["color", 0.2, 8]],
  [["solarize", 0.5, 2], ["invert", 0.0, 3]],
  [["equalize", 0.2, 0], ["autoContrast", 0.6, 0]],
  [["equalize", 0.2, 8], ["equalize", 0.6, 4]],
  [["color", 0.9, 9], ["equalize", 0.6, 6]],
  [["autoContrast", 0.8, 4], ["solarize", 0.2, 8]],
  [["brightness", 0.1, 3], ["color", 0.7, 0]],
  [["solarize", 0.4, 5], ["autoContrast", 0.9, 3]],
  [["translateY", 0.9, 9], ["translateY", 0.7, 9]],
  [["autoContrast", 0.9, 2], ["solarize", 0.8, 3]],
  [["equalize", 0.8, 8], ["invert", 0.1, 3]],
  [["translateY", 0.7, 9], ["autoContrast", 0.9, 1]],
];

/** One operation of a sub-policy, at its magnitude. */
export function applyStep(picture: Picture, [name, , magnitude]: Step, sign: 1 | -1): Picture {
  const { apply, amount }: Operation = operations[name];
  return apply(picture, amount(magnitude, sign));
}

/** Draws a sub-policy and applies its two operations, each with its probability and a random sign. */
export function autoAugment(picture: Picture, rng: Rng): Picture {
  const steps = cifar10Policy[rng.integer(cifar10Policy.length)]!;
  return steps.reduce((changed, step) => {
    const sign = rng.uniform() < 0.5 ? 1 : -1;
    return rng.uniform() < step[1] ? applyStep(changed, step, sign) : changed;
  }, picture);
}
