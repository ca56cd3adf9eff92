import { importPackage } from "./packages.js";

interface Vega {
  parse(specification: unknown): unknown;
  readonly View: new (runtime: unknown, options: { renderer: "none" }) => { toSVG(): Promise<string> };
}
interface VegaLite {
  compile(specification: unknown): { readonly spec: unknown };
}

/** What vega-lite draws of a specification, as SVG; undefined where the plotting library is not to be had. */
export async function drawChart(chart: object): Promise<string | undefined> {
  const vega = await importPackage<Vega>("vega", "6.4.0");
  const lite = await importPackage<VegaLite>("vega-lite", "6.4.3");
  if (!vega || !lite) return undefined;
  const { spec } = lite.compile(chart);
  return new vega.View(vega.parse(spec), { renderer: "none" }).toSVG();
}
