import type { Page } from "playwright";

/** What a page holds that a link can lead to, and where its own lead. */
interface Visited {
  readonly links: readonly string[];
  readonly ids: readonly string[];
}

/** Follows the links that stay under `base` and returns what is wrong: links, pictures and parts of pages that are not there. */
export async function crawl(page: Page, base: string): Promise<{ pages: number; complaints: string[] }> {
  const complaints: string[] = [];
  const visited = new Map<string, Visited>();
  const asked: [from: string, link: string][] = [["", base]];
  for (const [from, link] of asked) {
    const url = new URL(link);
    if (!/^https?:$/.test(url.protocol) || url.origin !== new URL(base).origin) continue;
    const address = url.origin + url.pathname;
    const wrong = (what: string) => complaints.push(`${from}: ${link} ${what}`);
    const known = visited.has(address);
    if (!address.startsWith(base)) wrong("leads out of the site");
    else if (!known && !(await page.request.head(address)).ok()) wrong("is not there");
    else if (/([/]|[.]html)$/.test(address)) {
      if (!known) {
        await page.goto(address);
        const { pictures, ...found } = await look(page);
        visited.set(address, found);
        complaints.push(...pictures.map((picture) => `${address}: the picture ${picture} does not show`));
        asked.push(...Array.from(new Set(found.links), (to): [string, string] => [address, to]));
      }
      const id = decodeURIComponent(url.hash.slice(1));
      if (id !== "" && !visited.get(address)!.ids.includes(id)) wrong("has no such part");
    }
  }
  return { pages: visited.size, complaints: [...new Set(complaints)] };
}

function look(page: Page) {
  return page.evaluate(() => ({
    links: Array.from(document.querySelectorAll<HTMLAnchorElement>("a[href]"), ({ href }) => href),
    ids: Array.from(document.querySelectorAll("[id]"), ({ id }) => id),
    pictures: Array.from(document.images)
      .filter((one) => one.naturalWidth === 0)
      .map(({ src }) => src),
  }));
}
