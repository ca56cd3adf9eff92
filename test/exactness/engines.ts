import { useBackend } from "../../src/backends/index.js";

export const ENGINES = ["cpu", "wasm"] as const;

export async function start(engine: (typeof ENGINES)[number]): Promise<void> {
  await useBackend(engine);
}
