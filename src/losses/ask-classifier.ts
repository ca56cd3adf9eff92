import type { Tensor2D, Tensor4D } from "@tensorflow/tfjs";
import { check, checkNamed, checkRows } from "../check.js";
import type { Classifier } from "../types.js";

/**
 * A classifier's answer, one row per image, in tensors of the caller's own: what it returns may be its input, or one that
 * it returns each time, or one tensor twice.
 */
export function askClassifier(
  classifier: Classifier,
  images: Tensor4D,
  where: string,
): { logits: Tensor2D; features: Tensor2D } {
  check(typeof classifier === "function", where, "classifier to be a function", classifier);
  const output = classifier(images);
  checkNamed(output, where, "the classifier's logits and features");
  const { logits, features } = output;
  checkRows(logits, where, ["the classifier's logits", "classes"], images.shape[0]);
  checkRows(features, where, ["the classifier's features", "width"], images.shape[0]);
  return { logits: logits.clone(), features: features.clone() };
}
