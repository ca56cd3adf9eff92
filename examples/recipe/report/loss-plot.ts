import type { Picture } from "cfd-distill/data";
import { encodePng } from "cfd-distill/node";
import sharp from "sharp";
import { readCurves } from "./curves.js";
import { axisLabels, SUBPLOT, subplotOf, scaleOf, shapes, titleOf, type Subplot } from "./subplot.js";
import { textWidth, writeText } from "./figure.js";

const GREY = [112, 117, 122] as const;
const SUBTITLE = "Points: as logged. Line: running mean over a twentieth of the stage.";
const MARGIN = 20;
const HEADER = 64;
const MOST_COLUMNS = 3;

/**
 * The losses of a run, a subplot for each stage: what was logged as points, their running mean as a line.
 *
 * @param log the content of a run's log.jsonl
 * @returns a PNG
 * @throws (rejects) if the log has no losses
 */
export async function lossPlot(log: string): Promise<Buffer> {
  const curves = readCurves(log);
  if (curves.length === 0) throw new Error("lossPlot: expected a log with losses, got none.");
  const subplots = curves.map((curve, i) => subplotOf(curve, placeOf(i)));
  const columns = Math.min(MOST_COLUMNS, curves.length);
  const size = {
    width: 2 * MARGIN + Math.max(columns * SUBPLOT.width, Math.ceil(textWidth(SUBTITLE, "small"))),
    height: MARGIN + HEADER + Math.ceil(curves.length / MOST_COLUMNS) * SUBPLOT.height,
  };
  const page = await draw(subplots.map(shapes).join(""), size);
  writeText(page, "Loss, stage by stage", { x: MARGIN, y: MARGIN, face: "title" });
  writeText(page, SUBTITLE, { x: MARGIN, y: MARGIN + 32, face: "small", colour: GREY });
  for (const subplot of subplots) label(page, subplot);
  return Buffer.from(encodePng(page));
}

const placeOf = (i: number) => ({
  left: MARGIN + (i % MOST_COLUMNS) * SUBPLOT.width,
  top: HEADER + MARGIN + Math.floor(i / MOST_COLUMNS) * SUBPLOT.height,
});

/** Lines without letters: those come from our own letters, so that they look the same everywhere. */
async function draw(
  content: string,
  { width: w, height: h }: { width: number; height: number },
): Promise<Picture> {
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${w}" height="${h}">${content}</svg>`;
  const pixels = await sharp(Buffer.from(svg)).flatten({ background: "white" }).raw().toBuffer();
  return { width: w, height: h, data: pixels };
}

function label(page: Picture, subplot: Subplot): void {
  const { left, top, curve } = subplot;
  const grey = { face: "small", colour: GREY } as const;
  const title = titleOf(curve.stage);
  writeText(page, title, { x: left, y: top, face: "label" });
  writeText(page, scaleOf(subplot), { x: left + textWidth(title, "label") + 10, y: top + 2, ...grey });
  for (const { text, x, y, anchor } of axisLabels(subplot)) {
    const wide = textWidth(text, "small");
    writeText(page, text, { x: x - (anchor === "end" ? wide : wide / 2), y: y - 9, ...grey });
  }
}
