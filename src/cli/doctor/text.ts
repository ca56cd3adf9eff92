import type { Finding, Findings, OperationReport } from "../../index.js";
import { table, wrapped } from "../table.js";
import type { EngineResult } from "./child.js";

// What the command prints.

/** All that was found, as `--json` prints it. */
export interface Machine {
  readonly cfdDistill: string;
  /** Absent where no engine starts. */
  readonly tfjs: string | undefined;
  readonly node: string;
  readonly system: string;
  readonly cores: number;
  readonly engines: readonly EngineResult[];
}

export function headline({ cfdDistill, tfjs, node, system, cores }: Machine): string {
  const versions = `cfd-distill ${cfdDistill}, TensorFlow.js ${tfjs ?? "unknown"}, Node.js ${node}`;
  return wrapped(`${versions}, ${system}, ${cores} cores`);
}

/** Which engines start here, and why the others do not. */
export function engineTable(results: readonly EngineResult[]): string {
  const rows = results.map(({ name, engine, failure }) => [
    name,
    engine === undefined ? `no: ${failure ?? "it says nothing"}` : `yes, ${nameOf(engine)}`,
  ]);
  return table([["engine", "starts here"], ...rows]);
}

function nameOf({ version, build, device }: NonNullable<EngineResult["engine"]>): string {
  const kernels = build && `this library's kernels with ${build} SIMD`;
  return [version, kernels, device].filter((part) => part !== undefined).join(", ");
}

/** What each operation does on an engine, the reasons, and what this library's kernels are for. */
export function diagnosisText({ name, failure, operations }: EngineResult): string {
  if (operations === undefined) return wrapped(`${name} was not examined: ${failure ?? "it says nothing"}`);
  const rows = operations.map(({ operation, stock, now }) => [
    change(stock.forward, now.forward),
    change(stock.gradient, now.gradient),
    operation,
  ]);
  return [
    table([["forward", "gradient", `on ${name}, stock -> with this library's kernels`], ...rows]),
    section("Reasons", operations.flatMap(reasons)),
    section("What the library's kernels are for", purposes(operations)),
    summary(name, operations),
  ].join("\n\n");
}

const section = (title: string, lines: readonly string[]) =>
  [title, ...(lines.length === 0 ? ["none"] : lines).map((line) => wrapped(`  ${line}`, 4))].join("\n");

function change(stock: Finding | undefined, now: Finding | undefined): string {
  if (stock === undefined || now === undefined) return "-";
  return stock.verdict === now.verdict ? now.verdict : `${stock.verdict} -> ${now.verdict}`;
}

function reasons({ operation, stock, now }: OperationReport): string[] {
  return (["forward", "gradient"] as const).flatMap((pass) =>
    Object.entries({ stock, now }).flatMap(([which, { [pass]: finding }]: [string, Findings]) =>
      finding?.note === undefined
        ? []
        : [`${operation}, ${pass}, ${which}: ${finding.verdict}, ${finding.note}`],
    ),
  );
}

function purposes(operations: readonly OperationReport[]): string[] {
  const kernels = new Map<string, Set<string>>();
  for (const { kernel, why } of operations.flatMap(({ cures }) => cures)) {
    kernels.set(why, (kernels.get(why) ?? new Set()).add(kernel));
  }
  return [...kernels].map(([why, names]) => `${[...names].join(", ")}: ${why}`);
}

function summary(name: string, operations: readonly OperationReport[]): string {
  const count = (verdict: string) =>
    operations.filter(({ now }) => [now.forward, now.gradient].some((each) => each?.verdict === verdict))
      .length;
  const counts = ["slow", "wrong", "missing"].map((verdict) => `${count(verdict)} ${verdict}`);
  return `${name}, with cures: of ${operations.length} operations ${counts.join(", ")}`;
}

/** Whether the engine came to no end, or something on it is wrong or missing with the cures. */
export function isBroken({ failure, operations = [] }: EngineResult): boolean {
  const findings = operations.flatMap(({ now }) => [now.forward, now.gradient]);
  const bad = findings.some((finding) => finding?.verdict === "wrong" || finding?.verdict === "missing");
  return failure !== undefined || bad;
}
