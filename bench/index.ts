import { execFileSync } from "node:child_process";
import { cpus, loadavg } from "node:os";
import { parseArgs } from "node:util";
import { useBackend } from "cfd-distill";
import { timeOps } from "./ops.js";
import { timeSteps, type Times } from "./steps.js";
import { table } from "./timing.js";

// Training speed beside PyTorch's, in one run on one machine. NOTES.md says what was learnt from it.

/** PyTorch 2.13 with two threads on two Zen 4 cores, for machines without PyTorch. */
const STORED: Times = { forward: 77, base: 251, progressive: 424, cfd: 718 };

const USAGE = `npm run bench -- [options]
  --ops           GFLOP/s of single operations instead of training steps
  --rounds N      calls whose median is shown (default 5)
  --engine NAME   cpu or wasm (default wasm)`;

/** PyTorch's times measured now, or nothing where Python or PyTorch is missing. */
function timePytorch(rounds: number): (Times & { version: string }) | undefined {
  try {
    const script = new URL("pytorch.py", import.meta.url).pathname;
    const output = execFileSync("python3", [script, String(rounds)], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    });
    return JSON.parse(output) as Times & { version: string };
  } catch {
    return undefined;
  }
}

function stepTable(rounds: number): string {
  const here = timeSteps(rounds);
  const measured = timePytorch(rounds);
  const pytorch = measured ?? STORED;
  const source = measured === undefined ? "PyTorch, stored" : `PyTorch ${measured.version}`;
  const names = {
    forward: "forward",
    base: "base step",
    progressive: "progressive step",
    cfd: "CFD step, ResNet-18",
  };
  const rows = (Object.keys(names) as (keyof Times)[]).map((key) => [
    names[key],
    here[key].toFixed(0),
    pytorch[key].toFixed(0),
    (here[key] / pytorch[key]).toFixed(1),
  ]);
  return table([["ms, small U-Net, batch 16", "here", source, "times PyTorch"], ...rows]);
}

const { values } = parseArgs({
  options: {
    ops: { type: "boolean", default: false },
    rounds: { type: "string", default: "5" },
    engine: { type: "string", default: "wasm" },
    help: { type: "boolean", default: false },
  },
});
const rounds = Number(values.rounds);
const wrong = !Number.isInteger(rounds) || rounds < 1 || !["cpu", "wasm"].includes(values.engine);
if (values.help || wrong) {
  console.log(USAGE);
  process.exitCode = values.help ? 0 : 1;
} else {
  const report = await useBackend(values.engine as "cpu" | "wasm");
  const load = loadavg()[0]!.toFixed(1);
  console.log(
    `${report.name} ${report.version}, Node ${process.versions.node}, ${cpus()[0]?.model ?? "?"}, load ${load}`,
  );
  console.log(values.ops ? timeOps(rounds) : stepTable(rounds));
}
