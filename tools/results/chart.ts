import { drawChart } from "../chart.js";
import type { MeasuredRun } from "./runs.js";

/**
 * The Frechet distance of every arm and of DDIM, the teacher's own sampler, against the number of steps: each extractor
 * a panel, mean and spread over seeds.
 */
export async function distanceChart({ results, report }: MeasuredRun): Promise<string> {
  const values = results.flatMap(({ arm, steps, distances }) =>
    distances.map(({ frechet }, i) => ({ arm, steps, frechet, extractor: report.extractors[i]!.extractor })),
  );
  const x = {
    field: "steps",
    type: "ordinal",
    sort: "descending",
    title: "sampling steps",
    axis: { labelAngle: 0 },
  };
  const color = { field: "arm", type: "nominal", title: null, sort: null };
  const panel = ({ extractor }: { readonly extractor: string }) => ({
    title: extractor,
    width: 320,
    height: 240,
    transform: [{ filter: { field: "extractor", equal: extractor } }],
    layer: [
      { mark: { type: "errorbar", extent: "stdev" }, encoding: { x, color, y: { field: "frechet", type: "quantitative", title: "Frechet distance, log", scale: { type: "log", nice: false, padding: 8 } } } }, // prettier-ignore
      { mark: { type: "line", point: true }, encoding: { x, color, y: { field: "frechet", type: "quantitative", aggregate: "mean" } } }, // prettier-ignore
    ],
  });
  const svg = await drawChart({
    $schema: "https://vega.github.io/schema/vega-lite/v6.json",
    background: "white",
    padding: 12,
    data: { values },
    hconcat: report.extractors.map(panel),
    resolve: { scale: { color: "shared" } },
  });
  if (svg === undefined) throw new Error("vega-lite could not be installed.");
  return svg;
}
