// Does a picture come out of every way into a page? Installs the packed tarball beside each bundler into an empty folder,
// builds a page of ten lines, opens it in Chromium, isolated and not, and holds the picture against Node's.
//   npm run bundlers:test -- [NAMES]
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { gzipSync } from "node:zlib";
import type { Browser } from "playwright";
import { ways, withoutLibrary, type Way } from "../tools/bundlers/ways.js";
import { packInto } from "../tools/package/pack.js";
import { findChromium, launchChromium } from "../tools/pages/chromium.js";
import { drawnByNode, shows } from "../tools/pages/picture.js";
import { isolation, serve } from "../tools/pages/serve.js";
import { attempt, printed, root, run } from "../tools/run.js";
import { textTable } from "../tools/text-table.js";

const STUDENT = join(root, "examples/assets/models/cfd-1.safetensors");
/** What of the engines for Node alone no bundler renames: a variable of TensorFlow's. */
const NATIVE = "TF_ENABLE_ONEDNN_OPTS";
const names = process.argv.slice(2);
const chosen = names.length === 0 ? ways : ways.filter(({ name }) => names.includes(name));
const executable = findChromium();
if (executable === undefined) throw new Error("bundlers:test: expected Chromium; set CHROMIUM to its path.");

const work = mkdtempSync(join(tmpdir(), "cfd-distill-bundlers-"));
const browser = await launchChromium(executable, { webgpu: false });
const complaints: string[] = [];
try {
  const tarball = packInto(work);
  const wanted = await drawnByNode(STUDENT, 7, 0);
  if (scriptsWith(NATIVE, join(root, "dist/backends/native")).length === 0)
    complaints.push(`expected ${NATIVE} in dist/backends/native, by which the engines for Node are known`);
  const rows = [["", "kB of scripts, gzipped", "requests", "ms to the picture", "isolated"]];
  for (const way of chosen) {
    const project = join(work, way.name.toLowerCase());
    const outcome = makeProject(way, tarball, project);
    if (outcome !== "built") {
      process.stdout.write(`\n!!! ${way.name}: ${outcome}\n`);
      if (!outcome.startsWith("SKIPPED")) complaints.push(`${way.name}: ${outcome}`);
      continue;
    }
    for (const file of scriptsWith(NATIVE, join(project, way.site)))
      complaints.push(`${way.name}: ${file} holds the engines for Node`);
    const plain = await openPage(browser, join(project, way.site), {}, wanted);
    const isolated = await openPage(browser, join(project, way.site), isolation, wanted);
    for (const { title } of [plain, isolated])
      if (!/^wasm in \d+ threads$/.test(title)) complaints.push(`${way.name}: ${title}`);
    const { bytes, requests, ms, title } = plain;
    rows.push([way.name, (bytes / 1000).toFixed(0), String(requests), ms.toFixed(0), isolated.title]);
    process.stdout.write(`${way.name}: ${title}; isolated: ${isolated.title}\n`);
  }
  process.stdout.write(`${textTable(rows)}\n`);
} finally {
  await browser.close();
  rmSync(work, { recursive: true, force: true });
}
if (complaints.length > 0) {
  process.stderr.write(`${complaints.join("\n")}\n`);
  process.exitCode = 1;
}
process.exit();

/**
 * A new project with the tarball and a bundler from npm, built. "SKIPPED" and the reason where npm does not bring the
 * bundler, or where the bundler cannot build a page without this library either; else what the build said.
 */
function makeProject(way: Way, tarball: string, project: string): string {
  const { packages, files, build, site } = way;
  const write = (path: string, text: string) => {
    mkdirSync(dirname(join(project, path)), { recursive: true });
    writeFileSync(join(project, path), text);
  };
  write("package.json", JSON.stringify({ name: "page", private: true, type: "module" }));
  const install = ["install", "--no-audit", "--no-fund", "--prefer-offline"];
  run("npm", [...install, tarball], project);
  if (packages.length > 0 && attempt("npm", [...install, ...packages], project).status !== 0)
    return `SKIPPED, because npm could not bring ${packages.join(", ")}`;
  for (const [path, text] of Object.entries(files)) write(path, text);
  if (build) {
    const [program, ...args] = [join(project, "node_modules/.bin", build[0]), ...build.slice(1)];
    const env = { ...process.env, CI: "true" }; // else Parcel installs what it misses, unseen
    const built = attempt(program, args, project, env);
    if (built.status !== 0) {
      for (const [path, text] of Object.entries(files)) write(path, withoutLibrary(text));
      const control = attempt(program, args, project, env);
      return control.status === 0
        ? printed(built)
        : `SKIPPED, because it builds no page here: ${printed(control)}`;
    }
  } else {
    const file = "cfd-distill.min.js";
    copyFileSync(join(project, "node_modules/cfd-distill/dist", file), join(project, site, file));
  }
  copyFileSync(STUDENT, join(project, site, "student.safetensors"));
  return "built";
}

/** The scripts of a folder, at any depth, that hold a text. */
function scriptsWith(text: string, folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((path) => /\.[cm]?js$/.test(path))
    .filter((path) => readFileSync(join(folder, path), "utf8").includes(text));
}

/** Opens the page, waits for its title, and compares what the canvas shows. */
async function openPage(
  browser: Browser,
  folder: string,
  headers: Readonly<Record<string, string>>,
  wanted: Float32Array,
) {
  const files: string[] = [];
  const host = await serve(folder, headers, (path) => files.push(path));
  const page = await browser.newPage();
  try {
    const started = performance.now();
    await page.goto(host.url);
    await page.waitForFunction(() => document.title !== "", undefined, { timeout: 120_000 });
    const ms = performance.now() - started;
    let title = await page.title();
    const shown = await page.evaluate(() => {
      const canvas = document.querySelector("canvas")!;
      const copy = new OffscreenCanvas(canvas.width, canvas.height).getContext("2d")!;
      copy.drawImage(canvas, 0, 0); // a worker's canvas can be shown, not read
      return [...copy.getImageData(0, 0, canvas.width, canvas.height).data];
    });
    if (title.startsWith("wasm") && !shows(shown, wanted)) title = `another picture than Node's (${title})`;
    const scripts = files.filter((path) => path.endsWith(".js"));
    const bytes = scripts.reduce((sum, path) => sum + gzipSync(readFileSync(path)).length, 0);
    return { title, requests: files.length, ms, bytes };
  } finally {
    await page.close();
    host.close();
  }
}
