import type { Options } from "./options.js";
import { startHere, type Contender } from "./contender.js";
import { MEMORY_PARTS, MEMORY_TARGET, type Part } from "./parts.js";
import { startPytorch } from "./pytorch.js";
import { megabytes, show, textTable } from "../tools/text-table.js";
import type { Workload } from "./workloads.js";

interface Used {
  /** The highest resident bytes of the process, and how much of it the steps added. */
  readonly peak: number;
  readonly added: number;
}

/** Memory of three base steps in a process that does nothing else, beside PyTorch's. */
export async function compareMemory(
  columns: readonly string[],
  python: string | undefined,
  options: Options,
): Promise<string> {
  const rows = [["peak memory of a base step, MB", ...columns]];
  for (const part of MEMORY_PARTS) rows.push(...(await memoryRows(part, python, options)));
  return textTable(rows);
}

async function memoryRows(part: Part, python: string | undefined, options: Options) {
  const pairs: [Used, Used][] = [];
  for (const count of options.threads) {
    const here = await usedBy(await startHere(options.engine, options.node, count), part.workload);
    // PyTorch as it comes: the settings that make it faster hold more memory.
    pairs.push([here, await usedBy(await startPytorch(python, count, { tuned: false }), part.workload)]);
  }
  const cells = (kind: keyof Used) =>
    pairs.flatMap(([here, theirs]) => [
      megabytes(here[kind]),
      megabytes(theirs[kind]),
      show(here[kind] / theirs[kind], 2),
    ]);
  return [
    [`${part.title}, the process`, ...cells("peak"), MEMORY_TARGET],
    ["  of it added by the steps", ...cells("added"), ""],
  ];
}

async function usedBy(contender: Contender | undefined, workload: Workload): Promise<Used> {
  if (contender === undefined) return { peak: NaN, added: NaN };
  await contender.make(workload);
  const { rss } = await contender.memory();
  for (let step = 0; step < 3; step++) await contender.time("base");
  const { peak } = await contender.memory();
  contender.close();
  return { peak, added: peak - rss };
}
