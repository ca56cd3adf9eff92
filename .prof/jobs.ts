// wraps each exported kernel: CPU time per job
import * as tf from "@tensorflow/tfjs";
import { loadedFor } from "../src/backends/wasm/module.js";
export function wrapJobs() {
  const loaded = loadedFor(tf.backend() as never)! as any;
  const table: Record<string, [number, number]> = {};
  const wrapped: any = {};
  for (const [name, f] of Object.entries(loaded.kernels as Record<string, any>)) wrapped[name] = typeof f !== "function" ? f : (...a: number[]) => { const c = process.cpuUsage(); f(...a); const d = process.cpuUsage(c); const e = table[name] ??= [0, 0]; e[0]++; e[1] += (d.user + d.system) / 1000; };
  loaded.kernels = wrapped;
  return table;
}
