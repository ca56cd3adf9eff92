import { createHash } from "node:crypto";
import type { Data } from "../../../tools/image-sets.js";

/** What tells these images, their classes and their order from any others. */
export function imagesHash({ train, test }: Data): string {
  const hash = createHash("sha256");
  for (const { images, ...said } of [train, test]) {
    hash.update(JSON.stringify([said.shape, said.classes, said.labels]));
    hash.update(Buffer.from(images.buffer, images.byteOffset, images.byteLength));
  }
  return hash.digest("hex");
}
