// Starts an engine in a worker and says how it went; without what `hide` names, as in an older browser.
import "cfd-distill/backends/wasm";
import "cfd-distill/backends/webgl";
import "cfd-distill/backends/webgpu";
import * as tf from "@tensorflow/tfjs";
import { useBackend, type BackendName, type BackendReport } from "cfd-distill";
import { wasmPaths } from "./wasm-paths.js";

/** What the worker is asked. */
export interface Question {
  readonly engine: BackendName;
  readonly hide?: "OffscreenCanvas" | "gpu";
}

/** What it answers. */
export interface Answer {
  readonly report?: BackendReport;
  readonly values?: readonly number[];
  readonly error?: string;
}

async function answer({ engine, hide }: Question): Promise<Answer> {
  if (hide === "OffscreenCanvas") Object.defineProperty(self, hide, { value: undefined });
  if (hide === "gpu") Object.defineProperty(navigator, hide, { value: undefined });
  try {
    const report = await useBackend(engine, engine === "wasm" ? { wasmPaths } : {});
    const sum = tf.tidy(() => tf.add(tf.tensor1d([1, 2]), 1));
    return { report, values: Array.from(await sum.data()) };
  } catch (error) {
    return { error: String(error) };
  }
}

self.addEventListener("message", ({ data }: MessageEvent<Question>) => {
  void answer(data).then((result) => {
    self.postMessage(result);
  });
});
self.postMessage("ready");
