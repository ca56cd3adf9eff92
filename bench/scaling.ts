import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Options } from "./options.js";
import { startHere } from "./contender.js";
import { plotScaling, type Point } from "./scaling-plot.js";
import { markdownTable, replaceBetween } from "../tools/markdown.js";
import { show } from "../tools/text-table.js";
import { median } from "./timing.js";
import { small, type Workload } from "./workloads.js";

const REPORT = fileURLToPath(new URL("../docs/performance.md", import.meta.url));
const PLOT = fileURLToPath(new URL("../docs/scaling.svg", import.meta.url));

const MARKS = ["<!-- scaling: written by npm run bench -- --scaling -->", "<!-- end of scaling -->"] as const;

type Dimension = Point["dimension"];

const VALUES: Readonly<Record<Dimension, readonly number[]>> = {
  batch: [4, 8, 16, 32],
  width: [32, 64, 128],
  "image size": [16, 32, 64],
};

function workloadOf(dimension: Dimension, value: number): Workload {
  if (dimension === "batch") return { ...small, batch: value };
  if (dimension === "image size") return { ...small, size: value };
  return { ...small, unet: { ...small.unet, channels: value } };
}

/** Time and memory of a base step over batch, width, image size and threads; writes the report's table and plot. */
export async function measureScaling(options: Options): Promise<string> {
  const points: Point[] = [];
  const known = new Map<string, Measured>(); // the small U-Net itself is a point of each dimension
  for (const dimension of Object.keys(VALUES) as Dimension[]) {
    for (const value of VALUES[dimension]) {
      for (const threads of options.threads) {
        const workload = workloadOf(dimension, value);
        const key = JSON.stringify([workload, threads]);
        const measured = known.get(key) ?? (await measure(workload, threads, options));
        known.set(key, measured);
        points.push({ dimension, value, threads, ...measured });
        console.error(`${dimension} ${value}, threads ${threads}: ${show(measured.ms)} ms`);
      }
    }
  }
  const table = markdown(points);
  writeFileSync(REPORT, replaceBetween(readFileSync(REPORT, "utf8"), MARKS, table));
  const plotted = await plotScaling(points, PLOT);
  return plotted ? table : `${table}\n\nNo plot: vega-lite could not be installed.`;
}

function markdown(points: readonly Point[]): string {
  return markdownTable(
    ["small U-Net, but", "threads", "ms a base step", "peak MB"],
    points.map(({ dimension, value, threads, ms, megabytes }) => {
      return [`${dimension} ${value}`, threads, show(ms), show(megabytes)];
    }),
  );
}

type Measured = Pick<Point, "ms" | "megabytes">;

/** In a process of its own, as memory once taken is not given back. The first step does not count. */
async function measure(workload: Workload, threads: number, options: Options): Promise<Measured> {
  const contender = await startHere(options.engine, options.node, threads);
  await contender.make(workload);
  const times: number[] = [];
  for (let step = 0; step <= options.rounds; step++) times.push(await contender.time("base"));
  const { peak } = await contender.memory();
  contender.close();
  return { ms: median(times.slice(1)), megabytes: peak / 1e6 };
}
