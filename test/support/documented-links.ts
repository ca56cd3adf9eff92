import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";

/** The relative links of a page whose file, or whose heading in a Markdown file, is not there. */
export function brokenLinks(file: string, page: string, root: string): string[] {
  const links = Array.from(page.matchAll(/\]\(([^)\s]+)\)/g), ([, link]) => link!);
  return links.filter((link) => {
    if (/^[a-z]+:/.test(link)) return false;
    const [path = "", heading] = link.split("#");
    const target = path === "" ? join(root, file) : join(root, dirname(file), path);
    if (path !== "" && !existsSync(target)) return true;
    if (heading === undefined) return false;
    return !headingsOf(path === "" ? page : readFileSync(target, "utf8")).includes(heading);
  });
}

/** Headings as GitHub's and typedoc's anchors: in small letters, without punctuation, hyphens for spaces. */
function headingsOf(page: string): string[] {
  return Array.from(page.matchAll(/^#+ (.+)$/gm), ([, heading]) =>
    heading!
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, "")
      .replaceAll(" ", "-"),
  );
}
