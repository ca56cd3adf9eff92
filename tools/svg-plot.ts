import { writeFileSync } from "node:fs";
import { importPackage } from "./packages.js";
import type { Point } from "../bench/scaling.js";

interface Vega {
  parse(specification: unknown): unknown;
  readonly View: new (runtime: unknown, options: { renderer: "none" }) => { toSVG(): Promise<string> };
}
interface VegaLite {
  compile(specification: unknown): { readonly spec: unknown };
}

/** Draws the measurements, a panel per dimension and quantity; false where the plotting library is not to be had. */
export async function plotScaling(points: readonly Point[], path: string): Promise<boolean> {
  const svg = await drawChart(specification(points));
  if (svg !== undefined) writeFileSync(path, svg);
  return svg !== undefined;
}

/** What vega-lite draws of a specification, as SVG; undefined where the plotting library is not to be had. */
export async function drawChart(chart: object): Promise<string | undefined> {
  const vega = await importPackage<Vega>("vega", "6.4.0");
  const lite = await importPackage<VegaLite>("vega-lite", "6.4.3");
  if (!vega || !lite) return undefined;
  const { spec } = lite.compile(chart);
  return new vega.View(vega.parse(spec), { renderer: "none" }).toSVG();
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
