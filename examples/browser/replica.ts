import { decodeCheckpoint, disposeParams, serveReplica, type WebPort } from "cfd-distill";
import { openHalving, type HalvingSetup } from "./halving.js";
import { startEngine } from "./start-engine.js";

/** Makes this worker compute one share of every batch for the distilling worker. */
export function serveShare(): void {
  serveReplica(self as unknown as WebPort, async (setup: HalvingSetup) => {
    await startEngine("wasm");
    const { params } = decodeCheckpoint(setup.teacher); // of the student's shapes; at each call they hold its weights
    const { terms, dispose } = openHalving(setup, params);
    return {
      params,
      terms,
      dispose: () => {
        dispose();
        disposeParams(params);
      },
    };
  });
}
