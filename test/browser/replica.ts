// The module of the tests' workers in a page.
import "cfd-distill/backends/wasm";
import { serveReplica, useBackend } from "cfd-distill";
import { tasks, type Input } from "../parallel/tasks.js";
import { wasmPaths } from "./wasm-paths.js";

serveReplica(self, async () => {
  await useBackend("wasm", { wasmPaths });
  const task = tasks.diffusion;
  const params = task.init();
  return {
    params,
    terms: (input: Input, share) => {
      if (input.fail === "throw" && share.index === 1) throw new TypeError("this share is cursed");
      return task.terms(params, input, share);
    },
    outputs: (input: Input, share) => task.outputs(params, input, share),
  };
});
