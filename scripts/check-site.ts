// Does all of the site work? Builds it, serves it from a folder of a host, opens every page in Chromium and follows
// every link, and searches; on a phone nothing may be wider than the screen.
//   npm run site:test
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { axeViolations } from "../tools/pages/axe.js";
import { findChromium, launchChromium } from "../tools/pages/chromium.js";
import { serve } from "../tools/pages/serve.js";
import { tooWide } from "../tools/pages/too-wide.js";
import { visit } from "../tools/pages/visit.js";
import { root, run } from "../tools/run.js";
import { crawl } from "../tools/site/crawl.js";

const executable = findChromium();
if (executable === undefined) throw new Error("site:test: expected Chromium; set CHROMIUM to its path.");

const work = mkdtempSync(join(tmpdir(), "cfd-distill-site-"));
const browser = await launchChromium(executable, { webgpu: false });
try {
  run("npm", ["run", "site", "--", join(work, "some/where")], root);
  const host = await serve(work);
  const base = `${host.url}some/where/`;
  const { page, complaints } = await visit(browser, base);
  const outside: string[] = [];
  page.context().on("request", (request) => {
    if (!/^(blob|data):/.test(request.url()) && !request.url().startsWith(base))
      outside.push(`${page.url()} asks for ${request.url()}`);
  });
  await page.waitForFunction(() => crossOriginIsolated); // the demo has loaded itself again
  await page.goto(`${base}docs/`);
  await page.click("#tsd-search-trigger");
  await page.fill("#tsd-search-input", "sampleDdim");
  await page.click("#tsd-search-results a"); // the first
  await page.waitForURL(/sampleDdim[.]html/);
  const barriers: string[] = [];
  const accessible = {
    runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"],
    rules: { "nested-interactive": { enabled: false } }, // the links in what TypeDoc's own script unfolds
  };
  const paths = ["", "guides/concepts.html", "functions/cfd-distill.cfdLoss.html"];
  for (const colorScheme of ["light", "dark"] as const)
    for (const path of paths) {
      await page.emulateMedia({ colorScheme });
      await page.goto(`${base}docs/${path}`);
      for (const barrier of await axeViolations(page, accessible))
        barriers.push(`${page.url()}, ${colorScheme}: axe: ${barrier}`);
    }
  const wide: string[] = [];
  const { width, height } = page.viewportSize()!;
  await page.setViewportSize({ width: 360, height: 800 });
  for (const path of paths) {
    await page.goto(`${base}docs/${path}`);
    for (const element of await tooWide(page)) wide.push(`${page.url()}, 360 wide: ${element} is wider`);
  }
  await page.setViewportSize({ width, height });
  const { pages, complaints: broken } = await crawl(page, base);
  const all = [...barriers, ...wide, ...broken, ...outside, ...complaints];
  process.stdout.write(`${pages} pages, ${all.length} complaints\n${all.join("\n")}\n`);
  process.exitCode = all.length === 0 ? 0 : 1;
  host.close();
} finally {
  await browser.close();
  rmSync(work, { recursive: true, force: true });
}
