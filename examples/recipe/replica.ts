// What a worker thread of a recipe runs, see crew.ts.
import { parentPort } from "node:worker_threads";
import "cfd-distill/backends/wasm";
import * as tf from "@tensorflow/tfjs";
import { disposeParams, serveReplica, useBackend } from "cfd-distill";
import type { Setup } from "./crew.js";
import { anyParams, openTask, type Computation, type Inputs } from "./tasks.js";

tf.enableProdMode(); // the main thread has shown TensorFlow.js's greeting already

serveReplica(parentPort, async ({ place, task }: Setup) => {
  await useBackend(place.config.engine);
  const params = await anyParams(place, task);
  const computation = (await openTask(place, task, params)) as Computation<Inputs[keyof Inputs]>;
  const dispose = () => {
    disposeParams(params);
    computation.dispose();
  };
  return { params, ...computation, dispose };
});
