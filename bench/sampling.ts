import type { Options } from "./options.js";
import { startHere, type Contender } from "./contender.js";
import { findPytorch, startPytorch } from "./pytorch.js";
import { inThreads, show, textTable } from "../tools/text-table.js";
import { takeTurns } from "./timing.js";
import { small } from "./workloads.js";

const STEPS = [1, 2, 4, 8];
const MEMORY = 250e6; // bytes that sampling may add
const LARGEST = 64; // from about 16 images on, more make no image faster

/** Images per second of the small U-Net by DDIM, beside PyTorch with as many threads. */
export async function timeSampling({ engine, node, rounds, threads }: Options): Promise<string> {
  const batch = await batchByMemory(() => startHere(engine, node, 1));
  const python = findPytorch();
  const sides: (Contender | undefined)[] = [];
  for (const count of threads) {
    sides.push(await startHere(engine, node, count), await startPytorch(python, count));
  }
  await Promise.all(sides.map(async (side) => side?.make({ ...small, batch })));
  const columns = threads.flatMap((count) => [inThreads(count), "PyTorch"]);
  const rows = [[`images/s, batch ${batch}`, ...columns]];
  for (const steps of STEPS) {
    const runners = sides.map((side) => side && (() => side.time(`sample ${steps}`)));
    const times = await takeTurns(runners, rounds);
    rows.push([`${steps} steps`, ...times.map((ms) => show((1000 * batch) / ms, 1))]);
  }
  for (const side of sides) side?.close();
  return textTable(rows);
}

/** The largest power of two whose sampling adds at most {@link MEMORY}, as far as 4 and 16 images tell. */
async function batchByMemory(start: () => Promise<Contender>): Promise<number> {
  const peaks: number[] = [];
  for (const batch of [4, 16]) {
    const contender = await start();
    await contender.make({ ...small, batch });
    const { rss } = await contender.memory();
    await contender.time("sample 1");
    peaks.push((await contender.memory()).peak - rss);
    contender.close();
  }
  const [few = NaN, many = NaN] = peaks;
  const perImage = Math.max((many - few) / 12, 1);
  const fits = 16 + (MEMORY - many) / perImage;
  return Math.min(LARGEST, 2 ** Math.floor(Math.log2(Math.max(fits, 1))));
}
