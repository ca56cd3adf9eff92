import { createHash } from "node:crypto";
import { gzipSync } from "node:zlib";
import { createRng } from "cfd-distill";
import { Header } from "tar";
import type { Release } from "../../datasets/release.js";

/** One member of an archive; `linkpath` for links. */
export interface Member {
  readonly path: string;
  readonly type?: "File" | "Directory" | "SymbolicLink" | "Link" | "FIFO";
  readonly content?: Buffer;
  readonly linkpath?: string;
  /** What the header says, if that is not the content's length. */
  readonly size?: number;
}

/** A .tar.gz as no well-meant program would write it: every header as it is given. */
export function archive(members: readonly Member[]): Buffer {
  const blocks = members.flatMap(({ path, type = "File", content = Buffer.alloc(0), linkpath, size }) => {
    const header = new Header({
      path,
      type,
      mode: 0o644,
      size: size ?? content.length,
      mtime: new Date(0),
      ...(linkpath === undefined ? {} : { linkpath }),
    });
    header.encode();
    return [header.block!, content, Buffer.alloc((512 - (content.length % 512)) % 512)];
  });
  return gzipSync(Buffer.concat([...blocks, Buffer.alloc(1024)]));
}

/** Bytes that no compression shortens. */
const bytes = (seed: number, length: number) =>
  Buffer.from(createRng(seed).normals(length).buffer, 0, length);

export const contents = { "a.bin": bytes(1, 3000), "b.bin": bytes(2, 5000) };

/** The members of an honest archive of `contents`. */
export const honest: readonly Member[] = [
  { path: "set/", type: "Directory" },
  { path: "set/readme.html", content: Buffer.from("hello") },
  ...Object.entries(contents).map(([name, content]) => ({ path: `set/${name}`, content })),
];

/** A release of `contents` whose checksum is that of `body`. */
export function releaseOf(url: string, body: Buffer): Release {
  return {
    name: "Set",
    page: "https://example.org/set.html",
    url,
    md5: createHash("md5").update(body).digest("hex"),
    folder: "set",
    files: Object.fromEntries(Object.entries(contents).map(([name, content]) => [name, content.length])),
  };
}
