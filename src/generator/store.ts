import { fail } from "../check.js";
import { inNode } from "../in-node.js";
import { causeOf } from "./cause.js";

/** Where files are kept from one load to the next. Each entry is whole, at every moment. */
export interface Store {
  /** What was kept under this key, or undefined. */
  read(key: string): Promise<Uint8Array | undefined>;
  write(key: string, bytes: Uint8Array<ArrayBuffer>): Promise<void>;
  remove(key: string): Promise<void>;
}

/** What Node adds: `src/node/generator-files.ts`. */
export interface NodeFiles {
  readonly files: { readonly store: Store; read(address: URL): Promise<Uint8Array> };
}

/** Name of the cache in `caches`. */
const NAME = "cfd-distill";

/** The Cache API where there is one, in Node a folder; or why there is neither. */
export async function openStore(): Promise<Store | string> {
  try {
    const { caches } = globalThis as { readonly caches?: CacheStorage };
    if (caches !== undefined) return inCache(await caches.open(NAME));
    if (inNode()) return (await nodeFiles()).store;
    return "there is no Cache API; pages have it over https and on localhost";
  } catch (error) {
    return causeOf(error);
  }
}

/** Writes an entry; returns why not, where that fails, and what helps: the disk or the page's share of it is full. */
export async function keep(
  store: Store | string,
  key: string,
  bytes: Uint8Array<ArrayBuffer>,
): Promise<string | undefined> {
  if (typeof store === "string") return store;
  try {
    await store.write(key, bytes);
    return undefined;
  } catch (error) {
    const advice = adviceFor(error);
    return advice === undefined ? causeOf(error) : `${causeOf(error)} (${advice})`;
  }
}

const ELSEWHERE = "set CFD_DISTILL_CACHE to a folder that can be written";

/** What helps against an error of writing, by its code in Node and its name in a page. */
const ADVICE: Readonly<Record<string, string>> = {
  QuotaExceededError:
    "the browser gives this site no more room: free some of the disk, or of the site's data",
  ENOSPC: `the disk is full: free some of it, or ${ELSEWHERE}`,
  EDQUOT: `your share of the disk is full: free some of it, or ${ELSEWHERE}`,
  ...Object.fromEntries(["EACCES", "EPERM", "EROFS", "ENOTDIR", "EEXIST"].map((code) => [code, ELSEWHERE])),
};

function adviceFor(error: unknown): string | undefined {
  const { code, name } = (error ?? {}) as { readonly code?: unknown; readonly name?: unknown };
  const known = [code, name].find((one) => typeof one === "string" && Object.hasOwn(ADVICE, one));
  return known === undefined ? undefined : ADVICE[known as string];
}

/** Node's part, whose address is hidden from bundlers, so that no page's build packs it: see useBackend. */
export async function nodeFiles(): Promise<NodeFiles["files"]> {
  const here = import.meta.url;
  try {
    const address = new URL("../node/generator-files.js", here).href;
    const { files } = (await import(/* @vite-ignore */ /* webpackIgnore: true */ address)) as NodeFiles;
    return files;
  } catch (error) {
    const expected = "its part for files beside it (a bundle for Node has to leave cfd-distill out)";
    return fail("loadGenerator", expected, causeOf(error));
  }
}

/** The keys of a cache are addresses, of which it leaves out what stands behind a #. */
function inCache(cache: Cache): Store {
  const request = (key: string) => `https://cfd-distill.invalid/${encodeURIComponent(key)}`;
  return {
    async read(key) {
      const found = await cache.match(request(key));
      return found && new Uint8Array(await found.arrayBuffer());
    },
    async write(key, bytes) {
      await cache.put(request(key), new Response(bytes));
    },
    async remove(key) {
      await cache.delete(request(key));
    },
  };
}
