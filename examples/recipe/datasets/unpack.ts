import { extract, type ReadEntry } from "tar";
import { messageOf } from "../../../tools/words.js";

/** What an archive holds. */
export interface Archive {
  /** Its one folder. */
  readonly folder: string;
  /** What is taken from that folder: names and sizes in bytes. */
  readonly files: Readonly<Record<string, number>>;
}

/**
 * Unpacks a release's files from its archive into `into`, and nothing else: plain files and folders that are not asked
 * for are left out, whatever else there is makes the archive one that is not to be trusted.
 *
 * @throws (rejects) if the archive is damaged, lacks a file, or holds a link, a device, a path that leaves the folder,
 *   or a file of another size than it should have
 */
export async function unpack(archive: string, { folder, files }: Archive, into: string): Promise<void> {
  const missing = new Map(Object.entries(files).map(([name, size]) => [`${folder}/${name}`, size]));
  const faults: string[] = [];
  const wanted = (entry: ReadEntry): boolean => {
    const fault = faultOf(entry, missing.get(entry.path));
    if (fault !== undefined) faults.push(fault);
    return fault === undefined && missing.delete(entry.path);
  };
  try {
    // The library itself refuses "..", absolute paths and writing through links; strict makes that an error.
    await extract({
      file: archive,
      cwd: into,
      strict: true,
      filter: (_, entry) => wanted(entry as ReadEntry),
    });
  } catch (error) {
    faults.push(messageOf(error));
  }
  faults.push(...Array.from(missing.keys(), (path) => `no ${path}`));
  if (faults.length > 0)
    throw new Error(`${archive}: expected only ${folder}/ and its files, got ${faults[0]!}.`);
}

function faultOf({ type, path, size }: ReadEntry, expected: number | undefined): string | undefined {
  if (path.startsWith("/") || path.includes("\\") || path.split("/").includes(".."))
    return `the path ${path}`;
  if (type !== "File" && type !== "OldFile" && type !== "Directory") return `a ${type} named ${path}`;
  if (expected !== undefined && size !== expected) return `${path} of ${size} instead of ${expected} bytes`;
  return undefined;
}
