// Kills the recipe at random moments, resumes it each time in another number of threads, and compares with a run that
// nobody touched: the same checkpoints, samples and report, byte for byte (but for the times in them).
//   npm run resume:test -- [seed]
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createRng } from "cfd-distill";
import { decodeSafetensors } from "cfd-distill/formats";

const KILLS = 20;
const THREADS = [1, 2, 3];
const seed = Number(process.argv[2] ?? Date.now() % 1e6);
const home = mkdtempSync(join(tmpdir(), "resume-"));
const rng = createRng(seed);

/** Runs the smoke preset until it ends, or until it is killed after so many milliseconds. True if it ended. */
function run(out: string, words: readonly string[], killAfter?: number): Promise<boolean> {
  const program = [
    "--import",
    "tsx",
    "examples/quickstart.ts",
    "--preset",
    "smoke",
    "--set",
    "base.steps=12",
  ];
  const child = spawn(process.execPath, [...program, "--out", out, ...words], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  let errors = "";
  child.stderr.on("data", (text: Buffer) => (errors += text.toString()));
  const timer = killAfter === undefined ? undefined : setTimeout(() => child.kill("SIGKILL"), killAfter);
  return new Promise((resolve, reject) => {
    child.on("close", (code, signal) => {
      clearTimeout(timer);
      if (code === 0 || signal === "SIGKILL") resolve(code === 0);
      else reject(new Error(`The run ended with ${String(code)}: ${errors}`));
    });
  });
}

/** What must be equal: all checkpoints, all samples, and the report but for its times. */
function resultsOf(out: string): Map<string, Buffer> {
  const files = (folder: string) => readdirSync(join(out, folder)).map((name) => join(folder, name));
  const checkpoints = files("checkpoints").map((name) => [name, readFileSync(join(out, name))] as const);
  const samples = files("samples").map((name) => {
    const { images } = decodeSafetensors(readFileSync(join(out, name)));
    return [name, Buffer.from(images!.data as Uint8Array)] as const;
  });
  const report = readFileSync(join(out, "report.json"), "utf8").replaceAll(/"millisecondsPerImage": .*/g, "");
  return new Map([...checkpoints, ...samples, ["report.json", Buffer.from(report)]]);
}

const whole = join(home, "whole");
const started = performance.now();
await run(whole, []);
const length = performance.now() - started;
const broken = join(home, "broken");
let kills = 0;
let runs = 0;
for (let round = 0; kills < KILLS; round++) {
  if (round > 0) rmSync(broken, { recursive: true, force: true });
  let words: string[] = [];
  let ended = false;
  while (!ended) {
    const moment = kills < KILLS ? rng.uniform() * length : undefined;
    const threads = String(THREADS[runs % THREADS.length]);
    ended = await run(broken, [...words, "--threads", threads], moment);
    runs++;
    if (!ended) kills++;
    // Killed before it had a directory, it starts as if it never ran.
    words =
      readdirSync(home).includes("broken") && readdirSync(broken).includes("config.json") ? ["--resume"] : [];
    console.log(`${kills} of ${KILLS} kills${ended ? ", a run came to its end" : ""}`);
  }
  const [expected, got] = [resultsOf(whole), resultsOf(broken)];
  for (const [name, bytes] of expected) {
    if (!got.get(name)?.equals(bytes)) throw new Error(`Seed ${seed}: ${name} differs after ${kills} kills.`);
  }
  if (got.size !== expected.size) {
    const extra = [...got.keys()].filter((name) => !expected.has(name));
    throw new Error(`Seed ${seed}: left behind: ${extra.join(", ")}.`);
  }
}
rmSync(home, { recursive: true });
console.log(`Seed ${seed}: ${kills} kills in ${runs} runs, every file as in a run that went through.`);
