import { writeFileSync } from "node:fs";
import { drawChart } from "../tools/chart.js";

/** One measurement; each dimension is varied alone, around the small U-Net. */
export interface Point {
  readonly dimension: "batch" | "width" | "image size";
  readonly value: number;
  readonly threads: number;
  /** Of a base step. */
  readonly ms: number;
  /** The process's highest resident memory, MB. */
  readonly megabytes: number;
}

/** Draws the measurements, a panel per dimension and quantity; false where the plotting library is not to be had. */
export async function plotScaling(points: readonly Point[], path: string): Promise<boolean> {
  const svg = await drawChart(specification(points));
  if (svg !== undefined) writeFileSync(path, svg);
  return svg !== undefined;
}

function specification(points: readonly Point[]) {
  const panel = (dimension: Point["dimension"], field: "ms" | "megabytes", title: string) => ({
    transform: [{ filter: { field: "dimension", equal: dimension } }],
    width: 200,
    height: 150,
    mark: { type: "line", point: true },
    encoding: {
      x: { field: "value", type: "quantitative", scale: { type: "log", base: 2 }, title: dimension },
      y: { field, type: "quantitative", title, scale: { type: "log", base: 2 } },
      color: { field: "threads", type: "nominal", title: "threads" },
    },
  });
  const row = (field: "ms" | "megabytes", title: string) => ({
    hconcat: (["batch", "width", "image size"] as const).map((name) => panel(name, field, title)),
  });
  return {
    $schema: "https://vega.github.io/schema/vega-lite/v6.json",
    background: "white",
    data: { values: points },
    vconcat: [row("ms", "ms a base step"), row("megabytes", "peak MB")],
  };
}
