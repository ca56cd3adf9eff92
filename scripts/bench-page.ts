// What threads give in Chromium: the bench's small network in pages that are isolated and not, on the main thread and in a
// worker, taking turns. `npm run bench:page -- 5` measures five rounds.
import { rmSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { inThreads, show, textTable } from "../tools/text-table.js";
import { takeTurns } from "../bench/timing.js";
import { findChromium, launchChromium } from "../tools/pages/chromium.js";
import { isolation, serve } from "../tools/pages/serve.js";
import { programPage } from "../tools/pages/program-page.js";
import type { Bench, TaskName } from "../bench/page.js";

const taskNames: readonly TaskName[] = ["1 image in 4 steps", "base step"];
const rounds = Number(process.argv[2] ?? 5);
const executable = findChromium();
if (!executable) throw new Error("bench:page: expected Chromium; set CHROMIUM to its path.");

const folder = await programPage(fileURLToPath(new URL("../bench/page.ts", import.meta.url)));
const sites = { isolated: await serve(folder, isolation), "not isolated": await serve(folder) };
const browser = await launchChromium(executable, { webgpu: false });

interface Contender {
  readonly name: string;
  readonly time: (task: TaskName) => Promise<number>;
}

async function contender(
  site: keyof typeof sites,
  setup: "main thread" | "worker",
  threads: number,
): Promise<Contender> {
  const page = await browser.newPage();
  await page.goto(`${sites[site].url}script/${setup === "worker" ? "#worker" : ""}`);
  const count = await page.evaluate(
    (wanted) => (globalThis as unknown as { bench: Bench }).bench.start(wanted),
    threads,
  );
  if (count !== threads) throw new Error(`bench:page: expected ${threads} threads ${site}, got ${count}.`);
  return {
    name: `${site}, ${setup}, ${inThreads(threads)}`,
    time: (task) =>
      page.evaluate((name) => (globalThis as unknown as { bench: Bench }).bench.time(name), task),
  };
}

const contenders = [
  await contender("not isolated", "main thread", 1),
  await contender("not isolated", "worker", 1),
  await contender("isolated", "main thread", 1),
  await contender("isolated", "worker", 1),
  await contender("isolated", "main thread", 2),
  await contender("isolated", "worker", 2),
];
const rows = [["ms in Chromium", ...taskNames], ...contenders.map(({ name }) => [name])];
for (const task of taskNames) {
  const times = await takeTurns(
    contenders.map(
      ({ time }) =>
        () =>
          time(task),
    ),
    rounds,
  );
  times.forEach((ms, i) => rows[i + 1]!.push(show(ms, 1)));
}
process.stdout.write(`Chromium ${browser.version()}, median of ${rounds} rounds\n${textTable(rows)}\n`);
await browser.close();
for (const site of Object.values(sites)) site.close();
rmSync(folder, { recursive: true });
