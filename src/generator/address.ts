import { check, fail } from "../check.js";

const HUB = "hub:";
const FORM = "hub:owner/model/file.safetensors, or with @revision behind it";

/** What `fetch` reads. A file's address is for Node. */
const PROTOCOLS = ["http:", "https:", "blob:", "data:", "file:"];

/** The whole address that a text or a URL of any realm stands for, without a #fragment, which servers never see. */
export function addressOf(where: string, source: string | URL): URL {
  const text = String(source);
  const address = text.startsWith(HUB) ? hubAddress(where, text) : resolve(where, text);
  address.hash = "";
  check(PROTOCOLS.includes(address.protocol), where, "an address of http or https", text);
  check(address.username + address.password === "", where, "an address without a password", address.host);
  return address;
}

/** Relative addresses are those of a page, or of the script of a worker. */
function resolve(where: string, text: string): URL {
  const { document, location } = globalThis as { document?: Document; location?: Location };
  const base = document?.baseURI ?? location?.href;
  check(text.trim() !== "", where, "an address", "an empty text");
  try {
    return new URL(text, base);
  } catch {
    const advice =
      base === undefined
        ? "a whole address such as https://example.org/student.safetensors, or the file's bytes: " +
          "loadGenerator(await readFile(path))"
        : `an address that goes with ${base}`;
    return fail(where, advice, text);
  }
}

/**
 * An address of the Hugging Face Hub: https://huggingface.co/OWNER/MODEL/resolve/REVISION/PATH, as `hf_hub_url` of
 * huggingface_hub builds it, which names the rules for names, too.
 */
function hubAddress(where: string, text: string): URL {
  const [, named = "", revision = "main"] = /^hub:(.*?)(?:@([^@]*))?$/su.exec(text) ?? [];
  const [owner = "", model = "", ...path] = named.split("/");
  check(isName(owner) && isName(model), where, `${FORM}, with the Hub's owner and model`, text);
  check(path.length > 0 && path.every(isSegment), where, `${FORM}, with a file's path in the model`, text);
  check(isRevision(revision), where, `${FORM}, a branch, tag or commit`, text);
  const file = path.map(encodeURIComponent).join("/");
  return new URL(`https://huggingface.co/${owner}/${model}/resolve/${encodeURIComponent(revision)}/${file}`);
}

const isName = (name: string) => /^\w(?:[\w.-]{0,94}\w)?$/u.test(name) && !/--|\.\.|\.git$/u.test(name);

const isSegment = (part: string) => part !== "" && part !== "." && part !== ".." && !/[\p{C}\\]/u.test(part);

/** Names that git allows (git-check-ref-format), of plain letters. */
const isRevision = (name: string) =>
  /^\w[\w.+/-]{0,249}$/u.test(name) && !/\.\.|\/[./]|[./]$|\.lock(?:\/|$)/u.test(name);
