import { startHere, type Contender } from "./contender.js";
import { findPytorch, startPytorch, STORED } from "./pytorch.js";
import { megabytes, show, table } from "./table.js";
import { takeTurns } from "./timing.js";
import { paper, small, type StepName, type Workload } from "./workloads.js";

export interface ComparisonOptions {
  readonly engine: string;
  /** The Node that runs this library's side. */
  readonly node: string;
  readonly rounds: number;
}

interface Row {
  readonly title: string;
  readonly step: StepName;
  /** Times PyTorch's on as many threads, under Node 22 and later and under Node 20. */
  readonly target: string;
}

interface Part {
  readonly title: string;
  readonly workload: Workload;
  readonly stored: (typeof STORED)[keyof typeof STORED];
  readonly rows: readonly Row[];
}

const PARTS: readonly Part[] = [
  {
    title: "small U-Net, batch 16",
    workload: small,
    stored: STORED.small,
    rows: [
      { title: "forward", step: "forward", target: "" },
      { title: "base step", step: "base", target: "1.5 (Node 20: 1.8)" },
      { title: "progressive step", step: "progressive", target: "1.5" },
      { title: "CFD step, ResNet-18", step: "cfd", target: "1.5" },
    ],
  },
  {
    title: "paper's U-Net, batch 4",
    workload: paper,
    stored: STORED.paper,
    rows: [
      { title: "forward", step: "forward", target: "1.5" },
      { title: "base step", step: "base", target: "2.0" },
    ],
  },
];

/** Steps and memory of this library beside PyTorch's, which take turns; the table. */
export async function compareWithPytorch(options: ComparisonOptions): Promise<string> {
  const python = findPytorch();
  const source = python === undefined ? "PyTorch 2.13, stored" : "PyTorch";
  const times = [["ms", "here", `${source}, 1 thread`, "ratio", "2 threads", "ratio", "target"]];
  const memory = [["peak memory of a base step, MB", "here", source, "ratio", "target"]];
  for (const part of PARTS) {
    times.push([part.title, "", "", "", "", "", ""], ...(await timeRows(part, python, options)));
    memory.push(...(await memoryRows(part, python, options)));
  }
  return `${table(times)}\n\n${table(memory)}`;
}

async function timeRows(part: Part, python: string | undefined, options: ComparisonOptions) {
  const here = await startHere(options.engine, options.node);
  const pytorch = await startPytorch(python);
  await Promise.all([here.make(part.workload), pytorch?.make(part.workload)]);
  const rows: string[][] = [];
  for (const { title, step, target } of part.rows) {
    const runners = [() => here.time(step, 1)];
    if (pytorch) runners.push(...[1, 2].map((threads) => () => pytorch.time(step, threads)));
    const [ours = NaN, one, two = part.stored[step]] = await takeTurns(runners, options.rounds);
    const ratio = (theirs = NaN) => show(ours / theirs, 2);
    rows.push([`  ${title}`, show(ours), show(one), ratio(one), show(two), ratio(two), target]);
  }
  here.close();
  pytorch?.close();
  return rows;
}

/** Each in a fresh process: the highest resident memory of three base steps, all of it and what the steps added. */
async function memoryRows(part: Part, python: string | undefined, options: ComparisonOptions) {
  const here = await startHere(options.engine, options.node);
  const ours = await memoryOfSteps(here, part.workload);
  here.close();
  // PyTorch as it comes: the settings that make it faster hold more memory.
  const pytorch = await startPytorch(python, { tuned: false });
  const theirs = pytorch && (await memoryOfSteps(pytorch, part.workload));
  pytorch?.close();
  return (["peak", "added"] as const).map((kind) => {
    const title = kind === "peak" ? `${part.title}, the whole process` : "  added by the steps";
    const ratio = show(theirs && ours[kind] / theirs[kind], 2);
    return [title, megabytes(ours[kind]), megabytes(theirs?.[kind]), ratio, "1.5"];
  });
}

async function memoryOfSteps(contender: Contender, workload: Workload) {
  await contender.make(workload);
  const { rss } = await contender.memory();
  for (let step = 0; step < 3; step++) await contender.time("base", 2).catch(() => contender.time("base", 1));
  const { peak } = await contender.memory();
  return { peak, added: peak - rss };
}
