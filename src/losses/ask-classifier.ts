import type { Tensor4D } from "../tfjs.js";
import { check, checkNamed, checkRows } from "../check.js";
import type { Classifier, ClassifierOutput } from "../types.js";

/**
 * A classifier's answer, one row per image, in tensors of the caller's own: what it returns may be its input, or one that
 * it returns each time, or one tensor twice.
 */
export function askClassifier(classifier: Classifier, images: Tensor4D, where: string): ClassifierOutput {
  check(typeof classifier === "function", where, "classifier to be a function", classifier);
  const output = classifier(images);
  checkNamed(output, where, "the classifier's logits and features");
  const { logits, features, earlier } = output;
  const rows = images.shape[0];
  checkRows(logits, where, ["the classifier's logits", "classes"], rows);
  checkRows(features, where, ["the classifier's features", "width"], rows);
  const list = earlier ?? [];
  check(Array.isArray(list), where, "the classifier's earlier features to be a list", list);
  for (const one of list) checkRows(one, where, ["the classifier's earlier features", "width"], rows);
  const last = { logits: logits.clone(), features: features.clone() };
  return earlier ? { ...last, earlier: list.map((one) => one.clone()) } : last;
}
