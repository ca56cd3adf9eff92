import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** Something that tests need from the machine: where it is, or why it cannot be used and what brings it. */
export type Found = { readonly at: string } | { readonly reason: string; readonly cure: string };

/** Where `npm run conformance` installs the packages that only engines need. */
export const ENGINES = fileURLToPath(new URL("../../.engines/", import.meta.url));

const CHROMIUM_PATHS = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

/** Chromium or Chrome: the one that the variable CHROMIUM names, or the first of the usual paths. */
export function findChromium(): Found {
  const given = process.env.CHROMIUM;
  const at = (given === undefined ? CHROMIUM_PATHS : [given]).find(existsSync);
  if (at !== undefined) return { at };
  const reason =
    given === undefined ? "no Chromium was found" : `CHROMIUM names ${given}, which is not there`;
  return {
    reason,
    cure: "install the package chromium, or set CHROMIUM to the path of a Chromium or Chrome",
  };
}
