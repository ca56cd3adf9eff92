import * as tf from "@tensorflow/tfjs";

export const ENGINES = ["cpu", "wasm"] as const;

export async function start(engine: (typeof ENGINES)[number]): Promise<void> {
  if (engine === "wasm") await import("@tensorflow/tfjs-backend-wasm");
  await tf.setBackend(engine);
  await tf.ready();
}
