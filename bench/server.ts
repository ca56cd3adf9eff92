// This library as a contender: answers the requests of contender.ts, as pytorch.py does.
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import type { Engine, Request } from "./contender.js";
import { startEngine } from "./engine.js";
import { makeWork, type Work } from "./steps.js";
import { messageOf } from "../tools/words.js";

const engine = process.argv[2] as Engine;
const threads = Number(process.argv[3]);
let work: Work | undefined;

async function answer(request: Request): Promise<object> {
  if ("make" in request) {
    work = makeWork(request.make);
    return { parameters: work.parameters };
  }
  if ("memory" in request) return processMemory();
  if (work === undefined) throw new Error("make a workload first");
  const start = performance.now();
  await work.run(request.step);
  return { ms: performance.now() - start };
}

/** Resident and highest resident bytes of this process, from Linux's /proc. */
function processMemory(): { rss: number; peak: number } {
  const status = readFileSync("/proc/self/status", "utf8");
  const bytes = (field: string) => 1024 * Number(new RegExp(`${field}:\\s+(\\d+)`).exec(status)?.[1]);
  return { rss: bytes("VmRSS"), peak: bytes("VmHWM") };
}

const say = (message: object) => {
  process.stdout.write(`${JSON.stringify(message)}\n`);
};

const { name, device } = await startEngine(engine, threads);
say({ name: `${device ?? name}, Node ${process.versions.node}` });
for await (const line of createInterface({ input: process.stdin })) {
  try {
    say(await answer(JSON.parse(line) as Request));
  } catch (error) {
    say({ error: messageOf(error) });
  }
}
