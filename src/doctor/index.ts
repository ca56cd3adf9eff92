import * as tf from "../tfjs.js";
import { fail } from "../check.js";
import { curedKernels, runningEngine, tfjsNameOf } from "../backends/engine.js";
import { describeEngine, type BackendReport } from "../backends/index.js";
import { inTurn } from "../backends/queue.js";
import { diagnose, type OperationReport } from "./diagnose.js";
import { probes } from "./probes/index.js";

export type { OperationReport } from "./diagnose.js";
export type { Finding, Verdict } from "./findings.js";
export type { Findings } from "./judge.js";

/** What {@link backendReport} finds. */
export interface Diagnosis {
  readonly engine: BackendReport;
  readonly operations: readonly OperationReport[];
}

/**
 * A doctor: asks the engine that runs for every operation this library needs, forward and gradient, and compares values
 * with naive float64 arithmetic and gradients with its central differences, once on the engine's own kernels and once
 * with this library's cures.
 *
 * It waits for calls of {@link useBackend} that were made before, and those made later wait for it. It takes some seconds (on
 * cpu half a minute) and changes nothing: engine, kernels and memory are afterwards what they were. A broken
 * operation is a verdict, not an error.
 *
 * @returns the engine and, for each operation, two verdicts (`ok`, `slow`, `wrong` or `missing`) with their reasons, and
 * which of this library's kernels take part
 * @throws if the engine that runs is not one of {@link useBackend}'s
 * @example
 * ```ts
 * import { backendReport, useBackend } from "cfd-distill";
 * await useBackend("wasm");
 * const { engine, operations } = await backendReport();
 * const conv2d = operations.find(({ operation }) => operation.startsWith("conv2d 3x3"));
 * console.log(engine.name, conv2d?.stock.gradient, conv2d?.now.gradient); // missing by the filter; ok
 * ```
 */
export function backendReport(): Promise<Diagnosis> {
  return inTurn(examineEngine); // an engine that changed meanwhile would be half of two
}

async function examineEngine(): Promise<Diagnosis> {
  const engine =
    runningEngine() ?? fail("backendReport", "an engine that useBackend has started", tf.getBackend());
  const kernels = curedKernels(tfjsNameOf(engine)).map(({ change }) => change);
  return { engine: await describeEngine(engine, kernels), operations: await diagnose(probes) };
}
