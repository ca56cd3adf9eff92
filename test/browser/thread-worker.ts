// Computes in a worker what threads.test.ts compares with the page.
import "cfd-distill/backends/wasm";
import { useBackend, type BackendReport } from "cfd-distill";
import { diagnose } from "../../src/doctor/diagnose.js";
import type { Probe } from "../../src/doctor/probe.js";
import { probes } from "../../src/doctor/probes/index.js";
import { countThreads } from "./count-threads.js";
import { operations, training, type Numbers } from "./threaded-work.js";
import { wasmPaths } from "./wasm-paths.js";

/** What the worker is asked. */
export interface Question {
  readonly threads?: number;
  /** As in a page that is served without the headers. */
  readonly hideIsolation?: boolean;
  /** To run the doctor's probes as well. */
  readonly probe?: boolean;
}

/** What it answers. */
export interface Answer {
  readonly report: BackendReport;
  readonly operations: Numbers;
  readonly training: Numbers;
  /** What the doctor found to be wrong, in words. */
  readonly broken: readonly string[];
}

async function answer({ threads, hideIsolation, probe }: Question): Promise<Answer> {
  if (hideIsolation) Object.defineProperty(self, "crossOriginIsolated", { value: false });
  const report = await useBackend("wasm", { wasmPaths, ...(threads === undefined ? {} : { threads }) });
  const broken = probe ? await brokenOperations() : [];
  return { report, operations: await operations(), training: await training(), broken };
}

const untimed = (probe: Probe) =>
  Object.fromEntries(Object.entries(probe).filter(([name]) => name !== "larger")) as unknown as Probe;

async function brokenOperations(): Promise<string[]> {
  const found = await diagnose(probes.map(untimed));
  return found.flatMap(({ operation, now }) =>
    Object.entries(now)
      .filter(([, { verdict }]) => verdict === "wrong" || verdict === "missing")
      .map(([pass, { verdict, note }]) => `${operation}, ${pass}: ${verdict}, ${note}`),
  );
}

countThreads();
self.addEventListener("message", ({ data }: MessageEvent<Question>) => {
  void answer(data).then((result) => {
    self.postMessage(result);
  });
});
self.postMessage("ready");
