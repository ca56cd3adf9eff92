// The demo as it is hosted: its production build behind a plain server, in Chromium.
import { readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { decodeCheckpoint, disposeParams, encodeCheckpoint, useBackend } from "cfd-distill";
import { encodeSafetensors } from "cfd-distill/formats";
import type { Page } from "playwright";
import { describe, expect, it } from "vitest";
import { launchChromium } from "../../../tools/pages/chromium.js";
import { drop, visit, waitForText } from "../../../tools/pages/visit.js";
import { wordsOf } from "../plan.js";
import {
  chromium,
  drawnByNode,
  expectPainted,
  here,
  labelOf,
  manifest,
  model,
  openBrowser,
  paintedOn,
  teacherSteps,
  TIMED,
} from "./support.js";

/** What one image of a mix is. */
const firstShown = labelOf(manifest.classes[0]!);

describe.skipIf(!chromium)("the demo", () => {
  const { urls, open, openQuick, openDrawn } = openBrowser();

  /** What stands beside wasm's name, by what isolates the page. */
  const hints = {
    headers: "processor, N threads",
    "a service worker": "processor, N threads",
    nothing: "processor, 1 thread: browsers give more on https or localhost only",
  };

  it.each([
    ["wasm", "headers"],
    ["wasm", "a service worker"],
    ["wasm", "nothing"],
    ["webgl", "a service worker"],
    ["webgpu", "a service worker"],
  ] as const)("draws a dropped student on %s as Node draws it, isolated by %s", async (engine, isolator) => {
    const { isolated, hosted, insecure } = urls;
    const url = { headers: isolated, "a service worker": hosted, nothing: insecure }[isolator]();
    const { page, shown } = await openQuick(url, "&count=1");
    const hint = await page.textContent(".engine:has([value=wasm]) .engine-hint");
    const expected = availableParallelism() > 1 ? hints[isolator] : "processor, 1 thread";
    expect(hint!.replace(/\d+ threads$/, "N threads")).toBe(expected);
    await page.click("#settings-button");
    await page.check(`input[value=${engine}]`);
    await waitForText(page, "#draw-status", new RegExp(`^Drawn on ${engine}`));
    await page.fill("#seed", "5");
    await drop(page, [{ name: "student.safetensors", bytes: model("cfd-2") }]);
    await waitForText(page, "#file-note", /^student\.safetensors is loaded/);
    await waitForText(page, "figcaption", TIMED);
    const got = (await shown()).at(-1)!;
    const wanted = await drawnByNode("cfd-2", 5, firstShown);
    expect([got.step, got.steps]).toEqual([2, 2]);
    expect(got.pixels.length).toBe(28 * 28 * 3);
    expect(Math.max(...wanted.map((value, i) => Math.abs(value - got.pixels[i]!)))).toBeLessThan(1e-3);

    await expectPainted(page, ".tile", wanted);
  });

  it("changes the engine in the middle of a drawing", async () => {
    const { page } = await open(`${urls.hosted()}#count=16`);
    await waitForText(page, "figure:nth-child(2) figcaption", new RegExp(`^Call \\d of ${teacherSteps}`));
    await page.evaluate(() => {
      document.querySelector<HTMLSelectElement>("#count")!.value = "1";
      document.querySelector<HTMLSelectElement>("#show")!.value = "cfd-1";
      document.querySelector<HTMLInputElement>("input[value=webgl]")!.click();
    });
    await waitForText(page, "#draw-status", /^Drawn on webgl/, 60_000);
    expect(await page.locator("#figures [data-state=done]").count()).toBe(1);
    expect(await page.evaluate(() => location.hash)).toBe("#show=cfd-1&count=1&engine=webgl");
  });

  it("shows every step of teacher, DDIM, PD and CFD, from one noise, and never blocks the page", async () => {
    const { page, shown, longestTask } = await openDrawn();
    expect(await page.locator("#figures h3").allTextContents()).toEqual(["CFD", "Teacher", "DDIM", "PD"]);
    const captions = await page.locator("#figures figcaption").allTextContents();
    expect(captions).toEqual(Array(4).fill(expect.stringMatching(TIMED)));
    const steps = (await shown()).map(({ step, steps }) => `${step}/${steps}`);
    const teachers = Array.from({ length: teacherSteps }, (_, i) => `${i + 1}/${teacherSteps}`);
    expect(steps).toEqual(["1/1", ...teachers, "1/1", "1/1"]);
    expect(await longestTask()).toBeLessThan(200);
  });

  it("draws a student in no more steps than it was trained for, and says so", async () => {
    const { page } = await open();
    await waitForText(page, "#figures figure:first-child figcaption", TIMED); // the others need not be there
    await page.check("input[name=steps][value='8']", { force: true });
    await waitForText(
      page,
      "#figures figure:first-child .note-line",
      /^student by features and pixels, 4 calls, all/,
    );
    await waitForText(page, "#figures figure:first-child figcaption", TIMED);
    expect(await page.locator("#figures .note-line").allTextContents()).toEqual([
      "student by features and pixels, 4 calls, all it was trained for",
      `${teacherSteps} calls`,
      "teacher, hurried to 8 calls",
      "student by pixels, 8 calls",
    ]);
    expect(await page.textContent("h1")).toBe(`4 calls instead of ${teacherSteps}`);
  });

  it("lists the kinds as words, and draws the one that is chosen", async () => {
    const { page } = await openQuick(undefined, "&count=1");
    const kinds = await page.locator("#kind option").allTextContents();
    expect(kinds).toHaveLength(1 + manifest.classes.length);
    expect(kinds.filter((kind) => /^[a-z]|-|&/.test(kind))).toEqual([]);
    await page.selectOption("#kind", { label: "Flag" });
    await page.waitForSelector('.tile[title="Flag, seed 100"]');
    await waitForText(page, "#figures figcaption", TIMED);
    await expectPainted(page, ".tile", await drawnByNode("cfd-1", 100, labelOf("flag")));
  });

  it("lists the classes that a dropped model names, and the page's again without it", async () => {
    const { page } = await openQuick(undefined, "&count=1&kind=heart");
    await useBackend("wasm");
    const student = decodeCheckpoint(model("cfd-1"));
    const classNames = manifest.classes.map((_, i) => `my-kind-${i}`);
    const bytes = Buffer.from(await encodeCheckpoint({ ...student, classNames }));
    disposeParams(student.params);
    await drop(page, [{ name: "mine.safetensors", bytes }]);
    await page.waitForSelector('.tile[title="My kind 0, seed 100"]'); // the first of a mix: hearts are not in its list
    await page.click("#settings-button");
    await page.selectOption("#kind", { label: "My kind 3" });
    await page.waitForSelector('.tile[title="My kind 3, seed 100"]');
    await waitForText(page, "#figures figcaption", TIMED);
    await expectPainted(page, ".tile", await drawnByNode("cfd-1", 100, 3));
    expect(await page.evaluate(() => location.hash)).toBe("#count=1");
    await page.selectOption("#show", "cfd-1");
    await page.waitForSelector(`.tile[title="${wordsOf(manifest.classes[0]!)}, seed 100"]`);
  });

  it("greys an engine that cannot run, with the reason", async () => {
    const plain = await launchChromium(chromium!, { webgpu: false });
    try {
      const { page } = await visit(plain, urls.hosted());
      await waitForText(page, ".engine:has([value=webgpu])", /has no WebGPU|has WebGPU, but/);
      expect(await page.isDisabled("input[value=webgpu]")).toBe(true);
      expect(await page.isDisabled("input[value=wasm]")).toBe(false);
    } finally {
      await plain.close();
    }
  });

  it("says what is wrong with a file", async () => {
    const { page } = await openQuick();
    const after = async (files: Parameters<typeof drop>[1]) => {
      await drop(page, files);
      await page.waitForSelector("#file-error:not([hidden])");
      return page.textContent("#file-error");
    };
    const student = model("cfd-1");
    const other = encodeSafetensors({ w: { dtype: "F32", shape: [1], data: new Float32Array(1) } });
    const unfit = "is not a model that this page can draw with";
    const said = await after([{ name: "cat.png", bytes: Buffer.from("no checkpoint at all") }]);
    expect(said).toContain(`cat.png ${unfit}`);
    expect(said).toContain("What the program saiddecodeSafetensors: expected"); // folded away
    expect(await after([{ name: "a", bytes: student.subarray(0, 1000) }])).toContain(`a ${unfit}`);
    expect(await after([{ name: "b", bytes: other }])).toContain("expected a checkpoint of cfd-distill");
    expect(await after([{ name: "c", bytes: model("classifier") }])).toContain("of a diffusion network");
    const two = [student, student].map((bytes, i) => ({ name: String(i), bytes }));
    expect(await after(two)).toBe("These are 2 files: open one at a time.");
    await page.evaluate(() => {
      Object.defineProperty(File.prototype, "size", { get: () => 6e8, configurable: true });
    });
    expect(await after([{ name: "huge", bytes: student }])).toBe(
      "huge has 600 MB; this page takes models of up to 512 MB.",
    );
    await page.evaluate(() => delete (File.prototype as { size?: number }).size);
    expect(await page.locator("#show option").count()).toBe(1 + manifest.models.length);
    await page.setInputFiles("#file", here("../../assets/models/cfd-1.safetensors"));
    await waitForText(page, "#file-note", /^cfd-1\.safetensors is loaded/);
    expect(await page.isHidden("#file-error")).toBe(true);
  });

  it("distils in several threads, pauses, goes on in one after a reload, and ends with the bits of a whole run", async () => {
    const { page } = await openQuick();
    await page.click("#distil-go", { trial: true }); // it is there when the first picture is
    await page.selectOption("#distil-steps", "30");
    await page.click("#distil-go");
    await waitForText(page, "#distil-status", /^Step (1[2-9]|2\d) of 30, .* on wasm in \d+ threads/); // past the save at 10
    await page.click("#distil-go");
    await waitForText(page, "#distil-status", /^Saved in this browser: CFD student, step \d+ of 30/);
    const curve = await page.getAttribute("#distil-chart", "aria-label");
    expect(curve).toMatch(/^Loss curve: (1[2-9]|2\d) steps, last 0\.\d+$/);
    await page.evaluate(async () => (await navigator.serviceWorker.getRegistration())!.unregister());
    await page.reload();
    expect(await page.evaluate(() => crossOriginIsolated)).toBe(false);
    await waitForText(page, "#distil-go", /^Resume$/);
    await page.waitForSelector(`#distil-chart[aria-label="${curve}"]`);
    const begun = await paintedOn(page, "#distil-figures figure:first-child .tile");
    expect(begun).not.toEqual(await paintedOn(page, "#distil-figures figure:nth-child(2) .tile"));
    await page.click("#distil-go");
    await waitForText(page, "#distil-status", /^Step \d+ of 30, .* on wasm,/);
    const whole = await finish(page);

    const beside = await openQuick(urls.isolated());
    await beside.page.click("#distil-go", { trial: true });
    await beside.page.selectOption("#distil-steps", "30");
    await beside.page.click("#distil-go");
    await waitForText(beside.page, "#distil-status", /steps\/s on wasm in \d+ threads/);
    expect(Buffer.compare(whole, await finish(beside.page))).toBe(0);

    await page.click("#distil-use");
    await waitForText(page, "#figures h3", /^Your CFD student, step 30$/);
    await waitForText(page, "#figures figcaption", TIMED);
    await page.click("#distil-over");
    await waitForText(page, "#distil-status", /^Not started/);
  });

  it("leaves distilling to the tab that was first, until that is closed", async () => {
    const { page: first } = await openQuick();
    await first.click("#distil-go", { trial: true });
    await first.selectOption("#distil-steps", "30");
    await first.click("#distil-go");
    await waitForText(first, "#distil-status", /^Step 1[1-9] of 30/); // past the save at 10
    const second = await first.context().newPage();
    await second.goto(urls.hosted());
    await waitForText(second, "#distil-status", /^Distilling belongs to another tab/);
    expect(await second.isDisabled("#distil-go")).toBe(true);
    expect(await second.isDisabled("#distil-method")).toBe(true);
    await waitForText(second, "#draw-status", /^Drawn on wasm/); // the rest of the page is free
    await first.close();
    await waitForText(second, "#distil-status", /^Saved in this browser: CFD student, step \d+ of 30/);
    await second.click("#distil-go");
    await finish(second);
  });

  async function finish(page: Page): Promise<Buffer> {
    await waitForText(page, "#distil-status", /^Finished: CFD student, step 30 of 30/);
    const [download] = await Promise.all([page.waitForEvent("download"), page.click("#distil-download")]);
    expect(download.suggestedFilename()).toBe("cfd-student-step-30.safetensors");
    return readFileSync(await download.path());
  }

  it("is explained by a page of a few lines that draws as Node does", async () => {
    const text = readFileSync(here("../minimal.html"), "utf8");
    expect(readFileSync(here("../../../docs/bundlers.md"), "utf8")).toContain(text);
    const { page } = await open(`${urls.insecure()}minimal.html`);
    await page.waitForFunction(() => document.querySelector("canvas")!.toDataURL().length > 1000); // not empty
    await expectPainted(page, "canvas", await drawnByNode("cfd-1", 7, 0));
  });
});
