import { execFileSync } from "node:child_process";
import { cpus, loadavg } from "node:os";
import { parseArgs } from "node:util";
import { compareWithJavaScript } from "./against.js";
import { compareWithPytorch } from "./comparison.js";
import { timeOps } from "./ops.js";
import type { Options } from "./options.js";
import { timeSampling } from "./sampling.js";
import { measureScaling } from "./scaling.js";

// Speed and memory of training beside PyTorch's, in one run on one machine. NOTES.md says what was learnt from it.
// A column for the engine node appears where `npx cfd-distill install-native` has been run.

const USAGE = `npm run bench -- [options]
  --ops           GFLOP/s of single operations instead of training steps
  --against       a convolution's training step in jax-js and in tfjs's cpu engine
  --sampling      images per second at 1, 2, 4 and 8 steps
  --scaling       time and memory over batch, width, image size and threads; writes docs/performance.md's table and plot
  --threads LIST  a column for each (default 1,2); --ops and --against take the last
  --rounds N      turns whose median is shown (default 5)
  --engine NAME   cpu or wasm (default wasm)
  --node PATH     the Node that runs this library (default: the one that runs this); --ops and --against take this one`;

const { values } = parseArgs({
  options: {
    ops: { type: "boolean", default: false },
    against: { type: "boolean", default: false },
    sampling: { type: "boolean", default: false },
    scaling: { type: "boolean", default: false },
    threads: { type: "string", default: "1,2" },
    rounds: { type: "string", default: "5" },
    engine: { type: "string", default: "wasm" },
    node: { type: "string", default: process.execPath },
    help: { type: "boolean", default: false },
  },
});
const engine = values.engine as "cpu" | "wasm";
const options: Options = {
  engine,
  node: values.node,
  rounds: Number(values.rounds),
  threads: engine === "cpu" ? [1] : values.threads.split(",").map(Number), // cpu has one
};
const counts = [options.rounds, ...options.threads];
const wrong =
  !counts.every((count) => Number.isInteger(count) && count > 0) || !["cpu", "wasm"].includes(engine);
if (values.help || wrong) {
  console.log(USAGE);
  process.exitCode = values.help ? 0 : 1;
} else {
  const load = () => loadavg()[0]!.toFixed(1);
  const before = load();
  console.log(await chosen());
  const version = execFileSync(options.node, ["--version"], { encoding: "utf8" }).trim();
  console.log(
    `${engine}, Node ${version}, ${cpus()[0]?.model ?? "?"}, load ${before} before, ${load()} after`,
  );
}

function chosen(): Promise<string> {
  if (values.ops) return timeOps(options);
  if (values.against) return compareWithJavaScript(options);
  if (values.sampling) return timeSampling(options);
  if (values.scaling) return measureScaling(options);
  return compareWithPytorch(options);
}
