import { startHere, type Contender, type Engine } from "./contender.js";
import { findPytorch, startPytorch, STORED } from "./pytorch.js";
import { megabytes, show, table } from "./table.js";
import { takeTurns } from "./timing.js";
import { paper, small, type StepName, type Workload } from "./workloads.js";

export interface ComparisonOptions {
  readonly engine: Engine;
  /** The Node that runs this library's side. */
  readonly node: string;
  readonly rounds: number;
}

interface Row {
  readonly title: string;
  readonly step: StepName;
  /** Times PyTorch's on as many threads, under Node 22 and later and under Node 20. */
  readonly target: string;
  readonly nativeTarget: string;
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
      { title: "forward", step: "forward", target: "", nativeTarget: "" },
      { title: "base step", step: "base", target: "1.5 (Node 20: 1.8)", nativeTarget: "1.2" },
      { title: "progressive step", step: "progressive", target: "1.5", nativeTarget: "1.2" },
      { title: "CFD step, ResNet-18", step: "cfd", target: "1.5", nativeTarget: "1.2" },
    ],
  },
  {
    title: "paper's U-Net, batch 4",
    workload: paper,
    stored: STORED.paper,
    rows: [
      { title: "forward", step: "forward", target: "1.5", nativeTarget: "1.1" },
      { title: "base step", step: "base", target: "2.0", nativeTarget: "1.2" },
    ],
  },
];

const THREADS = [1, 2];

/** Steps and memory of this library beside PyTorch's, which take turns; the table. */
export async function compareWithPytorch(options: ComparisonOptions): Promise<string> {
  const python = findPytorch();
  const theirs = python === undefined ? "PyTorch, stored" : "PyTorch";
  const columns = ["1 worker", theirs, "ratio", "2 workers", theirs, "ratio", "target"];
  const native = await runsNatively(options.node);
  const times = [["ms", ...columns, ...(native ? ["node", "ratio", "target"] : [])]];
  const memory = [["peak memory of a base step, MB", ...columns]];
  for (const part of PARTS) {
    times.push([part.title, ...times[0]!.slice(1).map(() => "")]);
    times.push(...(await timeRows(part, python, native, options)));
    memory.push(...(await memoryRows(part, python, options)));
  }
  return `${table(times)}\n\n${table(memory)}`;
}

/** Whether the engine `node` is there; it is measured beside the others, and not missed silently. */
async function runsNatively(node: string): Promise<boolean> {
  try {
    (await startHere("node", node)).close();
    return true;
  } catch (error) {
    const { message } = error as Error;
    console.warn(`No column for the engine node: ${/Error: (.*)/.exec(message)?.[1] ?? message}`);
    return false;
  }
}

async function timeRows(
  part: Part,
  python: string | undefined,
  withNative: boolean,
  options: ComparisonOptions,
) {
  const here = await startHere(options.engine, options.node);
  const pytorch = await startPytorch(python);
  const native = withNative ? await startHere("node", options.node) : undefined;
  const sides = [here, pytorch, native];
  await Promise.all(sides.map(async (side) => side?.make(part.workload)));
  const rows: string[][] = [];
  for (const { title, step, target, nativeTarget } of part.rows) {
    const runners = THREADS.flatMap((threads) =>
      [here, pytorch].map((side) => side && (() => side.time(step, threads))),
    );
    // TensorFlow uses all cores by itself.
    const medians = await takeTurns([...runners, native && (() => native.time(step, 1))], options.rounds);
    if (!pytorch) medians[3] = part.stored[step] ?? NaN; // stored with two threads only
    const [, , , theirs = NaN, ms = NaN] = medians;
    const last = native ? [show(ms), show(ms / theirs, 2), nativeTarget] : [];
    rows.push([`  ${title}`, ...pairs(medians, (time) => show(time)), target, ...last]);
  }
  for (const side of sides) side?.close();
  return rows;
}

/** Ours, theirs and their ratio, for one thread and for two. */
function pairs([a = NaN, b = NaN, c = NaN, d = NaN]: readonly number[], format: (x: number) => string) {
  return [format(a), format(b), show(a / b, 2), format(c), format(d), show(c / d, 2)];
}

/** The highest resident memory of three base steps, each contender in a fresh process; and what the steps added. */
async function memoryRows(part: Part, python: string | undefined, options: ComparisonOptions) {
  const measured: { peak: number; added: number }[] = [];
  for (const threads of THREADS) {
    const here = await startHere(options.engine, options.node);
    // PyTorch as it comes: the settings that make it faster hold more memory.
    const pytorch = await startPytorch(python, { tuned: false });
    for (const contender of [here, pytorch])
      measured.push(await peakMemory(contender, part.workload, threads));
  }
  const row = (title: string, kind: "peak" | "added") => {
    return [
      title,
      ...pairs(
        measured.map((memory) => memory[kind]),
        megabytes,
      ),
      "1.5",
    ];
  };
  return [row(`${part.title}, the process`, "peak"), row("  of it added by the steps", "added")];
}

async function peakMemory(contender: Contender | undefined, workload: Workload, threads: number) {
  if (contender === undefined) return { peak: NaN, added: NaN };
  await contender.make(workload);
  const { rss } = await contender.memory();
  for (let step = 0; step < 3; step++) await contender.time("base", threads);
  const { peak } = await contender.memory();
  contender.close();
  return { peak, added: peak - rss };
}
