// What a visitor sees and does: the first screen, sharing, looking back, and files that do not come.
import { readFileSync } from "node:fs";
import { loadGenerator, useBackend } from "cfd-distill";
import { PNG } from "pngjs";
import type { Page } from "playwright";
import { describe, expect, it } from "vitest";
import { axeViolations } from "../../../tools/pages/axe.js";
import { tooWide } from "../../../tools/pages/too-wide.js";
import { waitForText } from "../../../tools/pages/visit.js";
import {
  chromium,
  drawnByNode,
  expectPainted,
  labelOf,
  manifest,
  openBrowser,
  paintedOn,
  teacherSteps,
  TIMED,
} from "./support.js";

describe.skipIf(!chromium)("a visitor", () => {
  const { urls, open, openQuick, openDrawn, forget } = openBrowser();
  const phone = { width: 360, height: 800 };

  it.each([phone, { width: 768, height: 1024 }, { width: 1280, height: 800 }])(
    "sees the point, its times and pictures at $width x $height without scrolling, and nothing too wide",
    async (viewport) => {
      const { page } = await openDrawn(undefined, { viewport });
      const inSight = await page.evaluate(() =>
        ["h1", ".race", ".figure:nth-child(1)", ".figure:nth-child(2)"].map(
          (selector) => document.querySelector(selector)!.getBoundingClientRect().bottom <= innerHeight,
        ),
      );
      expect(inSight).toEqual([true, true, true, true]);
      expect(await page.textContent("h1")).toBe(`1 call instead of ${teacherSteps}`);
      for (const time of ["#race-student-time", "#race-teacher-time"])
        expect(await page.textContent(time)).toMatch(/^[\d.]+ m?s$/);
      expect(await page.textContent("#race-factor")).toMatch(/^\d+(\.\d)?× faster$/);
      for (const term of await page.locator(".term").all()) {
        await term.hover();
        expect(await tooWide(page)).toEqual([]);
      }
      await page.click("#settings-button");
      expect(await tooWide(page)).toEqual([]);
      await page.click("#code-button");
      expect(await tooWide(page)).toEqual([]);
    },
  );

  it.each(["light", "dark"] as const)(
    "finds nothing that axe knows to be in the way, %s",
    async (colorScheme) => {
      const { page } = await openDrawn(undefined, { colorScheme, reducedMotion: "reduce" });
      expect(await axeViolations(page)).toEqual([]);
      await page.hover(".term");
      await page.click("#settings-button");
      await page.click("#code-button");
      expect(await axeViolations(page)).toEqual([]);
    },
  );

  it("can do all by keyboard, with the focus in sight", async () => {
    const { page } = await openDrawn(undefined, { reducedMotion: "reduce" });
    const focused = () =>
      page.evaluate(() => {
        const { id, name, ariaLabel, textContent } = document.activeElement as HTMLInputElement;
        const outlined = document.querySelector(
          ":focus-visible:not([name]), input:focus-visible + span, .engine:has(:focus-visible), select:focus-visible",
        );
        const outline = outlined ? getComputedStyle(outlined).outlineStyle : "none";
        return { name: [id, name, ariaLabel, textContent].find(Boolean) ?? "", outline };
      });
    const passed: string[] = [];
    const tabTo = async (name: string) => {
      for (let i = 0; i < 30; i++) {
        await page.keyboard.press("Tab");
        const now = await focused();
        expect(now.outline, now.name).toBe("solid");
        passed.push(now.name);
        if (now.name === name) return;
      }
      throw new Error(`Tab does not reach ${name}, only ${passed.join(", ")}`);
    };
    const tip = page.locator(".figure:first-child .tip");
    await tabTo("CFD");
    expect(await tip.isVisible()).toBe(true);
    await page.keyboard.press("Escape");
    expect(await tip.isVisible()).toBe(false);
    await tabTo("Step of Teacher");
    await page.keyboard.press("ArrowLeft");
    await tabTo("steps");
    await page.keyboard.press("ArrowRight");
    await waitForText(page, "h1", /^2 calls instead/);
    await tabTo("settings-button");
    await page.keyboard.press("Enter");
    await tabTo("show");
    await page.keyboard.press("End"); // the last model: CFD, 1 step
    await waitForText(page, "#figures .note-line", /^1 call, all it was trained for$/);
    await waitForText(page, "#figures figcaption", TIMED);
    await tabTo("choose-file");
    await tabTo("distil-go");
    expect(passed).toEqual(
      expect.arrayContaining(["kind", "new-noise", "save-png", "code-button", "count", "seed", "engine"]),
    );
  });

  it("looks back through a model's steps, and is told what its name means", async () => {
    const { page } = await openDrawn();
    const teacher = "#figures figure:nth-child(2)";
    const last = await paintedOn(page, `${teacher} .tile`);
    const slide = (to: string) => page.locator(`${teacher} input`).fill(to);
    await slide("20");
    expect(await page.textContent(`${teacher} figcaption`)).toBe(`step 20 of ${teacherSteps}`);
    expect(await paintedOn(page, `${teacher} .tile`)).not.toEqual(last);
    await slide("0");
    expect(await page.textContent(`${teacher} figcaption`)).toBe("noise");
    const noise = await paintedOn(page, `${teacher} .tile`);
    await page.locator("#figures figure:first-child input").fill("0");
    expect(await paintedOn(page, "#figures figure:first-child .tile")).toEqual(noise); // the same
    await slide(String(teacherSteps));
    expect(await page.textContent(`${teacher} figcaption`)).toMatch(TIMED);
    expect(await paintedOn(page, `${teacher} .tile`)).toEqual(last);
    await page.hover(`${teacher} .term`);
    expect(await page.locator(`${teacher} .tip`).isVisible()).toBe(true);
  });

  it("finds all settings in the address, and shares them by it", async () => {
    const { page } = await open(`${urls.hosted()}#show=cfd-2&steps=2&kind=heart&count=1&seed=7&threads=1`);
    await waitForText(page, "#draw-status", /^Drawn on wasm in 1 thread\.$/);
    await expectPainted(page, ".tile", await drawnByNode("cfd-2", 7, labelOf("heart")));
    await page.click("#new-noise");
    expect(await page.evaluate(() => location.hash)).toBe(
      "#show=cfd-2&steps=2&count=1&seed=8&threads=1&kind=heart",
    );
    await page.selectOption("#distil-steps", "30");
    expect(await page.evaluate(() => location.hash)).toMatch(/&training=30&kind=heart$/);
    await page.evaluate(() => {
      location.hash = "#show=cfd-1&count=1&seed=9&method=pd&training=500&kind=heart";
    });
    await page.waitForFunction(
      () => document.querySelector<HTMLSelectElement>("#distil-steps")!.value === "500",
    );
    expect(await page.inputValue("#distil-method")).toBe("pd");
    await waitForText(page, "#draw-status", /^Drawn on wasm in (?!1 thread)/);
    await expectPainted(page, ".tile", await drawnByNode("cfd-1", 9, labelOf("heart")));
    await page.evaluate(() => {
      location.hash = "#show=cfd-1&count=1&seed=-3&steps=<b>&engine=cuda";
    });
    await waitForText(page, "#address-note", /is not there \(steps=<b>, seed=-3, engine=cuda\): the usual/);
    expect(await page.inputValue("#seed")).toBe("100");
  });

  it("takes the picture and the program home", async () => {
    const { page } = await openQuick(undefined, "&count=4&kind=heart&seed=7&threads=1");
    const [download] = await Promise.all([page.waitForEvent("download"), page.click("#save-png")]);
    expect(download.suggestedFilename()).toBe("cfd-distill-1-steps-seed-7.png");
    const { width, height, data } = PNG.sync.read(readFileSync(await download.path()));
    expect([width, height]).toEqual([24 + 336 + 24, 24 + 52 + 336 + 34 + 24]);
    const tile = await paintedOn(page, ".tile");
    const at = 4 * ((24 + 52 + 12 * 6 + 3) * width + 24 + 12 * 6 + 3); // in pixel (12, 12) of the first
    expect([...data.subarray(at, at + 3)]).toEqual(tile.slice(3 * (12 * 28 + 12), 3 * (12 * 28 + 12) + 3));

    await page.click("#code-button");
    const code = await page.textContent("#code-text");
    expect(code).toContain('useBackend("wasm", { threads: 1 })');
    const drawn = await run(code!);
    expect([drawn.width, drawn.height]).toEqual([56, 56]);
    const tiles = await tilesOf(page);
    expect(Math.max(...tiles.map((byte, i) => Math.abs(byte - drawn.data[i]!)))).toBeLessThanOrEqual(1);
    await page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
    await page.click("#code-copy");
    await waitForText(page, "#code-copy", /^Copied$/);
    expect(await page.evaluate(() => navigator.clipboard.readText())).toBe(code);
    await page.keyboard.press("Escape");
    expect(await page.isHidden("#code-dialog")).toBe(true);
  });

  it("is shown a preview of the link, from beside the page", async () => {
    const { page } = await open();
    const address = await page.getAttribute("meta[property='og:image']", "content");
    expect(address).toMatch(/^\.\/assets\/preview/);
    const { status, bytes } = await page.evaluate(async (path) => {
      const response = await fetch(path!);
      return { status: response.status, bytes: (await response.arrayBuffer()).byteLength };
    }, address);
    expect([status, bytes < 200_000]).toEqual([200, true]);
  });

  it("keeps what can be drawn where a file is missing, and is told what to do", async () => {
    const one = await open(urls.isolated()); // a service worker would be asked instead of the routes
    const { page } = one;
    const figure = (i: number) => `#figures figure:nth-child(${i})`;
    await page.route("**/manifest.json", (route) => route.fulfill({ status: 404 }));
    await page.reload();
    await waitForText(page, "#page-error", /^manifest\.json is missing on this site .*reload it in a moment/);
    await page.unroute("**/manifest.json");
    await page.route("**/teacher.safetensors", (route) => route.abort());
    await page.reload();
    await waitForText(page, "#draw-status", /2 of 4 could not be drawn\.$/);
    for (const i of [1, 4]) expect(await page.textContent(`${figure(i)} figcaption`)).toMatch(TIMED);
    const lost = "teacher.safetensors could not be fetched. Are you online?Try again";
    for (const i of [2, 3]) expect(await page.textContent(`${figure(i)} figcaption`)).toBe(lost);
    expect(await page.textContent("#race-factor")).toBe("Not compared");
    expect(await page.locator("#kind option").count()).toBe(1 + manifest.classes.length);
    await page.unroute("**/teacher.safetensors");
    await page.click(`${figure(2)} button:text("Try again")`);
    await waitForText(page, "#draw-status", /^Drawn on wasm in \d+ threads?\.$/);
    await forget(one);
  });

  it.each([
    ["by its button", (page: Page) => page.check("input[value=wasm]")],
    ["by the address", (page: Page) => page.evaluate(() => (location.hash = "seed=7"))],
  ])("starts an engine %s where neither another one nor the one before would start", async (_, choose) => {
    const one = await openQuick(urls.isolated());
    const { page } = one;
    await page.route("**/sampler-worker*", (route) => route.abort());
    await page.click("#settings-button");
    await page.check("input[value=webgl]");
    await waitForText(
      page,
      "#engine-error",
      /^webgl could not be started, nor wasm again: reload the page/,
      30_000,
    );
    await page.unroute("**/sampler-worker*");
    await choose(page);
    await waitForText(page, "#draw-status", /^Drawn on wasm/, 30_000);
    expect(await page.isHidden("#engine-error")).toBe(true);
    expect(await page.isHidden("#page-error")).toBe(true);
    await forget(one);
  });

  it("distils by PD where CFD's classifier is missing", async () => {
    const one = await open(`${urls.isolated()}#show=cfd-1`);
    const { page } = one;
    await page.route("**/classifier.safetensors", (route) => route.fulfill({ status: 404 }));
    await page.click("#distil-go");
    await waitForText(page, "#distil-error", /^classifier\.safetensors is missing on this site/);
    await page.selectOption("#distil-method", "pd");
    await page.selectOption("#distil-steps", "30");
    await page.click("#distil-go");
    await waitForText(page, "#distil-status", /^Step \d+ of 30/);
    expect(await page.isHidden("#distil-error")).toBe(true);
    await forget(one);
  });

  it("is drawn for again when the line is back", async () => {
    const one = await open(urls.isolated());
    const { page } = one;
    await page.route("**/cfd-1.safetensors", (route) => route.abort());
    await page.evaluate(() => {
      location.hash = "#show=cfd-1";
    });
    await page.reload();
    await waitForText(page, "#figures figcaption", /^cfd-1\.safetensors could not be fetched/);
    await page.unroute("**/cfd-1.safetensors");
    await page.evaluate(() => dispatchEvent(new Event("online")));
    await waitForText(page, "#figures figcaption", TIMED);
    await forget(one);
  });
});

/** Runs the page's program, with this repository's library and as much of a page as it needs; returns what it draws. */
async function run(code: string): Promise<ImageData> {
  let drawn: ImageData | undefined;
  const context = {
    createImageData: (width: number, height: number) => ({
      ...{ width, height },
      data: new Uint8ClampedArray(4 * width * height),
    }),
    putImageData: (image: ImageData) => (drawn = image),
  };
  const canvas = { style: {}, getContext: () => context };
  const body = { append: (element: unknown) => element };
  const document = { createElement: () => canvas, body };
  Object.assign(globalThis, { given: { loadGenerator, useBackend, document } });
  const program = code
    .replace(/^import (.*) from "cfd-distill";$/m, "const $1 = globalThis.given;")
    .replaceAll("document.", "globalThis.given.$&");
  await import(/* @vite-ignore */ `data:text/javascript,${encodeURIComponent(program)}`);
  return drawn!;
}

/** The RGBA bytes of the page's four pictures of 28x28, two in a row. */
function tilesOf(page: Page): Promise<number[]> {
  return page.evaluate(() => {
    const context = new OffscreenCanvas(56, 56).getContext("2d", { willReadFrequently: true })!;
    document.querySelectorAll<HTMLCanvasElement>(".tile").forEach((tile, i) => {
      context.drawImage(tile, 28 * (i % 2), 28 * (i >> 1));
    });
    return [...context.getImageData(0, 0, 56, 56).data];
  });
}
