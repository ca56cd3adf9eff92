// Starts an engine in a worker and says how it went; without what `hide` names, as in an older browser.
import "cfd-distill/backends/wasm";
import "cfd-distill/backends/webgl";
import "cfd-distill/backends/webgpu";
import * as tf from "@tensorflow/tfjs";
import { setWasmPaths } from "@tensorflow/tfjs-backend-wasm";
import { useBackend, type BackendName, type BackendReport } from "cfd-distill";
import { wasmPaths } from "./wasm-paths.js";

/** What the worker is asked. */
export interface Question {
  readonly engine: BackendName;
  readonly hide?: "OffscreenCanvas" | "gpu";
  /** Whether TensorFlow.js is told to start wasm before this library is, and so starts its threaded build. */
  readonly already?: boolean;
}

/** What it answers. */
export interface Answer {
  readonly report?: BackendReport;
  readonly values?: readonly number[];
  readonly error?: string;
}

async function answer({ engine, hide, already }: Question): Promise<Answer> {
  if (hide === "OffscreenCanvas") Object.defineProperty(self, hide, { value: undefined });
  if (hide === "gpu") Object.defineProperty(navigator, hide, { value: undefined });
  if (already) {
    setWasmPaths(wasmPaths);
    await tf.setBackend("wasm");
  }
  try {
    const report = await useBackend(engine, engine === "wasm" && !already ? { wasmPaths } : {});
    const filter = tf.tensor4d([1, 2], [1, 1, 1, 2]);
    // Of the sum of all that [1, 2] convolves to: 3 for either weight, which stock wasm cannot compute.
    const gradient = tf.grad((w) =>
      tf.sum(tf.conv2d(tf.tensor4d([1, 2], [1, 2, 1, 1]), w as tf.Tensor4D, 1, 0)),
    );
    return { report, values: Array.from(await gradient(filter).data()) };
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
