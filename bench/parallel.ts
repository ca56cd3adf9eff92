// A base training step in one thread and in worker threads, in turns. On Linux also the CPU time of every thread, which
// tells what the step would take on free cores: that of the main thread plus that of the busiest worker.
//   npx tsx bench/parallel.ts [small | paper | quickstart] [batch] [rounds]
import { readdirSync, readFileSync } from "node:fs";
import * as tf from "@tensorflow/tfjs";
import * as cfd from "cfd-distill";
import { startWorkers } from "cfd-distill/node";
import { presets } from "../examples/recipe/config.js";
import { baseLoss } from "./parallel-loss.js";
import { median } from "./timing.js";
import * as workloads from "./workloads.js";

const WORKERS = [1, 2];

const { small, paper } = workloads;
const { unet, base } = presets.quickstart;
const choices: Record<string, workloads.Workload> = {
  small,
  paper,
  quickstart: { unet, batch: base.batch, size: 24 },
};
const [name = "small", batch, rounds = "5"] = process.argv.slice(2);
const chosen = choices[name];
if (chosen === undefined) throw new Error(`expected one of ${Object.keys(choices).join(", ")}, got ${name}`);
const workload = { ...chosen, batch: Number(batch ?? chosen.batch) };
await cfd.useBackend("wasm");
const network = cfd.unet({ ...workload.unet, timeScale: 1024 });
const params = network.init(cfd.createRng(1));
const optimizer = cfd.adam({ learningRate: 1e-6 });
const loss = baseLoss(workload, network, params);

type Learn = () => Promise<cfd.ValueAndGrads>;
const step = async (learn: Learn) => {
  const { terms, grads } = await learn();
  tf.tidy(() => {
    optimizer.apply(params, cfd.clipByGlobalNorm(grads, 1).grads);
  });
  tf.dispose([terms, grads]);
};

const contenders: [string, Learn][] = [
  ["no workers", () => Promise.resolve(cfd.valueAndGrads(() => loss(0, workload.batch), params))],
];
for (const count of WORKERS) {
  const workers = startWorkers(new URL("./parallel-replica.mjs", import.meta.url), count);
  const replicas = await cfd.connectReplicas<null>(workers, workload);
  contenders.push([`${count} workers`, () => replicas.valueAndGrads(params, null, workload.batch)]);
}

/** Milliseconds of CPU by thread: user and system time, in hundredths of a second. */
function threadTimes(): Map<string, number> {
  const tasks = "/proc/self/task";
  const times = readdirSync(tasks).map((id): [string, number] => {
    const fields = readFileSync(`${tasks}/${id}/stat`, "utf8").split(") ")[1]!.split(" ");
    return [id, 10 * (Number(fields[11]) + Number(fields[12]))];
  });
  return new Map(times);
}

interface Cost {
  readonly wall: number;
  readonly main: number;
  /** The busiest other thread. */
  readonly worker: number;
  readonly total: number;
}

async function measure(learn: Learn, steps: number): Promise<Cost> {
  const before = threadTimes();
  const started = performance.now();
  for (let i = 0; i < steps; i++) await step(learn);
  const wall = (performance.now() - started) / steps;
  const spent = [...threadTimes()].map(([id, time]) => ({
    id,
    time: (time - (before.get(id) ?? 0)) / steps,
  }));
  const main = spent.find(({ id }) => id === String(process.pid))!.time;
  const others = spent.filter(({ id }) => id !== String(process.pid)).map(({ time }) => time);
  return { wall, main, worker: Math.max(...others), total: main + others.reduce((a, b) => a + b, 0) };
}

const costs = contenders.map((): Cost[] => []);
const STEPS = 3;
for (let round = 0; round <= Number(rounds); round++) {
  for (const [i, [, learn]] of contenders.entries()) {
    const cost = await measure(learn, STEPS);
    if (round > 0) costs[i]!.push(cost);
  }
}
console.log(
  `${name}, batch ${workload.batch}, ${cfd.countParameters(params)} weights; ms a step, medians of ${rounds}`,
);
console.table(
  contenders.map(([label], i) => {
    const of = (key: keyof Cost) => Math.round(median(costs[i]!.map((cost) => cost[key])));
    const [main, worker] = [of("main"), of("worker")];
    return {
      label,
      wall: of("wall"),
      main,
      worker,
      "main + worker": i === 0 ? main : main + worker,
      total: of("total"),
    };
  }),
);
process.exit();
