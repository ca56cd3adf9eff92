import { PNG } from "pngjs";
import { describe, expect, it } from "vitest";
import { axisOf, linear } from "../report/axis.js";
import { readCurves, runningMean } from "../report/curves.js";
import { lossPlot } from "../report/loss-plot.js";

const lines = (...entries: object[]) => entries.map((entry) => JSON.stringify(entry)).join("\n");
const stageOf = (stage: string, losses: readonly number[]) =>
  losses.map((loss, i) => ({ stage, step: i + 1, loss }));

describe("axisOf", () => {
  it("marks round numbers between the ends, which lie a little inside", () => {
    const axis = axisOf([1, 3.4, 2]);
    expect(axis.log).toBe(false);
    expect(axis.ticks).toEqual([1, 2, 3]);
    // 4 % of the span on either side: 0.04 / 1.08 and 1.04 / 1.08
    expect(axis.place(1)).toBeCloseTo(0.04 / 1.08, 12);
    expect(axis.place(3.4)).toBeCloseTo(1.04 / 1.08, 12);
  });

  it("goes over to factors where positive values are more than eight-fold apart", () => {
    expect(axisOf([0.1, 0.8]).log).toBe(false);
    expect(axisOf([-1, 100]).log).toBe(false);
    const short = axisOf([0.06, 0.6]);
    expect([short.log, short.ticks]).toEqual([true, [0.1, 0.2, 0.5]]);
    expect(short.place(0.06 * Math.sqrt(10))).toBeCloseTo(0.5, 12);
    expect(axisOf([1e-4, 3]).ticks).toEqual([1e-4, 1e-3, 1e-2, 0.1, 1]);
  });

  it("puts a constant in the middle", () => {
    const axis = axisOf([2, 2]);
    expect(axis.place(2)).toBe(0.5);
    expect(axis.ticks).toContain(2);
    expect(axisOf([0]).place(0)).toBe(0.5);
  });

  it("starts at zero where it is told to", () => {
    const axis = linear(0, 1000);
    expect([axis.place(0), axis.place(1000), axis.ticks]).toEqual([0, 1, [0, 200, 400, 600, 800, 1000]]);
  });
});

describe("a run's log", () => {
  it("becomes a curve for each stage; of a repeated step the last counts, half a line is passed over", () => {
    const log = lines(
      { event: "start" },
      ...stageOf("teacher", [3, 2, 1]),
      { stage: "teacher", event: "resumed", step: 1 },
      { stage: "teacher", step: 2, loss: 1.5 },
      { stage: "pd-2", step: 1, loss: 7 },
      { stage: "pd-2", step: 2, loss: null },
    );
    expect(readCurves(`null\n7\n[]\n${log}\n{"stage":"pd-2","st`)).toEqual([
      {
        stage: "teacher",
        points: [
          { step: 1, loss: 3 },
          { step: 2, loss: 1.5 },
          { step: 3, loss: 1 },
        ],
      },
      { stage: "pd-2", points: [{ step: 1, loss: 7 }] },
    ]);
  });

  it("is smoothed over a twentieth of the stage, less at its ends", () => {
    const ramp = Array.from({ length: 80 }, (_, i) => i); // two neighbours to either side
    const means = runningMean(ramp);
    expect([means[0], means[1], means[40], means[79]]).toEqual([1, 1.5, 40, 78]);
    expect(runningMean([5, 1])).toEqual([5, 1]);
  });
});

describe("lossPlot", () => {
  const draw = async (...entries: object[]) => PNG.sync.read(await lossPlot(lines(...entries)));
  const blue = (png: PNG) => {
    const found: [number, number][] = [];
    for (let y = 0; y < png.height; y++) {
      for (let x = 0; x < png.width; x++) {
        const [r, g, b] = png.data.subarray((y * png.width + x) * 4);
        if (r! < 60 && g! < 120 && b! > 150) found.push([x, y]);
      }
    }
    return found;
  };

  it("draws a constant as a level line in the middle of its panel", async () => {
    const png = await draw(...stageOf("teacher", Array<number>(50).fill(0.3)));
    const line = blue(png);
    const ys = new Set(line.map(([, y]) => y));
    expect(ys.size).toBeLessThanOrEqual(2);
    expect(line.length).toBeGreaterThan(250);
    const [top, bottom] = [84 + 30, 84 + 30 + 166]; // of the plot
    for (const y of ys) expect(Math.abs(y - (top + bottom) / 2)).toBeLessThanOrEqual(1);
  });

  it("draws a falling loss from the upper left to the lower right", async () => {
    const png = await draw(
      ...stageOf(
        "pd-4",
        Array.from({ length: 100 }, (_, i) => 2 - i / 100),
      ),
    );
    const line = blue(png);
    const at = (x: number) => line.filter(([column]) => column === x).map(([, y]) => y);
    expect(Math.max(...at(90))).toBeLessThan(Math.min(...at(200)));
    expect(Math.max(...at(200))).toBeLessThan(Math.min(...at(330)));
  });

  it("has three panels in a row, and as many rows as it takes", async () => {
    const stages = (count: number) =>
      Array.from({ length: count }, (_, i) => stageOf(`pd-${2 ** i}`, [1, 1])).flat();
    const sizes = [];
    for (const count of [2, 3, 4]) {
      const { width, height } = await draw(...stages(count));
      sizes.push([width, height]);
    }
    expect(sizes).toEqual([
      [740, 334],
      [1090, 334],
      [1090, 584],
    ]);
  });

  it("refuses a log without losses", async () => {
    await expect(lossPlot(lines({ event: "start" }))).rejects.toThrow(
      "lossPlot: expected a log with losses, got none.",
    );
  });
});
