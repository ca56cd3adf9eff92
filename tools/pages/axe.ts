import { createRequire } from "node:module";
import axe from "axe-core";
import type { Page } from "playwright";

const path = createRequire(import.meta.url).resolve("axe-core/axe.min.js");

/** What axe holds against the page as it is now: a line for each rule that is broken, with where. */
export async function axeViolations(page: Page, options: axe.RunOptions = {}): Promise<string[]> {
  await page.addScriptTag({ path });
  const { violations } = await page.evaluate(
    (options) => (globalThis as unknown as { axe: typeof axe }).axe.run(options),
    options,
  );
  return violations.map(
    ({ id, nodes }) => `${id}: ${nodes.map(({ target }) => target.join(" ")).join(", ")}`,
  );
}
