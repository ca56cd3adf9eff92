import { withScratch, type WasmBackend } from "./heap.js";
import { kernelsOf, type Kernels } from "./module.js";

/** What there is to do. */
export interface Job {
  readonly units: number;
  /** Rough floating-point operations of one unit; 8 for each number that a pass only touches. */
  readonly work: number;
  /** Bytes of scratch that a thread needs, not cleared. */
  readonly room?: number;
}

/** Computes all units of a job. */
export function run(
  backend: WasmBackend,
  name: keyof Kernels,
  { units, room = 0 }: Job,
  ...values: readonly number[]
): void {
  const call = (at: number) => {
    kernelsOf(backend)[name](0, units, at, ...values);
  };
  if (room === 0) call(0);
  else withScratch(backend, [room], call);
}
