import { fileURLToPath } from "node:url";

/** A student of one step, of emoji: the same file beside src/ and, in the package, beside dist/. */
export const SHIPPED = fileURLToPath(
  new URL("../../examples/assets/models/cfd-1.safetensors", import.meta.url),
);
