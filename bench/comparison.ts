import { startHere, type Contender } from "./contender.js";
import { compareMemory } from "./memory.js";
import type { Options } from "./options.js";
import { PARTS, type Part, type Row } from "./parts.js";
import { findPytorch, startPytorch } from "./pytorch.js";
import { inThreads, show, textTable } from "../tools/text-table.js";
import { takeTurns } from "./timing.js";

/** What one row took, in ms. */
interface Measured {
  readonly row: Row;
  readonly batch: number;
  /** For each number of threads. */
  readonly here: readonly number[];
  readonly pytorch: readonly number[];
  /** TensorFlow itself, which takes all cores. */
  readonly native: number;
}

/** Steps and memory of this library beside PyTorch's in as many threads; what threads gain. */
export async function compareWithPytorch(options: Options): Promise<string> {
  const { threads } = options;
  const python = findPytorch();
  const native = await runsNatively(options.node);
  const theirs = python === undefined ? "PyTorch, stored" : "PyTorch";
  const columns = [...threads.flatMap((count) => [inThreads(count), theirs, "ratio"]), "target"];
  const times = [["ms", ...columns, ...(native ? ["node", "ratio"] : [])]];
  const gains = [[`from ${inThreads(threads[0]!)} to ${threads.at(-1)!}`, ...GAINS]];
  for (const part of PARTS) {
    const measured = await measure(part, python, native, options);
    times.push(titled(part, times[0]!), ...measured.map((one) => timesRow(one, native)));
    gains.push(titled(part, gains[0]!), ...measured.map((one) => gainsRow(one, threads)));
  }
  const memory = await compareMemory(columns, python, options);
  return [
    textTable(times),
    ...(threads[0] === 1 && threads.length > 1 ? [textTable(gains)] : []),
    memory,
  ].join("\n\n");
}

const GAINS = ["gain", "target", "PyTorch's", "serial share", "target"];

const titled = ({ title }: Part, head: readonly string[]) => [title, ...head.slice(1).map(() => "")];

/** Whether the engine `node` is there; it is measured beside the others, and not missed silently. */
async function runsNatively(node: string): Promise<boolean> {
  try {
    (await startHere("node", node, 0)).close();
    return true;
  } catch (error) {
    const { message } = error as Error;
    console.warn(`No column for the engine node: ${/Error: (.*)/.exec(message)?.[1] ?? message}`);
    return false;
  }
}

/** The medians of a part's rows: every column is a process of its own, and all take turns. */
async function measure(
  { workload, rows, stored }: Part,
  python: string | undefined,
  withNative: boolean,
  { engine, node, rounds, threads }: Options,
): Promise<Measured[]> {
  const here = await Promise.all(threads.map((count) => startHere(engine, node, count)));
  const pytorch = await Promise.all(threads.map((count) => startPytorch(python, count)));
  const native = withNative ? await startHere("node", node, 0) : undefined;
  const sides: (Contender | undefined)[] = [...here, ...pytorch, native];
  await Promise.all(sides.map(async (side) => side?.make(workload)));
  const measured: Measured[] = [];
  for (const row of rows) {
    const runners = sides.map((side) => side && (() => side.time(row.step)));
    const medians = await takeTurns(runners, rounds);
    const theirs = medians.slice(threads.length, 2 * threads.length);
    measured.push({
      row,
      batch: workload.batch,
      here: medians.slice(0, threads.length),
      // What is stored was measured in two threads.
      pytorch: python ? theirs : threads.map((count) => (count === 2 ? (stored[row.step] ?? NaN) : NaN)),
      native: medians.at(-1)!,
    });
  }
  for (const side of sides) side?.close();
  return measured;
}

function timesRow({ row, batch, here, pytorch, native }: Measured, withNative: boolean): string[] {
  const { perSecond } = row;
  const shown = (ms: number) => (perSecond ? show((1000 * batch) / ms, 1) : show(ms, ms < 100 ? 1 : 0));
  const ratio = (ours: number, theirs: number) => show(perSecond ? theirs / ours : ours / theirs, 2);
  const cells = here.flatMap((ms, i) => [shown(ms), shown(pytorch[i]!), ratio(ms, pytorch[i]!)]);
  const last = withNative ? [shown(native), ratio(native, pytorch.at(-1)!)] : [];
  return [`  ${row.title}`, ...cells, row.target ?? "", ...last];
}

/** How many times as fast the most threads are as one, and the serial share that explains it by Amdahl's law. */
function gainsRow({ row, here, pytorch }: Measured, threads: readonly number[]): string[] {
  const count = threads.at(-1)!;
  const gain = here[0]! / here.at(-1)!;
  const serial = (count / gain - 1) / (count - 1);
  return [
    `  ${row.title}`,
    show(gain, 2),
    row.gain ?? "",
    show(pytorch[0]! / pytorch.at(-1)!, 2),
    `${show(100 * serial, 1)} %`,
    row.serial ?? "",
  ];
}
