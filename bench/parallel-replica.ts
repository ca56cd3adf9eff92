// What each worker of parallel.ts computes: its share of a base step.
import { parentPort } from "node:worker_threads";
import "cfd-distill/backends/wasm";
import * as tf from "@tensorflow/tfjs";
import * as cfd from "cfd-distill";
import { baseLoss } from "./parallel-loss.js";
import type { Workload } from "./workloads.js";

tf.enableProdMode(); // one greeting of TensorFlow.js a program is enough

cfd.serveReplica(parentPort, async (workload: Workload) => {
  await cfd.useBackend("wasm");
  const network = cfd.unet({ ...workload.unet, timeScale: 1024 });
  const params = network.init(cfd.createRng(1));
  const loss = baseLoss(workload, network, params);
  return { params, terms: (_: null, { start, end }) => loss(start, end) };
});
