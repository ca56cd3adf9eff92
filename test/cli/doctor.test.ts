import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, describe, expect, it } from "vitest";
import { ask, type EngineResult } from "../../src/cli/doctor/child.js";
import { diagnosisText, engineTable, headline, isBroken, type Machine } from "../../src/cli/doctor/text.js";
import type { Finding, OperationReport } from "../../src/index.js";

const ok: Finding = { verdict: "ok" };
const broken: Finding = { verdict: "missing", note: "by filter: no kernel" };
const why = "without it nothing trains";

function operation(report: Partial<OperationReport>): OperationReport {
  const fine = { forward: ok, gradient: ok };
  return { operation: "conv2d", stock: fine, now: fine, cures: [], composed: false, ...report };
}

const cured = operation({
  stock: { forward: ok, gradient: broken },
  cures: [
    { kernel: "Conv2DBackpropFilter", change: "added", why },
    { kernel: "Conv2D", change: "replaced", why: "slow" },
  ],
});

describe("what doctor prints", () => {
  it("has a line for each operation, with both verdicts where they differ", () => {
    const update = operation({
      operation: "Adam",
      stock: { forward: ok },
      now: { forward: ok },
      composed: true,
    });
    const [table, reasons, purposes, summary] = diagnosisText({ name: "wasm", operations: [cured, update] }).split("\n\n"); // prettier-ignore
    expect(table).toBe(
      [
        "forward  gradient       on wasm, stock -> with this library's kernels",
        "ok       missing -> ok  conv2d",
        "ok       -              Adam",
      ].join("\n"),
    );
    expect(reasons).toBe("Reasons\n  conv2d, gradient, stock: missing, by filter: no kernel");
    expect(purposes).toBe(
      `What the library's kernels are for\n  Conv2DBackpropFilter: ${why}\n  Conv2D: slow`,
    );
    expect(summary).toBe("wasm, with cures: of 2 operations 0 slow, 0 wrong, 0 missing");
  });

  it("says where there is nothing to say", () => {
    const text = diagnosisText({ name: "cpu", operations: [operation({})] });
    expect(text).toContain("Reasons\n  none\n\nWhat the library's kernels are for\n  none");
  });

  it("says which engines start, on what, and why others do not", () => {
    const engine = { name: "wasm", version: "4.22.0", tfjs: "4.22.0", kernels: [], build: "plain", device: "a card" } as const; // prettier-ignore
    const results: EngineResult[] = [
      { name: "wasm", engine },
      { name: "webgl", failure: "no page" },
    ];
    expect(engineTable(results)).toBe(
      [
        "engine  starts here",
        "wasm    yes, 4.22.0, this library's kernels with plain SIMD, a card",
        "webgl   no: no page",
      ].join("\n"),
    );
    expect(diagnosisText({ name: "webgl", failure: "no page" })).toBe("webgl was not examined: no page");
  });

  it("begins with the versions", () => {
    const machine: Machine = { cfdDistill: "1.2.3", tfjs: undefined, node: "v20.1.0", system: "linux x64", cores: 2, engines: [] }; // prettier-ignore
    expect(headline(machine)).toBe(
      "cfd-distill 1.2.3, TensorFlow.js unknown, Node.js v20.1.0, linux x64, 2 cores",
    );
  });
});

describe("what counts as broken", () => {
  const name = "wasm";
  const now = (forward: Finding, gradient: Finding) => [operation({ now: { forward, gradient } })];

  it.each<[boolean, string, EngineResult]>([
    [false, "what is cured", { name, operations: [cured] }],
    [false, "what is slow", { name, operations: now({ verdict: "slow" }, { verdict: "slow" }) }],
    [true, "a wrong value", { name, operations: now({ verdict: "wrong" }, ok) }],
    [true, "a missing gradient", { name, operations: now(ok, broken) }],
    [true, "no end", { name, operations: [], failure: "the process ended with SIGSEGV" }],
  ])("%s: %s", (expected, _, result) => {
    expect(isBroken(result)).toBe(expected);
  });
});

describe("an engine in a process of its own", () => {
  const folder = mkdtempSync(join(tmpdir(), "cfd-distill-doctor-"));
  const cli = process.argv[1]!;
  afterEach(() => {
    process.argv[1] = cli;
  });
  afterAll(() => {
    rmSync(folder, { recursive: true });
  });

  /** What becomes of a process that does this. */
  function becomes(script: string): Promise<EngineResult> {
    process.argv[1] = join(folder, "cli.mjs");
    writeFileSync(process.argv[1], script);
    return ask("node", "diagnose");
  }

  it("may end without a word", async () => {
    expect(await becomes("process.exit(3);")).toEqual({
      name: "node",
      failure: "the process ended with status 3",
    });
  });

  it("may be killed with what it had found so far, and with last words", async () => {
    const script = `
      process.send({ name: "node", engine: { name: "node" } }, () => {
        process.stderr.write("one\\nout of memory\\n", () => process.kill(process.pid, "SIGKILL"));
      });`;
    expect(await becomes(script)).toEqual({
      name: "node",
      engine: { name: "node" },
      failure: "the process ended with SIGKILL: out of memory",
    });
  });

  it("is told what to do", async () => {
    const script = `process.send({ name: process.argv.slice(2).join(" ") }, () => process.disconnect());`;
    expect(await becomes(script)).toEqual({ name: "doctor node --child diagnose" });
  });
});

describe("the command", () => {
  /** Its output and status. */
  function doctor(...args: string[]): Promise<{ stdout: string; stderr: string; status: number | null }> {
    const child = spawn(process.execPath, ["--import", "tsx", "src/cli/index.ts", "doctor", ...args]);
    let [stdout, stderr] = ["", ""];
    child.stdout.on("data", (chunk: Buffer) => (stdout += chunk.toString()));
    child.stderr.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
    return new Promise((resolve) => {
      child.on("close", (status) => {
        resolve({ stdout, stderr, status });
      });
    });
  }

  it("examines one engine and ends with status 0 where the cures cure everything", async () => {
    const { stdout, stderr, status } = await doctor("wasm", "--json");
    const { tfjs, cores, engines } = JSON.parse(stdout) as Machine;
    expect(tfjs).toMatch(/^4\./);
    expect(cores).toBeGreaterThan(0);
    expect(engines.map(({ name }) => name)).toEqual(["wasm"]);
    expect(engines[0]!.engine?.kernels.length).toBeGreaterThan(0);
    expect(engines[0]!.operations!.length).toBeGreaterThan(50);
    expect([status, stderr]).toEqual([0, "trying every operation on wasm …\n"]);
  }, 240_000);

  it("ends with status 1 where the engine that was asked for does not start", async () => {
    const { stdout, status } = await doctor("--engine", "webgl");
    expect(stdout).toMatch(/^cfd-distill \S+, TensorFlow\.js unknown/);
    expect(stdout).toMatch(/\n\nwebgl was not examined: useBackend: [\s\S]*browser/);
    expect(status).toBe(1);
  }, 120_000);

  it("knows its engines", async () => {
    expect(await doctor("--engine", "abacus")).toMatchObject({
      status: 1,
      stderr: expect.stringContaining("Allowed choices are cpu, wasm, webgl, webgpu, node, cuda") as string,
    });
  });
});
