import { root, run } from "../run.js";

/** Builds the package, packs it into `folder` as npm would publish it and returns the tarball's path. */
export function packInto(folder: string): string {
  run("npm", ["run", "build"], root);
  const args = ["pack", "--ignore-scripts", "--json", "--pack-destination", folder];
  const [packed] = JSON.parse(run("npm", args, root).stdout) as { filename: string; size: number }[];
  if (packed === undefined) throw new Error("npm pack: expected one tarball, got none.");
  process.stdout.write(`packed ${packed.filename}, ${Math.round(packed.size / 1024)} kB\n`);
  return `${folder}/${packed.filename}`;
}
