import * as tf from "../tfjs.js";
import type { KernelChange } from "../backends/engine.js";
import { examine, type Examined } from "./examine.js";
import { judge, timedAgain, yardsticksOf, type Findings, type Yardsticks } from "./judge.js";
import type { Probe } from "./probe.js";

/** How one operation does. */
export interface OperationReport {
  readonly operation: string;
  /** On the engine's own kernels. */
  readonly stock: Findings;
  /** On the kernels that are registered now, with this library's cures if `useBackend` started the engine. */
  readonly now: Findings;
  /** This library's kernels that run for it. */
  readonly cures: readonly KernelChange[];
  /** Whether it is an operation of this library that runs as several of the engine's. */
  readonly composed: boolean;
}

/** Asks the engine that runs for the operations of the probes. */
export async function diagnose(probes: readonly Probe[]): Promise<readonly OperationReport[]> {
  const once = await inTurn(probes, examine);
  const twice = await inTurn(once, timedAgain);
  const yardsticks = yardsticksOf(twice);
  return twice.map((examined) => reportOn(examined, yardsticks));
}

/** One after the other: what runs beside a measurement disturbs it. */
async function inTurn<T, U>(all: readonly T[], f: (each: T) => Promise<U>): Promise<U[]> {
  const results: U[] = [];
  for (const each of all) results.push(await f(each));
  return results;
}

/** What the tape clones and casts is no concern of the operation on it. */
const ofTheTape: readonly string[] = [tf.Identity, tf.Cast];

function reportOn(examined: Examined, yardsticks: Yardsticks): OperationReport {
  const { probe, forward, gradients } = examined;
  const backwards = Object.values(gradients).flatMap(({ cures }) => cures);
  const own = backwards.filter(({ kernel }) => !ofTheTape.includes(kernel));
  const cures = [...new Set([...forward.cures, ...own])];
  return {
    operation: probe.operation,
    stock: judge(examined, "stock", yardsticks),
    now: judge(examined, "now", yardsticks),
    cures,
    composed: probe.own === true && cures.every(({ change }) => change === "replaced"),
  };
}
