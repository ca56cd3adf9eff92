// The plot of one stage's losses: where everything lies, and its lines as SVG. Who shows it sets the letters.
import { axisOf, linear, type Axis } from "./axis.js";
import { inSteps } from "../../../tools/words.js";
import { runningMean, type Curve } from "./curves.js";

/** A subplot's size, and within it the rims around the plot. */
export const SUBPLOT = { width: 350, height: 250, left: 54, top: 30, right: 26, bottom: 54 };
const AREA = {
  width: SUBPLOT.width - SUBPLOT.left - SUBPLOT.right,
  height: SUBPLOT.height - SUBPLOT.top - SUBPLOT.bottom,
};

/** A plot at its place on a page. */
export interface Subplot {
  readonly curve: Curve;
  readonly left: number;
  readonly top: number;
  readonly steps: Axis;
  readonly losses: Axis;
}

/** A text: where its line is, upright, and which of its ends or its middle is at `x`. */
export interface Label {
  readonly text: string;
  readonly x: number;
  readonly y: number;
  readonly anchor: "middle" | "end";
}

export function subplotOf(curve: Curve, place: { readonly left: number; readonly top: number }): Subplot {
  const losses = axisOf(curve.points.map(({ loss }) => loss));
  return { curve, ...place, steps: linear(0, curve.points.at(-1)!.step), losses };
}

const xOf = ({ left, steps }: Subplot, step: number) => left + SUBPLOT.left + steps.place(step) * AREA.width;
const yOf = ({ top, losses }: Subplot, loss: number) =>
  top + SUBPLOT.top + (1 - losses.place(loss)) * AREA.height;

/** Grid, points and line as SVG, in the colours of a white page; their classes let a style sheet choose others. */
export function shapes(subplot: Subplot): string {
  const { points } = subplot.curve;
  const [left, right] = [xOf(subplot, 0), xOf(subplot, 0) + AREA.width];
  const bottom = subplot.top + SUBPLOT.top + AREA.height;
  const rule = (x: number, y: number, to: number) =>
    `<path class="grid" d="M${x} ${y}H${to}" stroke="#e6e8eb"/>`;
  const grid = subplot.losses.ticks.map((tick) => rule(left, Math.round(yOf(subplot, tick)) + 0.5, right));
  const marks = subplot.steps.ticks.map(
    (tick) =>
      `<path class="axis" d="M${Math.round(xOf(subplot, tick)) + 0.5} ${bottom}v5" stroke="#9aa0a6"/>`,
  );
  const at = (step: number, loss: number) =>
    `${xOf(subplot, step).toFixed(1)} ${yOf(subplot, loss).toFixed(1)}`;
  const dots = points.map(({ step, loss }) => `M${at(step, loss)}h0`).join("");
  const means = runningMean(points.map(({ loss }) => loss));
  const line = points.map(({ step }, i) => at(step, means[i]!)).join("L");
  return [
    ...grid,
    ...marks,
    `<path class="axis" d="M${left} ${Math.round(bottom) + 0.5}H${right}" stroke="#9aa0a6"/>`,
    `<path class="dots" d="${dots}" stroke="#8ab4f8" stroke-opacity="0.7" stroke-width="3" stroke-linecap="round"/>`,
    `<path class="mean" d="M${line}" stroke="#1a56c4" stroke-width="2" stroke-linejoin="round" fill="none"/>`,
  ].join("");
}

/** What stands along the axes. */
export function axisLabels(subplot: Subplot): Label[] {
  const { left, top, losses, steps } = subplot;
  const below = top + SUBPLOT.top + AREA.height;
  return [
    ...losses.ticks.map((tick): Label => {
      const text = tick !== 0 && Math.abs(tick) < 1e-4 ? tick.toExponential() : String(tick);
      return { text, x: left + SUBPLOT.left - 8, y: yOf(subplot, tick), anchor: "end" };
    }),
    ...steps.ticks.map((tick): Label => {
      return { text: tick.toLocaleString("en"), x: xOf(subplot, tick), y: below + 16, anchor: "middle" };
    }),
    { text: "training step", x: left + SUBPLOT.left + AREA.width / 2, y: below + 33, anchor: "middle" },
  ];
}

/** What the losses are shown as. */
export function scaleOf({ losses }: Subplot): string {
  return losses.log ? "loss, log scale" : "loss";
}

/** "pd-4" as "PD, 4 steps". */
export function titleOf(stage: string): string {
  const [, method, steps] = /^(pd|cfd)-(\d+)$/.exec(stage) ?? [];
  if (method !== undefined) return `${method.toUpperCase()}, ${inSteps(Number(steps))}`;
  return stage.charAt(0).toUpperCase() + stage.slice(1);
}
