// Public classifiers for CIFAR-10 (github.com/akamaster/pytorch_resnet_cifar10, BSD), which are not in this repository.
import { fileURLToPath } from "node:url";

export const REAL_CLASSIFIERS = [
  { file: "resnet20-12fca82f.th", blocks: [3, 3, 3], parameters: 269_722, precision: 91.78 },
  { file: "resnet32-d509ac18.th", blocks: [5, 5, 5], parameters: 464_154, precision: 92.78 },
] as const;

/** Where such a file is: beside the checkout, or in the folder that the variable REAL_CLASSIFIERS names. */
export function realClassifier(file: string): string {
  const folder =
    process.env.REAL_CLASSIFIERS ?? fileURLToPath(new URL("../../../shared/models", import.meta.url));
  return `${folder}/${file}`;
}
