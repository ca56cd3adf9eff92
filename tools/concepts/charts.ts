import * as tf from "@tensorflow/tfjs";
import { featureDistillationLoss, noise, predict, progressiveTarget } from "cfd-distill";
import { imageBatch } from "cfd-distill/data";
import { drawChart } from "../chart.js";
import type { Pair, Shipped } from "./models.js";

const TEMPERATURES = [1, 0.95, 0.9, 0.5];
const NOISES = 90;
/** The class whose curves are drawn. */
const CURVES = "flag";
const STYLE = {
  $schema: "https://vega.github.io/schema/vega-lite/v6.json",
  background: "white",
  padding: 12,
  config: {
    font: "Inter, system-ui, sans-serif",
    title: { anchor: "start", fontSize: 15, subtitleFontSize: 12, subtitleColor: "#70757a", offset: 12 },
    axis: { labelFontSize: 11, titleFontSize: 12, titleFontWeight: "normal", gridColor: "#eceff1" },
    legend: {
      labelFontSize: 12,
      titleFontSize: 12,
      orient: "top-right",
      fillColor: "white",
      padding: 4,
      labelLimit: 0,
    },
    view: { stroke: null },
    line: { interpolate: "step", strokeWidth: 1.6 },
  },
};
const AXES = {
  x: {
    field: "rank",
    type: "quantitative",
    title: "feature, strongest of the teacher first",
    scale: { nice: false },
  },
  y: { field: "probability", type: "quantitative", title: "probability" },
};

/** The classifier's view of a target and of the student's answer, for both methods: what the feature loss compares. */
export async function drawDistributions(shipped: Shipped): Promise<string> {
  const panels = [
    await distributionsOf("PD", shipped.pd, shipped),
    await distributionsOf("CFD", shipped.cfd, shipped),
  ];
  return chart({
    title: {
      text: "What the classifier sees: softmax of its features",
      subtitle: `Curves: a flag, noise 7. Numbers: feature loss at temperature 1 and 0.9, nats, ${NOISES} noises`,
    },
    hconcat: panels,
    resolve: { scale: { y: "shared", color: "independent" } },
  });
}

async function distributionsOf(method: string, pair: Pair, { schedule, classify, images }: Shipped) {
  // The curves' noise and class first, then the others that the mean is taken of.
  const seeds = [7, ...Array.from({ length: NOISES - 1 }, (_, i) => 100 + i)];
  const labels = [
    images.classes.indexOf(CURVES),
    ...seeds.slice(1).map((seed) => seed % images.classes.length),
  ];
  const times = seeds.map(() => 1);
  const zT = noise(seeds, images.shape);
  const target = progressiveTarget(pair.teacher, schedule, zT, times, { studentSteps: 1, labels }).x0;
  const wanted = classify(target).features;
  const got = classify(predict(pair.student, schedule, zT, times, { labels }).x0).features;
  const lossAt = (temperature: number) => numberOf(featureDistillationLoss(got, wanted, { temperature }));
  const [loss, sharpened] = [await lossAt(1), await lossAt(0.9)];
  const order = descending(await softmax(wanted));
  const curves = { target: await softmax(wanted), student: await softmax(got) };
  return {
    title: { text: `${method}: ${loss.toFixed(4)}, at 0.9 ${sharpened.toFixed(4)}`, fontSize: 13, offset: 6 },
    data: { values: Object.entries(curves).flatMap(([name, curve]) => pointsOf(name, curve, order)) },
    width: 340,
    height: 200,
    mark: "line",
    encoding: { ...AXES, color: coloured(["target", "student"], ["#9aa0a6", "#d9480f"]) },
  };
}

/** softmax(f / temperature) of one image's features, with its entropy. */
export async function drawTemperatures({ classify, images }: Shipped): Promise<string> {
  const { features } = classify(
    imageBatch(images, [images.labels.lastIndexOf(images.classes.indexOf(CURVES))]).x0,
  );
  const order = descending(await softmax(features));
  const names: string[] = [];
  const values: Point[] = [];
  for (const temperature of TEMPERATURES) {
    const curve = await softmax(tf.div(features, temperature));
    const entropy = -curve.reduce((sum, p) => sum + p * Math.log(p), 0);
    const loss = await numberOf(featureDistillationLoss(features, features, { temperature }));
    const name = `${temperature}: entropy ${entropy.toFixed(3)}, loss ${loss.toFixed(4)}`;
    names.push(name);
    values.push(...pointsOf(name, curve, order));
  }
  return chart({
    title: {
      text: "What temperature does: softmax(f / temperature)",
      subtitle: "Features f of one flag. Loss: of a student with the very same features, in nats",
    },
    data: { values },
    width: 740,
    height: 230,
    mark: "line",
    encoding: { ...AXES, color: coloured(names, ["#202124", "#3b7dd8", "#d9480f", "#9aa0a6"]) },
  });
}

interface Point {
  readonly name: string;
  readonly rank: number;
  readonly probability: number;
}

function pointsOf(name: string, curve: Float32Array, order: readonly number[]): Point[] {
  return order.map((index, rank) => ({ name, rank, probability: Number(curve[index]!.toPrecision(4)) }));
}

function coloured(domain: readonly string[], range: readonly string[]) {
  return { field: "name", type: "nominal", title: null, scale: { domain, range } };
}

async function chart(specification: object): Promise<string> {
  const svg = await drawChart({ ...STYLE, ...specification });
  if (svg === undefined) throw new Error("vega-lite could not be installed.");
  return svg;
}

/** Indices from the largest value to the smallest. */
function descending(values: ArrayLike<number>): number[] {
  return Array.from(values, (_, index) => index).sort((a, b) => values[b]! - values[a]!);
}

/** Of the first image. */
async function softmax(features: tf.Tensor): Promise<Float32Array> {
  return tf.softmax(tf.slice(features, 0, 1)).data<"float32">();
}

async function numberOf(scalar: tf.Scalar): Promise<number> {
  return (await scalar.data())[0]!;
}
