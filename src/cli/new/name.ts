import { isBuiltin } from "node:module";

/** Names that npm keeps for itself. */
const RESERVED = ["node_modules", "favicon.ico"];
const LONGEST = 100;

/**
 * The name of a package, made of a folder's: what npm allows (https://docs.npmjs.com/cli/configuring-npm/package-json#name),
 * and no name of a package that it needs, which npm would not install into itself.
 */
export function packageName(folder: string, needed: readonly string[]): string {
  const name = folder
    .normalize("NFKD")
    .toLowerCase()
    .replace(/\p{M}/gu, "")
    .replace(/[^a-z0-9]+/g, "-")
    .slice(0, LONGEST)
    .replace(/^-|-$/g, "");
  if (name === "") return "my-project";
  const isTaken = isBuiltin(name) || RESERVED.includes(folder.toLowerCase()) || needed.includes(name);
  return isTaken ? `my-${name}` : name;
}
