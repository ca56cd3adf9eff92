// The demo as it is hosted: its production build behind a plain server, in Chromium.
import { readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import "cfd-distill/backends/wasm";
import { loadGenerator, useBackend } from "cfd-distill";
import { encodeSafetensors } from "cfd-distill/formats";
import type { Browser, Page } from "playwright";
import { build } from "vite";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { Manifest } from "../../emoji/manifest.js";
import { findChromium, launchChromium } from "../../../tools/pages/chromium.js";
import { isolation, serve } from "../../../tools/pages/serve.js";
import { drop, visit, waitForText, type Visit } from "../../../tools/pages/visit.js";

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const model = (name: string) => readFileSync(here(`../../assets/models/${name}.safetensors`));
const manifest = JSON.parse(readFileSync(here("../../assets/models/manifest.json"), "utf8")) as Manifest;
const labelOf = (kind: string) => manifest.classes.indexOf(kind);
/** What one image of a mix is. */
const firstShown = labelOf(manifest.shown[0]!);
const teacherSteps = manifest.models.find(({ method }) => method === "teacher")!.steps;
const chromium = findChromium();
if (!chromium)
  console.warn("\n!!! demo: SKIPPED, because there is no Chromium (set CHROMIUM to its path) !!!\n");

/** A student's image, from this library in Node. */
async function drawnByNode(name: string, seed: number, label: number): Promise<Float32Array> {
  await useBackend("wasm");
  const generator = await loadGenerator(model(name));
  const images = await generator.sample({ seeds: [seed], labels: [label] });
  const values = await images.data<"float32">();
  images.dispose();
  generator.dispose();
  return values;
}

/** Expects a canvas to show these values in [-1, 1]. */
async function expectPainted(page: Page, canvas: string, wanted: Float32Array): Promise<void> {
  const painted = await page.evaluate((selector) => {
    const tile = document.querySelector<HTMLCanvasElement>(selector)!;
    return [...tile.getContext("2d")!.getImageData(0, 0, 24, 24).data];
  }, canvas);
  const bytes = painted.filter((_, i) => i % 4 !== 3);
  const far = wanted.map((value, i) => Math.abs(127.5 + 127.5 * value - bytes[i]!));
  expect(Math.max(...far)).toBeLessThan(0.7);
}

describe.skipIf(!chromium)("the demo", () => {
  let browser: Browser;
  let site: Awaited<ReturnType<typeof serve>>;
  let isolated: Awaited<ReturnType<typeof serve>>;
  /** In a folder of a host that sends no headers: a service worker isolates the page, except on plain http. */
  let hosted: string;
  let insecure: string;
  const visits: Visit[] = [];

  beforeAll(async () => {
    await build({ configFile: here("../vite.config.ts"), logLevel: "error" });
    [site, isolated] = [await serve(here("..")), await serve(here("../dist"), isolation)];
    hosted = `${site.url}dist/`;
    insecure = hosted.replace("127.0.0.1", "plain.test");
    const args = ["--host-resolver-rules=MAP plain.test 127.0.0.1"];
    browser = await launchChromium(chromium!, { args });
  });
  afterAll(async () => {
    await browser.close();
    site.close();
    isolated.close();
  });
  afterEach(async () => {
    const complaints = visits.flatMap((one) => one.complaints);
    for (const { page } of visits.splice(0)) await page.context().close();
    expect(complaints, "console errors, exceptions, requests to other hosts").toEqual([]);
  });
  const open = async (...more: [url?: string, options?: Parameters<typeof visit>[2]]): Promise<Visit> => {
    const [url = hosted, options] = more;
    const opened = await visit(browser, url, options);
    visits.push(opened);
    if (!url.startsWith(insecure)) await opened.page.waitForFunction(() => crossOriginIsolated);
    return opened;
  };
  /** With a single student to look at, which is quick. */
  const openQuick = async (...more: Parameters<typeof open>): Promise<Visit> => {
    const opened = await open(...more);
    await waitForText(opened.page, "#draw-status", /^Draw(ing|n) on wasm/);
    await opened.page.selectOption("#show", "cfd-1");
    await waitForText(opened.page, "#figures figure:only-child figcaption", /ms an image$/);
    return opened;
  };
  /** With teacher, DDIM, PD and CFD. */
  const openDrawn = async (...more: Parameters<typeof open>): Promise<Visit> => {
    const opened = await open(...more);
    await waitForText(opened.page, "#draw-status", /^Drawn on wasm/);
    return opened;
  };

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
    const url = { headers: isolated.url, "a service worker": hosted, nothing: insecure }[isolator];
    const { page, shown } = await openQuick(url);
    const hint = await page.textContent(".engine:has([value=wasm]) .engine-hint");
    const expected = availableParallelism() > 1 ? hints[isolator] : "processor, 1 thread";
    expect(hint!.replace(/\d+ threads$/, "N threads")).toBe(expected);
    await page.selectOption("#count", "1");
    await page.check(`input[value=${engine}]`);
    await waitForText(page, "#draw-status", new RegExp(`^Drawn on ${engine}`));
    await page.fill("#seed", "5");
    await drop(page, [{ name: "student.safetensors", bytes: model("cfd-2") }]);
    await waitForText(page, "#file-note", /^student\.safetensors is loaded/);
    await waitForText(page, "figcaption", /ms an image$/);
    const got = (await shown()).at(-1)!;
    const wanted = await drawnByNode("cfd-2", 5, firstShown);
    expect([got.step, got.steps]).toEqual([2, 2]);
    expect(got.pixels.length).toBe(24 * 24 * 3);
    expect(Math.max(...wanted.map((value, i) => Math.abs(value - got.pixels[i]!)))).toBeLessThan(1e-3);

    await expectPainted(page, ".tile", wanted);
  });

  it("changes the engine in the middle of a drawing", async () => {
    const { page } = await openDrawn();
    await page.selectOption("#count", "16");
    await waitForText(page, "figcaption", new RegExp(`^Step \\d of ${teacherSteps}`)); // the teacher's, drawn last
    await page.evaluate(() => {
      document.querySelector<HTMLSelectElement>("#count")!.value = "1";
      document.querySelector<HTMLSelectElement>("#show")!.value = "cfd-1";
      document.querySelector<HTMLInputElement>("input[value=webgl]")!.click();
    });
    await waitForText(page, "#draw-status", /^Drawn on webgl/, 60_000);
    expect(await page.isHidden("#draw-error")).toBe(true);
  });

  it("shows every step of teacher, DDIM, PD and CFD, from one noise, and never blocks the page", async () => {
    const { page, shown, longestTask } = await openDrawn();
    expect(await page.locator("h3").allTextContents()).toEqual(
      expect.arrayContaining(["Teacher", "DDIM", "PD", "CFD"]),
    );
    const captions = await page.locator("#figures figcaption").allTextContents();
    expect(captions).toEqual(Array(4).fill(expect.stringMatching(/^\d+(\.\d)? ms an image$/)));
    const steps = (await shown()).map(({ step, steps }) => `${step}/${steps}`);
    const teachers = Array.from({ length: teacherSteps }, (_, i) => `${i + 1}/${teacherSteps}`);
    expect(steps).toEqual(["1/1", "1/1", "1/1", ...teachers]);
    expect(await longestTask()).toBeLessThan(200);
  });

  it("draws a student in no more steps than it was trained for, and says so", async () => {
    const { page } = await open();
    await waitForText(page, "#draw-status", /^Draw/); // it need not have finished
    await page.fill("#steps", "8");
    await waitForText(page, "#figures figure:last-child p", /^student, 4 steps, all/);
    await waitForText(page, "#figures figure:last-child figcaption", /ms an image$/);
    expect(await page.locator("#figures .figure-head p").allTextContents()).toEqual([
      `DDIM, all its ${teacherSteps} steps`,
      "teacher, cut to 8 steps",
      "student, 8 steps",
      "student, 4 steps, all it was trained for",
    ]);
  });

  it("lists the kinds under Unicode's groups, and draws the one that is chosen", async () => {
    const { page } = await openQuick();
    const groups = await page
      .locator("#kind optgroup")
      .evaluateAll((lists) => lists.map((list) => (list as HTMLOptGroupElement).label));
    expect(groups).toEqual(manifest.dataset.groups);
    expect(await page.locator("#kind option").allTextContents()).toEqual(["A mix", ...manifest.classes]);
    await page.selectOption("#count", "1");
    await page.selectOption("#kind", "country-flag");
    await page.waitForSelector('.tile[title="country-flag, seed 1"]');
    await waitForText(page, "#figures figcaption", /ms an image$/);
    await expectPainted(page, ".tile", await drawnByNode("cfd-1", 1, labelOf("country-flag")));
  });

  it("greys an engine that cannot run, with the reason", async () => {
    const plain = await launchChromium(chromium!, { webgpu: false });
    try {
      const { page } = await visit(plain, hosted);
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
    expect(await after([{ name: "cat.png", bytes: Buffer.from("no checkpoint at all") }])).toMatch(
      /^cat\.png is no checkpoint of a diffusion model\. decodeSafetensors: expected/,
    );
    expect(await after([{ name: "a", bytes: student.subarray(0, 1000) }])).toMatch(/^a is no checkpoint/);
    expect(await after([{ name: "b", bytes: other }])).toContain("expected a checkpoint of cfd-distill");
    expect(await after([{ name: "c", bytes: model("classifier") }])).toContain("of a diffusion network");
    const two = [student, student].map((bytes, i) => ({ name: String(i), bytes }));
    expect(await after(two)).toBe("Expected one checkpoint, got 2 files.");
    expect(await page.locator("#show option").count()).toBe(1 + manifest.models.length);
    await page.setInputFiles("#file", here("../../assets/models/cfd-1.safetensors"));
    await waitForText(page, "#file-note", /^cfd-1\.safetensors is loaded/);
    expect(await page.isHidden("#file-error")).toBe(true);
  });

  it("distils in several threads, pauses, goes on in one after a reload, and ends with the bits of a whole run", async () => {
    const { page } = await openQuick();
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
    await page.click("#distil-go");
    await waitForText(page, "#distil-status", /^Step \d+ of 30, .* on wasm,/);
    const whole = await finish(page);

    const beside = await openQuick(isolated.url);
    await beside.page.selectOption("#distil-steps", "30");
    await beside.page.click("#distil-go");
    await waitForText(beside.page, "#distil-status", /steps\/s on wasm in \d+ threads/);
    expect(Buffer.compare(whole, await finish(beside.page))).toBe(0);

    await page.click("#distil-use");
    await waitForText(page, "#figures h3", /^Your CFD student, step 30$/);
    await waitForText(page, "#figures figcaption", /ms an image$/);
    await page.click("#distil-over");
    await waitForText(page, "#distil-status", /^Not started/);
  });

  it("leaves distilling to the tab that was first, until that is closed", async () => {
    const { page: first } = await openQuick();
    await first.selectOption("#distil-steps", "30");
    await first.click("#distil-go");
    await waitForText(first, "#distil-status", /^Step 1[1-9] of 30/); // past the save at 10
    const second = await first.context().newPage();
    await second.goto(hosted);
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

  it("can be used by keyboard alone, with the focus in sight", async () => {
    const { page } = await openDrawn(undefined, { reducedMotion: "reduce" });
    const focused = () =>
      page.evaluate(() => {
        const { id, name } = document.activeElement as HTMLInputElement;
        const outlined = document.querySelector(":focus-visible, .engine:has(:focus-visible)");
        return { id: id || name, outline: outlined ? getComputedStyle(outlined).outlineStyle : "none" };
      });
    const passed: string[] = [];
    const tabTo = async (id: string) => {
      for (let i = 0; i < 20; i++) {
        await page.keyboard.press("Tab");
        const now = await focused();
        expect(now.outline, now.id).toBe("solid");
        passed.push(now.id);
        if (now.id === id) return;
      }
      throw new Error(`Tab does not reach ${id}, only ${passed.join(", ")}`);
    };
    await tabTo("show");
    await page.keyboard.press("End"); // the last model: CFD, 1 step
    await tabTo("steps");
    await page.keyboard.press("ArrowRight");
    await waitForText(page, "#figures .figure-head p", /^drawn in 1 step, all it was trained for$/);
    await waitForText(page, "#figures figcaption", /ms an image$/);
    await tabTo("new-noise");
    await page.keyboard.press("Enter");
    expect(await page.inputValue("#seed")).toBe("10");
    await tabTo("choose-file");
    await tabTo("distil-go");
    expect(passed).toEqual(expect.arrayContaining(["engine", "kind", "count", "seed", "distil-method"]));
  });

  it("fits a phone", async () => {
    const { page } = await openDrawn(undefined, { viewport: { width: 360, height: 740 } });
    const widths = await page.evaluate(() => {
      const wide = Array.from(document.querySelectorAll("body *")).filter(
        (element) => element.getBoundingClientRect().right > innerWidth + 1,
      );
      return { page: document.documentElement.scrollWidth, wide: wide.map(({ outerHTML }) => outerHTML) };
    });
    expect(widths).toEqual({ page: 360, wide: [] });
  });

  it("is explained by a page of a few lines that draws as Node does", async () => {
    const text = readFileSync(here("../minimal.html"), "utf8");
    expect(readFileSync(here("../../../docs/browser.md"), "utf8")).toContain(text);
    const { page } = await open(`${insecure}minimal.html`);
    await page.waitForFunction(() => document.querySelector("canvas")!.toDataURL().length > 1000); // not empty
    await expectPainted(page, "canvas", await drawnByNode("cfd-1", 7, 0));
  });

  it("says in the page what could not be loaded", async () => {
    const one = await open(isolated.url); // a service worker would be asked instead of the routes
    await one.page.route("**/manifest.json", (route) => route.fulfill({ status: 404 }));
    await one.page.reload();
    await waitForText(one.page, "#page-error", /manifest\.json could not be loaded: the server answered 404/);
    await one.page.unroute("**/manifest.json");
    await one.page.route("**/cfd-1.safetensors", (route) => route.abort());
    await one.page.reload();
    await waitForText(
      one.page,
      "#draw-error",
      /cfd-1\.safetensors could not be loaded: is the page still online/,
    );
    visits.splice(0); // the console has its own words for both
    await one.page.context().close();
  });
});
