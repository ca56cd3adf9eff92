// Do projects that `cfd-distill new` begins work as they come? Packs the package, makes a page and a recipe of it in empty
// folders, installs what they name and the tarball; builds and opens the page in Chromium, in development, isolated and plain,
// and holds the picture against Node's; and runs the recipe to its end on a few pictures that are made here.
import { spawn } from "node:child_process";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createRng } from "cfd-distill";
import { encodePng } from "cfd-distill/node";
import type { Browser, Page } from "playwright";
import { installConsumer } from "../tools/package/consumer.js";
import { findChromium, launchChromium } from "../tools/pages/chromium.js";
import { drawnByNode, shows } from "../tools/pages/picture.js";
import { isolation, serve } from "../tools/pages/serve.js";
import { root, run } from "../tools/run.js";

const MODELS = join(root, "examples/assets/models");
const STUDENT = join(MODELS, "cfd-1.safetensors");
const work = mkdtempSync(join(tmpdir(), "cfd-distill-templates-"));
try {
  const consumer = join(work, "consumer");
  mkdirSync(consumer);
  const tarball = installConsumer(consumer);
  const begin = (template: string, folder: string) => {
    run(join(consumer, "node_modules/.bin/cfd-distill"), ["new", template, folder], work);
    const project = join(work, folder);
    run("npm", ["install", "--no-audit", "--no-fund", "--prefer-offline", tarball], project);
    run(join(root, "node_modules/.bin/tsc"), ["-p", "."], project);
    return project;
  };
  tryRecipe(begin("recipe", "my-run"));
  await tryPage(begin("page", "my-page"));
} finally {
  rmSync(work, { recursive: true, force: true });
}
process.exit();

/** A run of seconds on pictures of two kinds. */
function tryRecipe(project: string): void {
  const rng = createRng(0);
  for (const kind of ["dark", "light"]) {
    mkdirSync(join(project, "pictures", kind), { recursive: true });
    for (let i = 0; i < 12; i++) {
      const data = Uint8Array.from(
        { length: 16 * 16 * 3 },
        () => rng.integer(128) + (kind === "light" ? 128 : 0),
      );
      writeFileSync(join(project, "pictures", kind, `${i}.png`), encodePng({ width: 16, height: 16, data }));
    }
  }
  const start = ["start", "--", "--preset", "smoke", "--dataset", "folder:pictures", "--image-size", "16"];
  const plan = run("npm", [...start, "--dry-run"], project).stdout;
  if (!/teacher +6 steps/.test(plan)) throw new Error(`recipe --dry-run: expected a plan, got\n${plan}`);
  const { stdout } = run("npm", start, project);
  const student = "runs/pictures-smoke/student.safetensors";
  if (!/^Done in/m.test(stdout) || !existsSync(join(project, student)))
    throw new Error(`recipe: expected a student at ${student}, got\n${stdout}`);
  run("npx", ["cfd-distill", "sample", student, "-o", "samples.png"], project);
  process.stdout.write(`recipe: ${/^Done in.*/m.exec(stdout)![0]}\n`);
}

/** The page as Vite serves it, and its build, isolated and not. */
async function tryPage(project: string): Promise<void> {
  run("npm", ["run", "build"], project);
  const executable = findChromium();
  if (executable === undefined) {
    process.stdout.write("\n!!! page: built, but NOT opened, because there is no Chromium !!!\n");
    return;
  }
  const wanted = await drawnByNode(STUDENT, 0, 0);
  const browser = await launchChromium(executable, { webgpu: false });
  const dev = await startVite(project);
  const isolated = await serve(join(project, "dist"), isolation);
  const plain = await serve(join(project, "dist"));
  try {
    for (const [name, { url }] of Object.entries({ dev, isolated, plain }))
      process.stdout.write(`page, ${name}: ${await openPage(browser, url, wanted)}\n`);
    await tryAnother(browser, join(project, "dist"), plain.url);
    await tryFailures(browser, join(project, "dist"), plain.url);
  } finally {
    for (const host of [dev, isolated, plain]) host.close();
    await browser.close();
  }
}

/** A model in the place of another is what a visitor sees who comes again. */
async function tryAnother(browser: Browser, dist: string, url: string): Promise<void> {
  const page = await browser.newPage();
  await page.goto(url);
  await waitForStatus(page, /^Picture 0, .*: 1 step on /);
  copyFileSync(join(MODELS, "cfd-2.safetensors"), join(dist, "student.safetensors"));
  await page.reload();
  await waitForStatus(page, /^Picture 0, .*: 2 steps on /);
  await page.close();
  process.stdout.write("page: draws with a model that was put in the place of another\n");
}

/** What a visitor reads where something is missing. Takes the built page apart, beginning with what is loaded last. */
async function tryFailures(browser: Browser, dist: string, url: string): Promise<void> {
  const model = join(dist, "student.safetensors");
  const kernels = readdirSync(join(dist, "assets")).filter((name) => name.startsWith("wasm-"));
  await expectStatus(browser, `file://${dist}/index.html`, /serve its folder over http/);
  writeFileSync(model, "no model");
  await expectStatus(browser, url, /^The model's file is damaged/);
  rmSync(model);
  await expectStatus(browser, url, /^The model is not there/);
  for (const name of kernels) rmSync(join(dist, "assets", name));
  await expectStatus(browser, url, /^A part of this page did not arrive/);
  process.stdout.write(
    "page: says what is wrong of a file, a damaged model, none, and a part that is missing\n",
  );
}

async function expectStatus(browser: Browser, url: string, wanted: RegExp): Promise<void> {
  const page = await browser.newPage();
  await page.goto(url);
  await waitForStatus(page, wanted);
  await page.close();
}

async function waitForStatus(page: Page, wanted: RegExp): Promise<void> {
  const status = page.locator("[role=status]");
  try {
    await status.filter({ hasText: wanted }).waitFor({ timeout: 20_000 });
  } catch (error) {
    const said = await status.textContent();
    throw new Error(`page: expected ${wanted.source}, got ${said ?? "nothing"}`, { cause: error });
  }
}

/** `npm run dev`, at an address that is free. */
function startVite(project: string): Promise<{ readonly url: string; readonly close: () => void }> {
  const vite = spawn("npm", ["run", "dev", "--", "--port", "0", "--host", "127.0.0.1"], {
    cwd: project,
    detached: true, // npm passes no signal on
  });
  const close = () => void process.kill(-vite.pid!);
  return new Promise((resolve, reject) => {
    let said = "";
    vite.stdout.on("data", (chunk: Buffer) => {
      said += chunk.toString();
      const url = /http:\/\/127\.0\.0\.1:\d+\//.exec(said.replaceAll(/\u001b\[\d+m/g, ""))?.[0];
      if (url !== undefined) resolve({ url, close });
    });
    vite.on("exit", () => {
      reject(new Error(`npm run dev: expected an address, got\n${said}`));
    });
  });
}

/** Opens the page, waits for its picture, and asks for another; what the page says of the first. */
async function openPage(browser: Browser, url: string, wanted: Float32Array): Promise<string> {
  const page = await browser.newPage();
  const status = page.locator("[role=status]");
  const drawn = async (seed: RegExp) => {
    await page.waitForFunction(
      () => document.querySelector("button")?.disabled === false || document.querySelector("small"),
    );
    const text = (await status.textContent()) ?? "";
    if (!seed.test(text)) throw new Error(`page: expected a picture, got ${text}`);
    return text;
  };
  const pixels = () =>
    page.evaluate(() => {
      const copy = new OffscreenCanvas(28, 28).getContext("2d")!;
      copy.drawImage(document.querySelector("canvas")!, 0, 0);
      return [...copy.getImageData(0, 0, 28, 28).data];
    });
  try {
    await page.goto(url);
    const said = await drawn(/^Picture 0, drawn in \d+ ms: 1 step on wasm, \d+ thread/);
    for (let tries = 0; !shows(await pixels(), wanted); tries++) {
      if (tries > 40) throw new Error(`page: expected Node's picture, got another (${said}).`);
      await page.waitForTimeout(50); // what a worker draws is shown with the next frame
    }
    await page.locator("select").selectOption({ label: "animal" });
    await drawn(/^Picture 0,/);
    await page.locator("button").click();
    await drawn(/^Picture \d+,/);
    return said;
  } finally {
    await page.close();
  }
}
