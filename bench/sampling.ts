import type { ComparisonOptions } from "./comparison.js";
import { startHere, type Contender } from "./contender.js";
import { findPytorch, startPytorch } from "./pytorch.js";
import { show, table } from "./table.js";
import { takeTurns } from "./timing.js";
import { small } from "./workloads.js";

const STEPS = [1, 2, 4, 8];
const MEMORY = 250e6; // bytes that sampling may add
const LARGEST = 64; // from about 16 images on, more make no image faster

/** Images per second of the small U-Net by DDIM, beside PyTorch with as many threads. */
export async function timeSampling({ engine, node, rounds }: ComparisonOptions): Promise<string> {
  const batch = await batchByMemory(() => startHere(engine, node));
  const here = await startHere(engine, node);
  const pytorch = await startPytorch(findPytorch());
  const workload = { ...small, batch };
  await Promise.all([here.make(workload), pytorch?.make(workload)]);
  const rows = [[`images/s, batch ${batch}`, "1 worker", "PyTorch", "2 workers", "PyTorch"]];
  for (const steps of STEPS) {
    const runners = [1, 2].flatMap((threads) =>
      [here, pytorch].map((side) => side && (() => side.time(`sample ${steps}`, threads))),
    );
    const times = await takeTurns(runners, rounds);
    rows.push([`${steps} steps`, ...times.map((ms) => show((1000 * batch) / ms, 1))]);
  }
  here.close();
  pytorch?.close();
  return table(rows);
}

/** The largest power of two whose sampling adds at most {@link MEMORY}, as far as 4 and 16 images tell. */
async function batchByMemory(start: () => Promise<Contender>): Promise<number> {
  const peaks: number[] = [];
  for (const batch of [4, 16]) {
    const contender = await start();
    await contender.make({ ...small, batch });
    const { rss } = await contender.memory();
    await contender.time("sample 1", 1);
    peaks.push((await contender.memory()).peak - rss);
    contender.close();
  }
  const [few = NaN, many = NaN] = peaks;
  const perImage = Math.max((many - few) / 12, 1);
  const fits = 16 + (MEMORY - many) / perImage;
  return Math.min(LARGEST, 2 ** Math.floor(Math.log2(Math.max(fits, 1))));
}
