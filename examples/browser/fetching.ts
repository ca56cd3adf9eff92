// Files of this page's own host, with words for people where one does not come.

/** How much of a file is there, in bytes; `total` where the host says it. */
export interface Progress {
  readonly loaded: number;
  readonly total: number | undefined;
}

/** A file, as JSON. */
export async function fetchJson(path: string): Promise<unknown> {
  return JSON.parse(new TextDecoder().decode(await fetchBytes(path)));
}

/** A file; `tell` hears of every piece. */
export async function fetchBytes(
  path: string,
  tell?: (progress: Progress) => void,
): Promise<Uint8Array<ArrayBuffer>> {
  const name = path.split("/").at(-1)!;
  const response = await fetch(new URL(path, document.baseURI)).catch((cause: unknown) => {
    throw new Error(`${name} could not be fetched. Are you online?`, { cause });
  });
  if (!response.ok) {
    throw new Error(`${name} is missing on this site (its server answered ${response.status}).`);
  }
  const packed = response.headers.has("content-encoding"); // then its length is not the file's
  const total = packed ? undefined : Number(response.headers.get("content-length")) || undefined;
  try {
    return await join(response, (loaded) => tell?.({ loaded, total }));
  } catch (cause) {
    throw new Error(`The connection broke while ${name} was fetched.`, { cause });
  }
}

async function join(response: Response, tell: (loaded: number) => void): Promise<Uint8Array<ArrayBuffer>> {
  const pieces: Uint8Array<ArrayBuffer>[] = [];
  let loaded = 0;
  const reader = response.body!.getReader();
  for (let next = await reader.read(); !next.done; next = await reader.read()) {
    pieces.push(next.value);
    loaded += next.value.length;
    tell(loaded);
  }
  return new Uint8Array(await new Blob(pieces).arrayBuffer());
}

/** "0.4 of 1.7 MB". */
export function inMegabytes({ loaded, total }: Progress): string {
  const megabytes = (bytes: number) => (bytes / 1e6).toFixed(1);
  return total === undefined ? `${megabytes(loaded)} MB` : `${megabytes(loaded)} of ${megabytes(total)} MB`;
}
