import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { parseArguments } from "../config/command-line.js";
import { configure } from "../plan/configure.js";
import { thinned } from "../report/curves.js";
import { encodePng } from "cfd-distill/node";
import { reportPage, type Shown } from "../watch/html.js";
import { html } from "../watch/markup.js";
import { page } from "../watch/page.js";
import { tensorboard } from "../watch/tensorboard.js";
import { watchersOf } from "../watch/watchers.js";
import { watched } from "../run.js";
import type { Setup } from "../storage/setup.js";
import { showAll, type State } from "../storage/watcher.js";
import { crc32c, readEvents, readFolder } from "./event-file.js";

const choose = (...words: string[]) =>
  parseArguments("quickstart", ["node", "quickstart", "--preset", "smoke", ...words]);
const config = await configure(choose());
const set = { images: new Uint8Array(3), labels: [0], shape: [1, 1, 3] as [number, number, number] };
const data = {
  train: { ...set, classes: ["<script>alert('train')</script>"] },
  test: { ...set, classes: ["a"] },
};
const lines = (entries: readonly object[]) => entries.map((entry) => `${JSON.stringify(entry)}\n`).join("");
const constant = [1, 2, 3, 4].map((step) => ({ stage: "teacher", step, loss: 0.3, gradientNorm: step / 2 }));
const picture = Buffer.from(encodePng({ width: 2, height: 1, data: new Uint8Array(6).fill(200) }));
const measured = {
  ...{
    extractors: [],
    classifierAccuracy: 0.5,
    trainingImages: 90,
    testImages: 30,
    samplesPerMethod: 20,
    frechetOfTestImages: 0.25,
  },
  rows: [{ method: "PD <2>", networkCalls: 2, millisecondsPerImage: 1.25, frechet: 3.5, toTeacher: 0.1234 }],
};

let out: string;
let setup: Setup;
beforeEach(() => {
  out = join(mkdtempSync(join(tmpdir(), "watch-")), 'a"<b>');
  mkdirSync(out);
  setup = { out, config, data };
});
afterEach(() => {
  vi.restoreAllMocks();
  rmSync(join(out, ".."), { recursive: true });
});

describe("the page of a run", () => {
  const shown = (more: Partial<Shown> = {}): Shown => ({
    ...{ setup, log: lines(constant), picture, measured, state: "finished", now: new Date(0), style: "p {}" },
    ...more,
  });

  it("has settings, progress, losses, samples and distances", () => {
    const text = reportPage(shown()).replaceAll(/\s+/g, " ");
    expect(text).toMatch(/<h1> ?a&#34;&#60;b&#62; <span class="state finished">finished<\/span>/);
    expect(text).toContain("engine wasm, seed 0");
    expect(text).toContain('<progress max="6" value="4"></progress></td> <td>4 of 6</td> <td>0.300</td>');
    expect(text).toContain('<progress max="3" value="0"></progress></td> <td>0 of 3</td> <td></td>');
    // x: from 54, a quarter of 270 a step. y: the middle of 166 below 8.
    expect(text).toMatch(/<path class="mean" d="M121\.5 91\.0L189\.0 91\.0L256\.5 91\.0L324\.0 91\.0"/);
    expect(text).toContain('<text x="46" y="91" text-anchor="end">0.3</text>');
    expect(text).toContain(`src="data:image/png;base64,${picture.toString("base64")}"`);
    expect(text).toMatch(/PD &#60;2&#62;<\/th> ?<td>2<\/td><td>1\.3<\/td><td>3\.50<\/td><td>0\.123<\/td>/);
    expect(text).toContain("right on 50 % of 30 test images");
  });

  it("asks nothing of a network", () => {
    const text = reportPage(shown());
    const links = [...text.matchAll(/\b(?:src|href|url)\s*[=(]\s*["']?([^"')\s]*)/g)].map(([, to]) => to!);
    expect(links.length).toBe(2); // the icon, which is empty, and the picture
    for (const link of links) expect(link).toMatch(/^data:/);
    expect(text).not.toMatch(/https?:|@import/);
  });

  it("holds no markup from outside", () => {
    const files = { classifier: { path: "<img src=x>", sha256: "" } };
    const text = reportPage(shown({ setup: { ...setup, config: { ...config, files } } }));
    expect(text).not.toMatch(/<script|<img src=x|<b>"/);
    expect(text).toContain("from &#60;img src=x&#62;");
    expect(text).toContain("&#60;script&#62;alert(&#39;train&#39;)&#60;/script&#62;");
  });

  it("reloads while the run goes on, and leaves out what is not there yet", () => {
    const early = reportPage(shown({ log: "", picture: undefined, measured: undefined, state: "running" }));
    expect(early).toContain('http-equiv="refresh" content="30"');
    expect(early).not.toMatch(/<svg|<img|Distances/);
    for (const state of ["finished", "stopped"] as const) {
      expect(reportPage(shown({ state }))).not.toContain("refresh");
    }
  });

  it("is written from the files of the run's directory", async () => {
    const { show, where } = page(setup);
    expect(where).toBe(`Page ${join(out, "report.html")}`);
    await show!("running");
    const read = () => readFileSync(join(out, "report.html"), "utf8");
    expect(read()).toContain("0 of 6");
    writeFileSync(join(out, "log.jsonl"), lines(constant));
    writeFileSync(join(out, "samples.png"), picture);
    writeFileSync(join(out, "report.json"), JSON.stringify(measured));
    await show!("finished");
    for (const text of ["4 of 6", picture.toString("base64"), "3.50", "color-scheme: light dark"]) {
      expect(read()).toContain(text);
    }
  });

  it("has no distances where the report is damaged, and is written all the same", async () => {
    for (const text of ["", '{"rows":', "{}"]) {
      writeFileSync(join(out, "report.json"), text);
      await page(setup).show!("running");
      const written = readFileSync(join(out, "report.html"), "utf8");
      expect(written).toContain("0 of 6");
      expect(written).not.toContain("Distances");
      rmSync(join(out, "report.html"));
    }
  });

  it("draws a long curve as means of neighbours", () => {
    const points = Array.from({ length: 1000 }, (_, i) => ({ step: i + 1, loss: i }));
    const { points: few } = thinned({ stage: "teacher", points });
    expect(few.length).toBe(334);
    expect([few[0], few[1], few[333]]).toEqual([
      { step: 3, loss: 1 },
      { step: 6, loss: 4 },
      { step: 1000, loss: 999 },
    ]);
    expect(thinned({ stage: "teacher", points: points.slice(0, 400) }).points).toEqual(points.slice(0, 400));
  });

  it("html escapes text, and only text", () => {
    const bold = html`<b>${"a & b"}</b>`;
    expect(html`<p title="${`"'<>`}">${bold}${[bold, bold]}${1}</p>`.html).toBe(
      '<p title="&#34;&#39;&#60;&#62;"><b>a &#38; b</b><b>a &#38; b</b><b>a &#38; b</b>1</p>',
    );
  });
});

describe("TensorBoard's files", () => {
  const folder = (name: string) => join(out, "tensorboard", name);
  const scalars = (name: string) =>
    readFolder(folder(name)).flatMap(({ step, scalars: values }) =>
      Object.entries(values).map(([tag, value]) => [step, tag, value]),
    );

  it("hold every number that is logged, by stage, name and step", () => {
    vi.spyOn(Date, "now").mockReturnValue(1500);
    const { logged, where } = tensorboard(out);
    expect(where).toBe(`TensorBoard: tensorboard --logdir ${join(out, "tensorboard")}`);
    for (const entry of constant.slice(0, 2)) logged!(entry);
    logged!({ stage: "pd-2", step: 70000, loss: 0 });
    logged!({ stage: "pd-2", event: "resumed", step: 70000 });
    logged!({ event: "start", engine: { name: "wasm" } });
    expect(readdirSync(join(out, "tensorboard")).sort()).toEqual(["pd-2", "teacher"]);
    expect(scalars("teacher")).toEqual([
      [1, "loss", Math.fround(0.3)],
      [1, "gradientNorm", 0.5],
      [2, "loss", Math.fround(0.3)],
      [2, "gradientNorm", 1],
    ]);
    expect(scalars("pd-2")).toEqual([[70000, "loss", 0]]);
    const [first, ...others] = readFolder(folder("teacher"));
    expect(first).toMatchObject({ version: "brain.Event:2", wallTime: 1.5 });
    expect(others.every(({ version }) => version === undefined)).toBe(true);
  });

  it("hold the last picture of samples", () => {
    const { drawn } = tensorboard(out);
    drawn!(Buffer.from(encodePng({ width: 1, height: 1, data: new Uint8Array(3) })));
    drawn!(picture);
    const images = readFolder(folder("samples")).map((event) => event.images);
    expect(images.filter((tags) => "samples" in tags)).toEqual([
      { samples: { width: 2, height: 1, bytes: picture } },
    ]);
  });

  it("of a run that goes on take the place of the steps that are repeated", () => {
    const log = (value: number, ...steps: number[]) => {
      const { logged } = tensorboard(out);
      for (const step of steps) logged!({ stage: "teacher", step, loss: value });
    };
    vi.spyOn(Date, "now").mockReturnValueOnce(1000).mockReturnValue(2000);
    log(1, 2, 4, 6, 8); // killed after step 8, the last checkpoint was of step 5
    log(2, 6, 8, 10);
    expect(readdirSync(folder("teacher"))).toHaveLength(2);
    expect(scalars("teacher").map(([step, , value]) => [step, value])).toEqual([
      [2, 1],
      [4, 1],
      [6, 2],
      [8, 2],
      [10, 2],
    ]);
  });

  it("that come late begin with what the log holds", () => {
    const repeated = { stage: "teacher", step: 3, loss: 7 };
    writeFileSync(join(out, "log.jsonl"), `${lines([...constant, repeated])}{"stage":"tea`);
    tensorboard(out).logged!({ stage: "teacher", step: 4, loss: 8 });
    const losses = scalars("teacher").filter(([, tag]) => tag === "loss");
    expect(losses.map(([step, , value]) => [step, value])).toEqual([
      [1, Math.fround(0.3)],
      [2, Math.fround(0.3)],
      [3, 7],
      [4, 8],
    ]);
    appendFileSync(join(out, "log.jsonl"), lines([repeated]));
    tensorboard(out); // there are files already
    expect(scalars("teacher").filter(([, tag]) => tag === "loss")).toHaveLength(4);
  });

  it("stay in their folder whatever the log calls a stage", () => {
    const escaped = { stage: "../../escaped", step: 1, loss: 1 };
    writeFileSync(join(out, "log.jsonl"), lines([escaped]));
    expect(() => tensorboard(out)).toThrow(`${out}: expected a log of stages' names, got "../../escaped".`);
    expect(readdirSync(join(out, ".."))).toHaveLength(1);
    expect(readdirSync(out)).toEqual(["log.jsonl"]);
  });

  it("are read here by rules of their own", () => {
    expect(crc32c(Buffer.from("123456789"))).toBe(0xe3069283); // the check value in catalogues of such sums
    expect(crc32c(new Uint8Array(32))).toBe(0x8a9136aa); // RFC 3720, B.4
    tensorboard(out).logged!(constant[0]!);
    const file = readFileSync(join(folder("teacher"), readdirSync(folder("teacher"))[0]!));
    expect(readEvents(file)).toHaveLength(3);
    file[20]! ^= 1;
    expect(() => readEvents(file)).toThrow("A checksum is wrong");
  });
});

describe("a watcher that fails", () => {
  const seen: State[] = [];
  const failing = (message: string) => ({ where: "", show: () => Promise.reject(new Error(message)) });
  const seeing = { where: "", show: (state: State) => Promise.resolve(void seen.push(state)) };
  const watchers = [failing("no page"), seeing, failing("no events")];
  beforeEach(() => {
    seen.length = 0;
  });

  it("keeps no other from showing, and hides no other's error", async () => {
    await expect(showAll(watchers, "running")).rejects.toThrow("no page\nno events");
    await expect(watched(watchers, () => Promise.resolve())).rejects.toThrow("no page\nno events");
    expect(seen).toEqual(["running", "finished"]);
  });

  it("does not take the place of the run's own error", async () => {
    const printed = vi.spyOn(console, "error").mockReturnValue(undefined);
    const own = new Error("teacher: no number");
    await expect(watched(watchers, () => Promise.reject(own))).rejects.toBe(own);
    expect(printed.mock.calls).toEqual([["no page\nno events"]]);
    expect(seen).toEqual(["stopped"]);
  });
});

it("only those who are asked for watch, and a config does not know of them", async () => {
  expect(watchersOf(choose(), setup)).toEqual([]);
  const both = choose("--html", "--tensorboard");
  expect(watchersOf(both, setup).map(({ where }) => where.split(" ")[0])).toEqual(["Page", "TensorBoard:"]);
  expect(await configure(both)).toEqual(config);
});
