import { expect } from "vitest";
import { withScratch } from "../../src/backends/wasm/memory/heap.js";
import type { run } from "../../src/backends/wasm/threads/jobs.js";
import { joinedTo } from "../../src/backends/wasm/load-kernels.js";

// Kernels that are called for parts of their units, in any order: the bits are those of one call.

type Parts = readonly (readonly [first: number, end: number])[];
const plan = { divide: (units: number): Parts => [[0, units]], calls: 0 };

/** In the place of the jobs' own `run`. */
export const runDivided: typeof run = (backend, kernel, { units, room = 0 }, ...rest) => {
  withScratch(backend, [room], (at) => {
    for (const [first, end] of plan.divide(units)) {
      backend.wasm.HEAPU8.fill(255, at, at + room); // NaN: nobody may count on what is there
      joinedTo(backend).kernels[kernel](first, end, at, ...rest);
      plan.calls++;
    }
  });
};

const each = (units: number): Parts => Array.from({ length: units }, (_, i) => [i, i + 1] as const);
const plans: Record<string, typeof plan.divide> = {
  "one by one, backwards": (units) => [...each(units)].reverse(),
  "odd ones, then even ones": (units) =>
    [1, 0].flatMap((rest) => each(units).filter(([i]) => i % 2 === rest)),
  "a third and the rest": (units) => [
    [Math.floor(units / 3), units],
    [0, Math.floor(units / 3)],
  ],
};

/** The result of one call a job, and of each plan. */
export async function divided<T>(f: () => Promise<T>): Promise<{ whole: T; parts: Record<string, T> }> {
  plan.divide = (units) => [[0, units]];
  plan.calls = 0;
  const whole = await f();
  const { calls } = plan;
  expect(calls).toBeGreaterThan(0);
  const parts: Record<string, T> = {};
  for (const [name, divide] of Object.entries(plans)) {
    plan.divide = divide;
    parts[name] = await f();
  }
  expect(plan.calls).toBeGreaterThan(calls * (1 + Object.keys(plans).length));
  return { whole, parts };
}
