// Networks that ship with the examples: of emoji, and of CIFAR-10's pictures.
import { existsSync } from "node:fs";

/** Their folders in examples/assets. */
export type ShippedFolder = "models" | "cifar10";

/** Where a folder is. */
export function shippedAt(folder: ShippedFolder): URL {
  return new URL(`../../assets/${folder}/`, import.meta.url);
}

/** Whether it is there: a copy of the recipe alone has none. */
export function isShipped(folder: ShippedFolder): boolean {
  return existsSync(shippedAt(folder));
}
