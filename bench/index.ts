import { cpus, loadavg } from "node:os";
import { parseArgs } from "node:util";
import { useBackend } from "cfd-distill";
import { compareWithJavaScript } from "./against.js";
import { compareWithPytorch } from "./comparison.js";
import { timeOps } from "./ops.js";
import { timeSampling } from "./sampling.js";
import { measureScaling } from "./scaling.js";

// Speed and memory of training beside PyTorch's, in one run on one machine. NOTES.md says what was learnt from it.
// A column for the engine node appears where `npx cfd-distill install-native` has been run.

const USAGE = `npm run bench -- [options]
  --ops           GFLOP/s of single operations instead of training steps
  --against       a convolution's training step in jax-js and in tfjs's cpu engine
  --sampling      images per second at 1, 2, 4 and 8 steps
  --scaling       time and memory over batch, width, image size and workers; writes docs/performance.md's table and plot
  --rounds N      turns whose median is shown (default 5)
  --engine NAME   cpu or wasm (default wasm)
  --node PATH     the Node that runs this library (default: the one that runs this)`;

const { values } = parseArgs({
  options: {
    ops: { type: "boolean", default: false },
    against: { type: "boolean", default: false },
    sampling: { type: "boolean", default: false },
    scaling: { type: "boolean", default: false },
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
  const { node } = values;
  const engine = values.engine as "cpu" | "wasm";
  const load = () => loadavg()[0]!.toFixed(1);
  const before = load();
  if (values.ops) {
    await useBackend(engine);
    console.log(timeOps(rounds));
  } else if (values.against) {
    console.log(await compareWithJavaScript(rounds));
  } else if (values.sampling) {
    console.log(await timeSampling({ engine, node, rounds }));
  } else if (values.scaling) {
    console.log(await measureScaling({ engine, node, rounds }));
  } else {
    console.log(await compareWithPytorch({ engine, node, rounds }));
  }
  console.log(
    `${engine}, Node ${process.versions.node}, ${cpus()[0]?.model ?? "?"}, load ${before} before, ${load()} after`,
  );
}
