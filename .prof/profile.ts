const clock = process.env.CPU ? () => { const c = process.cpuUsage(); return (c.user + c.system) / 1000; } : () => performance.now();
import * as tf from "@tensorflow/tfjs";
import { wrapJobs } from "./jobs.js";
import { adam, clipByGlobalNorm, cosineSchedule, createRng, denoiser, denoisingLoss, noise, unet, useBackend, valueAndGrads } from "../src/index.js";
const threads = Number(process.env.T ?? 1), batch = Number(process.env.BATCH ?? 16), N = Number(process.env.N ?? 8);
const net = process.env.NET === "paper" ? { channels: 128, multipliers: [1,2,2,2], attention: [1], blocks: 2 } : { channels: 32, multipliers: [1,2,2], attention: [1], blocks: 1 };
const report = await useBackend("wasm", { threads });
const network = unet({ ...net, timeScale: 1000 });
const params = network.init(createRng(0));
const schedule = cosineSchedule();
const model = denoiser(network, params, "x0");
const opt = adam({ learningRate: 1e-4 });
const [x0, eps] = [noise(Array.from({length: batch}, (_, i) => i), [32,32,3]), noise(Array.from({length: batch}, (_, i) => i+100), [32,32,3])];
const times = Array.from({length: batch}, (_, i) => (i+1)/batch);
async function step() {
  const { terms, grads } = valueAndGrads(() => denoisingLoss({ denoiser: model, schedule, x0, eps, times }), params);
  const clipped = clipByGlobalNorm(grads, 1);
  opt.apply(params, clipped.grads);
  await terms.loss.data();
  tf.dispose([terms, grads, clipped]);
}
const times_: Record<string, {n:number, t:number}> = {};
let stack: number[] = [];
let on = false;
if (process.env.PROFILE) for (const config of tf.getKernelsForBackend("wasm")) {
  const f = config.kernelFunc;
  tf.unregisterKernel(config.kernelName, "wasm");
  tf.registerKernel({ ...config, kernelFunc: (call) => {
    if (!on) return f(call);
    const t = clock(); stack.push(0);
    try { return f(call); } finally { const d = clock() - t; const inner = stack.pop()!; const e = times_[config.kernelName] ??= {n:0,t:0}; e.n++; e.t += d - inner; if (stack.length) stack[stack.length-1]! += d; }
  }});
}
for (let i = 0; i < 3; i++) await step();
on = true;
const table = process.env.JOBS ? wrapJobs() : {};
const all: number[] = [];
for (let i = 0; i < N; i++) { const t = clock(); await step(); all.push(clock() - t); }
const mean = all.reduce((a,b)=>a+b)/N; all.sort((a,b)=>a-b);
console.log(process.version, 'threads', report.threads, report.build, 'min', all[0]!.toFixed(1), 'median', all[N>>1]!.toFixed(1), 'mean', mean.toFixed(1));
if (process.env.PROFILE) {
  let sum = 0;
  for (const [name, {n,t}] of Object.entries(times_).sort((a,b)=>b[1].t-a[1].t).slice(0, 40)) { console.log(name.padEnd(26), (n/N).toFixed(0).padStart(5), (t/N).toFixed(2).padStart(8)); }
  for (const {t} of Object.values(times_)) sum += t/N;
  console.log('kernels', sum.toFixed(1), 'outside', (mean-sum).toFixed(1));
}

if (process.env.JOBS) for (const [name, [n, t]] of Object.entries(table).sort((a, b) => b[1][1] - a[1][1])) console.log(name.padEnd(26), (n / N).toFixed(0).padStart(5), (t / N).toFixed(2).padStart(8));
