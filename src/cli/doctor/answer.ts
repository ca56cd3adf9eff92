import { backendReport, useBackend, type BackendName } from "../../index.js";
import type { Depth, EngineResult } from "./child.js";

/** What the process of its own does: sends its parent what it finds, as soon as it does. */
export async function answer(name: BackendName, depth: Depth): Promise<void> {
  try {
    const engine = await useBackend(name);
    await send({ name, engine });
    if (depth === "diagnose") await send({ name, ...(await backendReport()) });
  } catch (error) {
    await send({ name, failure: error instanceof Error ? error.message : String(error) });
  }
  process.disconnect();
}

function send(result: EngineResult): Promise<void> {
  return new Promise((resolve, reject) => {
    process.send!(result, undefined, undefined, (error) => {
      if (error) reject(error);
      else resolve();
    });
  });
}
