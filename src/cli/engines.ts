import type { BackendName } from "../index.js";

/** Every engine's name, for options that take one. */
export const engineNames = Object.keys({
  cpu: true,
  wasm: true,
  webgl: true,
  webgpu: true,
  node: true,
  cuda: true,
} satisfies Record<BackendName, true>) as BackendName[];
