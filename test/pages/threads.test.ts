// Threads in pages as they are hosted: with headers of a test's own, in Chromium.
import { readFileSync, rmSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Browser } from "playwright";
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from "vitest";
import { launchChromium } from "../../tools/pages/chromium.js";
import { isolation, serve } from "../../tools/pages/serve.js";
import { visit, type Visit } from "../../tools/pages/visit.js";
import { programPage } from "../../tools/pages/program-page.js";
import type { Answer, Wish } from "./program.js";

let folder: string;
let browser: Browser;
const ends: (() => unknown)[] = [];

beforeAll(async () => {
  folder = await programPage(fileURLToPath(new URL("program.ts", import.meta.url)));
  browser = await launchChromium(inject("chromium"), {
    args: ["--host-resolver-rules=MAP plain.test 127.0.0.1"],
  });
});
afterEach(async () => {
  for (const end of ends.splice(0)) await end();
});
afterAll(async () => {
  await browser.close();
  rmSync(folder, { recursive: true });
});

interface Case {
  readonly headers?: Readonly<Record<string, string>>;
  readonly kind?: "script" | "module";
  readonly host?: string;
}

/** Opens a page that computes what it is asked for. */
async function compute(
  wish: Wish,
  { headers = {}, kind = "script", host = "127.0.0.1" }: Case = {},
): Promise<Answer & Pick<Visit, "complaints">> {
  const site = await serve(folder, headers);
  ends.push(site.close);
  const address = new URL(`${kind}/#${encodeURIComponent(JSON.stringify(wish))}`, site.url);
  address.hostname = host;
  const { page, complaints } = await visit(browser, address.href);
  ends.push(() => page.context().close());
  const answer = await page.waitForFunction(() => (globalThis as { answer?: Answer }).answer, undefined, {
    timeout: 20_000,
  });
  return { ...(await answer.jsonValue())!, complaints };
}

describe.each(["script", "module"] as const)("a page with a %s", (kind) => {
  it("computes in threads without being told where the engine's binary is", async () => {
    const { report, most, least, complaints } = await compute({ threads: 2 }, { headers: isolation, kind });
    expect(report).toMatchObject({ threads: 2 });
    expect(report.threadsLimit).toBeUndefined();
    expect([most, least]).toEqual([72, 32]);
    expect(complaints).toEqual([]);
  });
});

describe.each([
  ["the main thread", false],
  ["a worker", true],
])("%s", (_, inWorker) => {
  const wish = { threads: 3, inWorker };

  it("computes in threads where the page is isolated, under the content security policy of docs/browser.md", async () => {
    const [, policy] = /^Content-Security-Policy: (.*)$/m.exec(readFileSync("docs/browser.md", "utf8"))!;
    const headers = { ...isolation, "Content-Security-Policy": policy! };
    const { report, most, least, complaints } = await compute(wish, { headers });
    expect(report).toMatchObject({ threads: 3 });
    expect([most, least, complaints]).toEqual([72, 32, []]);
  });

  it.each([
    ["without the headers", {}],
    ["on a plain http host", { host: "plain.test" }],
  ])("computes in one thread %s, and says why", async (_, where) => {
    const { report, most, least, complaints } = await compute(wish, where);
    expect(report).toMatchObject({ threads: 1 });
    expect(report.threadsLimit).toMatch(/^the page is not cross-origin isolated/);
    expect([most, least]).toEqual([72, 32]);
    expect(complaints).toEqual([]);
  });

  it.each([
    [
      "worker-src 'self'",
      /^a worker could not be started: the page's content security policy may forbid it/,
      1,
    ],
    ["connect-src 'self'", /^the page's content security policy forbids addresses of blobs/, 2],
  ])(
    "computes in one thread under a content security policy of %s, and says why",
    async (policy, reason, lines) => {
      const headers = { ...isolation, "Content-Security-Policy": policy };
      const { report, most, least, complaints } = await compute(wish, { headers });
      expect(report).toMatchObject({ threads: 1 });
      expect(report.threadsLimit).toMatch(reason);
      expect([most, least]).toEqual([72, 32]);
      expect(complaints).toHaveLength(inWorker ? 0 : lines); // the browser's own
    },
  );
});
