import type { Browser, BrowserContextOptions, Page } from "playwright";

/** Images as the page was given them to show: float32, [count, height, width, channels] in [-1, 1]. */
export interface Shown {
  readonly pixels: readonly number[];
  readonly step: number;
  readonly steps: number;
}

/** A page under watch. */
export interface Visit {
  readonly page: Page;
  /** What went to the console as an error, was thrown, or was asked of another host. */
  readonly complaints: readonly string[];
  /** Everything that was shown so far. */
  readonly shown: () => Promise<readonly Shown[]>;
  /** The longest that the page's thread was busy, in milliseconds; what is under 50 is not counted. */
  readonly longestTask: () => Promise<number>;
}

/** The parts of the page that {@link watch} leaves behind. */
interface Watched {
  shown: Shown[];
  longest: number;
}

/** Opens the page in a profile of its own. */
export async function visit(
  browser: Browser,
  url: string,
  options: BrowserContextOptions = {},
): Promise<Visit> {
  const context = await browser.newContext(options);
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on("console", (message) => {
    if (message.type() === "error" || message.type() === "warning") complaints.push(message.text());
  });
  page.on("pageerror", (error) => {
    complaints.push(error.message);
  });
  context.on("request", (request) => {
    if (!request.url().startsWith(new URL(url).origin) && !/^(blob|data):/.test(request.url()))
      complaints.push(request.url());
  });
  await page.addInitScript(watch);
  await page.goto(url, { waitUntil: "commit" }); // the page may load itself again before it is complete
  const watched = <K extends keyof Watched>(key: K) =>
    page.evaluate((name) => (globalThis as unknown as Watched)[name], key);
  return { page, complaints, shown: () => watched("shown"), longestTask: () => watched("longest") };
}

/** Runs in the page before its own scripts: keeps the images that workers send, and the longest task. */
function watch(): void {
  const watched = globalThis as unknown as Watched;
  watched.shown = [];
  watched.longest = 0;
  const listen = Object.getOwnPropertyDescriptor(EventTarget.prototype, "addEventListener")!
    .value as EventTarget["addEventListener"];
  MessagePort.prototype.addEventListener = function (this: MessagePort, type: string, ...rest: unknown[]) {
    if (type === "message") {
      listen.call(this, type, (event) => {
        const { argumentList = [] } = (event as MessageEvent<{ argumentList?: { value?: unknown }[] }>).data;
        const drawn = argumentList[0]?.value as Shown | undefined;
        if (drawn?.pixels && drawn.step) watched.shown.push({ ...drawn, pixels: Array.from(drawn.pixels) });
      });
    }
    (listen as (...all: unknown[]) => void).call(this, type, ...rest);
  };
  new PerformanceObserver((list) => {
    for (const { duration } of list.getEntries()) watched.longest = Math.max(watched.longest, duration);
  }).observe({ type: "longtask", buffered: true });
}

/** Waits until an element's text matches. */
export async function waitForText(page: Page, selector: string, pattern: RegExp, timeout = 180_000) {
  await page.waitForFunction(
    ([at, source]) => new RegExp(source!).test(document.querySelector(at!)?.textContent ?? ""),
    [selector, pattern.source],
    { timeout },
  );
}

/** Drops files onto the page. */
export async function drop(
  page: Page,
  files: readonly { readonly name: string; readonly bytes: Uint8Array }[],
): Promise<void> {
  const data = await page.evaluateHandle(
    (all) => {
      const transfer = new DataTransfer();
      for (const { name, text } of all) {
        const bytes = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
        transfer.items.add(new File([bytes], name));
      }
      return transfer;
    },
    files.map(({ name, bytes }) => ({ name, text: Buffer.from(bytes).toString("base64") })),
  );
  await page.dispatchEvent("body", "drop", { dataTransfer: data });
}
