import type { Picture } from "cfd-distill";
import sharp from "sharp";
import { axisOf, linear, type Axis } from "./axis.js";
import { inSteps } from "./config.js";
import { encodePng, width, write } from "./picture.js";

/** A stage's losses by training step. */
export interface Curve {
  readonly stage: string;
  readonly points: readonly { readonly step: number; readonly loss: number }[];
}

const GREY = [112, 117, 122] as const;
const SUBTITLE = "Points: as logged. Line: running mean over a twentieth of the stage.";
const MARGIN = 20;
const HEADER = 64;
/** One stage: its place on the page and within it that of the plot. */
const PANEL = { width: 350, height: 250, left: 54, top: 30, right: 26, bottom: 54 };
const AREA = {
  width: PANEL.width - PANEL.left - PANEL.right,
  height: PANEL.height - PANEL.top - PANEL.bottom,
};
const MOST_COLUMNS = 3;

/**
 * The losses of a run, a panel for each stage: what was logged as points, their running mean as a line.
 *
 * @param log the content of a run's log.jsonl
 * @returns a PNG
 * @throws (rejects) if the log has no losses
 */
export async function lossPlot(log: string): Promise<Buffer> {
  const curves = readCurves(log);
  if (curves.length === 0) throw new Error("lossPlot: expected a log with losses, got none.");
  const panels = curves.map((curve, i) => panelOf(curve, placeOf(i)));
  const columns = Math.min(MOST_COLUMNS, curves.length);
  const size = {
    width: 2 * MARGIN + Math.max(columns * PANEL.width, Math.ceil(width(SUBTITLE, "small"))),
    height: MARGIN + HEADER + Math.ceil(curves.length / MOST_COLUMNS) * PANEL.height,
  };
  const page = await draw(panels.map(shapes).join(""), size);
  write(page, "Loss, stage by stage", { x: MARGIN, y: MARGIN, face: "title" });
  write(page, SUBTITLE, { x: MARGIN, y: MARGIN + 32, face: "small", colour: GREY });
  for (const panel of panels) label(page, panel);
  return encodePng(page);
}

/**
 * The finite losses of each stage, in the order of the log. A run that was killed repeats the steps since its last
 * checkpoint, whose later lines count, and may leave half a line, which is passed over.
 */
export function readCurves(log: string): Curve[] {
  const stages = new Map<string, Map<number, number>>();
  for (const line of log.split("\n")) {
    const { stage, step, loss } = parse(line);
    if (typeof stage !== "string" || typeof step !== "number" || typeof loss !== "number") continue;
    const losses = stages.get(stage) ?? new Map<number, number>();
    stages.set(stage, losses.set(step, loss));
  }
  return Array.from(stages, ([stage, losses]) => ({
    stage,
    points: Array.from(losses, ([step, loss]) => ({ step, loss })).sort((a, b) => a.step - b.step),
  }));
}

function parse(line: string): Record<string, unknown> {
  try {
    return JSON.parse(line) as Record<string, unknown>;
  } catch {
    return {};
  }
}

/** The mean of each value and its neighbours, over about a twentieth of all. */
export function runningMean(values: readonly number[]): number[] {
  const reach = Math.round(values.length / 40);
  return values.map((_, i) => {
    const near = values.slice(Math.max(0, i - reach), i + reach + 1);
    return near.reduce((sum, value) => sum + value, 0) / near.length;
  });
}

interface Panel {
  readonly curve: Curve;
  readonly left: number;
  readonly top: number;
  readonly steps: Axis;
  readonly losses: Axis;
}

const placeOf = (i: number) => ({
  left: MARGIN + (i % MOST_COLUMNS) * PANEL.width,
  top: HEADER + MARGIN + Math.floor(i / MOST_COLUMNS) * PANEL.height,
});

function panelOf(curve: Curve, place: { left: number; top: number }): Panel {
  const losses = axisOf(curve.points.map(({ loss }) => loss));
  return { curve, ...place, steps: linear(0, curve.points.at(-1)!.step), losses };
}

const xOf = ({ left, steps }: Panel, step: number) => left + PANEL.left + steps.place(step) * AREA.width;
const yOf = ({ top, losses }: Panel, loss: number) =>
  top + PANEL.top + (1 - losses.place(loss)) * AREA.height;

/** Grid, points and line as SVG; letters come from our own sheet, so that they look the same everywhere. */
function shapes(panel: Panel): string {
  const { points } = panel.curve;
  const [left, right] = [xOf(panel, 0), xOf(panel, 0) + AREA.width];
  const bottom = panel.top + PANEL.top + AREA.height;
  const rule = (x: number, y: number, to: number) => `<path d="M${x} ${y}H${to}" stroke="#e6e8eb"/>`;
  const grid = panel.losses.ticks.map((tick) => rule(left, Math.round(yOf(panel, tick)) + 0.5, right));
  const marks = panel.steps.ticks.map(
    (tick) => `<path d="M${Math.round(xOf(panel, tick)) + 0.5} ${bottom}v5" stroke="#9aa0a6"/>`,
  );
  const at = (step: number, loss: number) => `${xOf(panel, step).toFixed(1)} ${yOf(panel, loss).toFixed(1)}`;
  const dots = points.map(({ step, loss }) => `M${at(step, loss)}h0`).join("");
  const means = runningMean(points.map(({ loss }) => loss));
  const line = points.map(({ step }, i) => at(step, means[i]!)).join("L");
  return [
    ...grid,
    ...marks,
    `<path d="M${left} ${Math.round(bottom) + 0.5}H${right}" stroke="#9aa0a6"/>`,
    `<path d="${dots}" stroke="#8ab4f8" stroke-opacity="0.7" stroke-width="3" stroke-linecap="round"/>`,
    `<path d="M${line}" stroke="#1a56c4" stroke-width="2" stroke-linejoin="round" fill="none"/>`,
  ].join("");
}

async function draw(
  content: string,
  { width: w, height: h }: { width: number; height: number },
): Promise<Picture> {
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${w}" height="${h}">${content}</svg>`;
  const pixels = await sharp(Buffer.from(svg)).flatten({ background: "white" }).raw().toBuffer();
  return { width: w, height: h, data: pixels };
}

function label(page: Picture, panel: Panel): void {
  const { left, top, curve, losses, steps } = panel;
  const grey = { face: "small", colour: GREY } as const;
  write(page, titleOf(curve.stage), { x: left, y: top, face: "label" });
  const scale = losses.log ? "loss, log scale" : "loss";
  write(page, scale, { x: left + width(titleOf(curve.stage), "label") + 10, y: top + 2, ...grey });
  for (const tick of losses.ticks) {
    const text = tick !== 0 && Math.abs(tick) < 1e-4 ? tick.toExponential() : String(tick);
    write(page, text, { x: left + PANEL.left - 8 - width(text, "small"), y: yOf(panel, tick) - 9, ...grey });
  }
  const below = top + PANEL.top + AREA.height;
  for (const tick of steps.ticks) {
    const text = tick.toLocaleString("en");
    write(page, text, { x: xOf(panel, tick) - width(text, "small") / 2, y: below + 7, ...grey });
  }
  const middle = left + PANEL.left + AREA.width / 2;
  write(page, "training step", { x: middle - width("training step", "small") / 2, y: below + 24, ...grey });
}

/** "pd-4" as "PD, 4 steps". */
function titleOf(stage: string): string {
  const [, method, steps] = /^(pd|cfd)-(\d+)$/.exec(stage) ?? [];
  if (method !== undefined) return `${method.toUpperCase()}, ${inSteps(Number(steps))}`;
  return stage.charAt(0).toUpperCase() + stage.slice(1);
}
