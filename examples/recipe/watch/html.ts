// A run as one page that needs nothing but itself.
import { basename, resolve } from "node:path";
import { inSteps } from "../../../tools/words.js";
import { readCurves, thinned, type Curve } from "../report/curves.js";
import type { Measurements } from "../measure/evaluate.js";
import { axisLabels, SUBPLOT, subplotOf, scaleOf, shapes, titleOf } from "../report/subplot.js";
import { stagesOf } from "../plan/stages.js";
import { measuredCells } from "../report/report.js";
import type { Setup } from "../storage/setup.js";
import { html, type Html } from "./markup.js";
import type { State } from "../storage/watcher.js";

/** What the page shows. */
export interface Shown {
  readonly setup: Setup;
  /** The content of log.jsonl. */
  readonly log: string;
  /** A PNG, once there is one. */
  readonly picture: Buffer | undefined;
  readonly measured: Measurements | undefined;
  readonly state: State;
  readonly now: Date;
  /** A style sheet. */
  readonly style: string;
}

/** Seconds after which a page of a run that goes on loads itself anew. */
const RELOAD = 30;

/** The whole page: what is computed, how far it is, the losses, the samples and what was measured of them. */
export function reportPage({ setup, log, picture, measured, state, now, style }: Shown): string {
  const curves = readCurves(log);
  const name = basename(resolve(setup.out));
  const { recipe, preset } = setup.config;
  const sections = [
    html`<section>
      <h2>Training</h2>
      ${progressTable(setup, curves)}
    </section>`,
    ...(curves.length > 0 ? [lossSection(curves)] : []),
    ...(picture ? [pictureSection(picture)] : []),
    ...(measured ? [measuredSection(measured)] : []),
  ];
  const reload = state === "running" ? html`<meta http-equiv="refresh" content="${RELOAD}" />` : [];
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <link rel="icon" href="data:," />
        ${reload}
        <title>${name}: ${state}</title>
        <style>
          ${{ html: style }}
        </style>
      </head>
      <body>
        <header>
          <h1>${name} <span class="state ${state}">${state}</span></h1>
          <p>Recipe ${recipe}, preset ${preset}. As of <time>${now.toLocaleString("sv")}</time>.</p>
          ${summary(setup)}
        </header>
        ${sections}
        <details>
          <summary>All settings</summary>
          <pre>${JSON.stringify(setup.config, null, 2)}</pre>
        </details>
      </body>
    </html> `.html;
}

/** The most classes that are named. */
const NAMED = 12;

function summary({ out, config, data: { train, test } }: Setup): Html {
  const { engine, seed, unet, teacherSteps } = config;
  const { classes } = train;
  const more = classes.length > NAMED ? `, and ${classes.length - NAMED} more` : "";
  const rows = {
    Images: `${count(train.labels.length)} to train on and ${count(test.labels.length)} to test, ${train.shape.join("x")}`,
    Classes: `${classes.length}: ${classes.slice(0, NAMED).join(", ")}${more}`,
    Teacher: `${inSteps(teacherSteps)}; U-Net of ${unet.multipliers.map((by) => by * unet.channels).join(", ")} channels`,
    Computing: `engine ${engine}, seed ${seed}`,
    Folder: resolve(out),
  };
  return html`<dl>
    ${Object.entries(rows).map(
      ([name, text]) =>
        html`<dt>${name}</dt>
          <dd>${text}</dd>`,
    )}
  </dl>`;
}

function progressTable({ config }: Setup, curves: readonly Curve[]): Html {
  const rows = stagesOf(config).map(({ name, training }) => {
    const title = html`<th scope="row">${titleOf(name)}</th>`;
    const file = config.files[name];
    if (file)
      return html`<tr>
        ${title}
        <td colspan="5">from ${file.path}</td>
      </tr>`;
    if (!training) return html``;
    const { steps, batch, rate } = training;
    const last = curves.find(({ stage }) => stage === name)?.points.at(-1);
    const done = last?.step ?? 0;
    return html`<tr>
      ${title}
      <td><progress max="${steps}" value="${done}"></progress></td>
      <td>${count(done)} of ${count(steps)}</td>
      <td>${last ? last.loss.toPrecision(3) : ""}</td>
      <td>${batch}</td>
      <td>${rate}</td>
    </tr>`;
  });
  return table(["", "", "steps", "last loss", "batch", "learning rate"], rows);
}

function lossSection(curves: readonly Curve[]): Html {
  return html`<section>
    <h2>Loss, stage by stage</h2>
    <p>Points: as logged, or means where there are many. Line: running mean over a twentieth of the stage.</p>
    <div class="plots">${curves.map((curve) => plot(thinned(curve)))}</div>
  </section>`;
}

function plot(curve: Curve): Html {
  const subplot = subplotOf(curve, { left: 0, top: -SUBPLOT.top + 8 }); // its title is the caption's
  const labels = axisLabels(subplot).map(
    ({ text, x, y, anchor }) => html`<text x="${x}" y="${y}" text-anchor="${anchor}">${text}</text>`,
  );
  const title = titleOf(curve.stage);
  return html`<figure>
    <figcaption><b>${title}</b> ${scaleOf(subplot)}</figcaption>
    <svg
      viewBox="0 0 ${SUBPLOT.width} ${SUBPLOT.height - SUBPLOT.top + 8}"
      role="img"
      aria-label="Loss of ${title}"
    >
      ${{ html: shapes(subplot) }}${labels}
    </svg>
  </figure>`;
}

function pictureSection(picture: Buffer): Html {
  return html`<section>
    <h2>Samples</h2>
    <div class="wide">
      <img
        class="samples"
        alt="Training images above, then the samples of every method: a column is a class and a noise"
        src="data:image/png;base64,${picture.toString("base64")}"
      />
    </div>
  </section>`;
}

function measuredSection(measured: Measurements): Html {
  const { head, body, notes } = measuredCells(measured);
  const rows = body.map(
    ([method, ...numbers]) =>
      html`<tr>
        <th scope="row">${method!}</th>
        ${numbers.map((cell) => html`<td>${cell}</td>`)}
      </tr>`,
  );
  return html`<section>
    <h2>Distances</h2>
    ${table(head, rows)}${notes.map((note) => html`<p>${note}</p>`)}
  </section>`;
}

/** It scrolls by itself where a screen is narrower than it. */
function table(head: readonly string[], rows: readonly Html[]): Html {
  const names = head.map((name) => html`<th scope="col">${name}</th>`);
  return html`<div class="wide">
    <table>
      <thead>
        <tr>
          ${names}
        </tr>
      </thead>
      <tbody>
        ${rows}
      </tbody>
    </table>
  </div>`;
}

const count = (value: number) => value.toLocaleString("en");
