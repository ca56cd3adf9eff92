import type { Picture } from "cfd-distill/data";
import sharp from "sharp";
import { readCurves } from "./curves.js";
import { axisLabels, PANEL, panelOf, scaleOf, shapes, titleOf, type Panel } from "./subplot.js";
import { width, write } from "../../../tools/figure.js";
import { encodePng } from "../../../tools/png.js";

const GREY = [112, 117, 122] as const;
const SUBTITLE = "Points: as logged. Line: running mean over a twentieth of the stage.";
const MARGIN = 20;
const HEADER = 64;
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

const placeOf = (i: number) => ({
  left: MARGIN + (i % MOST_COLUMNS) * PANEL.width,
  top: HEADER + MARGIN + Math.floor(i / MOST_COLUMNS) * PANEL.height,
});

/** Lines without letters: those come from our own sheet, so that they look the same everywhere. */
async function draw(
  content: string,
  { width: w, height: h }: { width: number; height: number },
): Promise<Picture> {
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${w}" height="${h}">${content}</svg>`;
  const pixels = await sharp(Buffer.from(svg)).flatten({ background: "white" }).raw().toBuffer();
  return { width: w, height: h, data: pixels };
}

function label(page: Picture, panel: Panel): void {
  const { left, top, curve } = panel;
  const grey = { face: "small", colour: GREY } as const;
  const title = titleOf(curve.stage);
  write(page, title, { x: left, y: top, face: "label" });
  write(page, scaleOf(panel), { x: left + width(title, "label") + 10, y: top + 2, ...grey });
  for (const { text, x, y, anchor } of axisLabels(panel)) {
    const wide = width(text, "small");
    write(page, text, { x: x - (anchor === "end" ? wide : wide / 2), y: y - 9, ...grey });
  }
}
