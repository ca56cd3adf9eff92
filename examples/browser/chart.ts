import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";

/** A curve of the loss, one value for each training step. */
export interface LossChart {
  readonly show: (losses: readonly number[], total: number) => void;
}

const dark = matchMedia("(prefers-color-scheme: dark)");
const HEIGHT = 250;

/** Draws the loss of every step faintly and its running mean clearly, in the page's colours. */
export function lossChart(place: HTMLElement): LossChart {
  let losses: readonly number[] = [];
  let total = 1;
  let chart = create();
  let scheduled = false;

  function create(): uPlot {
    return new uPlot(
      options(place, () => total),
      dataOf(losses),
      place,
    );
  }
  function update(): void {
    scheduled = false;
    chart.setData(dataOf(losses));
    const last = losses.at(-1);
    const what = last === undefined ? "no step yet" : `${losses.length} steps, last ${last.toPrecision(3)}`;
    place.setAttribute("aria-label", `Loss curve: ${what}`);
  }
  dark.addEventListener("change", () => {
    chart.destroy();
    chart = create();
  });
  new ResizeObserver(() => {
    chart.setSize({ width: place.clientWidth, height: HEIGHT });
  }).observe(place);
  return {
    show(next, count) {
      losses = next;
      total = count;
      if (!scheduled) requestAnimationFrame(update);
      scheduled = true;
    },
  };
}

function options(place: HTMLElement, total: () => number): uPlot.Options {
  const colour = (name: string) => getComputedStyle(document.documentElement).getPropertyValue(name);
  const axis: uPlot.Axis = {
    font: "12px 'Inter Variable', sans-serif",
    stroke: colour("--soft"),
    grid: { stroke: colour("--line"), width: 1 },
    ticks: { show: false },
  };
  return {
    width: place.clientWidth,
    height: HEIGHT,
    legend: { show: false },
    cursor: { show: false },
    scales: {
      x: { time: false, range: () => [0, total()] },
      y: { range: (_, __, most) => [0, most > 0 ? most * 1.05 : 0.02] },
    },
    axes: [
      { ...axis, size: 28 },
      {
        ...axis,
        size: 56,
        space: 45,
        values: (_, splits) => splits.map((loss) => `${Number(loss.toPrecision(3))}`),
      },
    ],
    series: [
      {},
      { stroke: colour("--faint"), width: 1, points: { show: false } },
      { stroke: colour("--accent"), width: 2, points: { show: false } },
    ],
  };
}

function dataOf(losses: readonly number[]): uPlot.AlignedData {
  return [losses.map((_, i) => i + 1), [...losses], runningMean(losses)];
}

/** The mean of the last values, whose weights fall by a twentieth a step. */
function runningMean(values: readonly number[]): number[] {
  let sum = 0;
  let weight = 0;
  return values.map((value) => {
    sum = 0.95 * sum + value;
    weight = 0.95 * weight + 1;
    return sum / weight;
  });
}
