import { cpus, loadavg } from "node:os";
import { parseArgs } from "node:util";
import { useBackend } from "cfd-distill";
import { compareWithPytorch } from "./comparison.js";
import { timeOps } from "./ops.js";

// Speed and memory of training beside PyTorch's, in one run on one machine. NOTES.md says what was learnt from it.

const USAGE = `npm run bench -- [options]
  --ops           GFLOP/s of single operations instead of training steps
  --rounds N      turns whose median is shown (default 5)
  --engine NAME   cpu or wasm (default wasm)
  --node PATH     the Node that runs this library (default: the one that runs this)`;

const { values } = parseArgs({
  options: {
    ops: { type: "boolean", default: false },
    rounds: { type: "string", default: "5" },
    engine: { type: "string", default: "wasm" },
    node: { type: "string", default: process.execPath },
    help: { type: "boolean", default: false },
  },
});
const rounds = Number(values.rounds);
const wrong = !Number.isInteger(rounds) || rounds < 1 || !["cpu", "wasm"].includes(values.engine);
if (values.help || wrong) {
  console.log(USAGE);
  process.exitCode = values.help ? 0 : 1;
} else {
  const { engine, node } = values;
  const load = () => loadavg()[0]!.toFixed(1);
  const before = load();
  if (values.ops) {
    await useBackend(engine as "cpu" | "wasm");
    console.log(timeOps(rounds));
  } else {
    console.log(await compareWithPytorch({ engine, node, rounds }));
  }
  console.log(
    `${engine}, Node ${process.versions.node}, ${cpus()[0]?.model ?? "?"}, load ${before} before, ${load()} after`,
  );
}
