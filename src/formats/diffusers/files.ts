import { check, fail } from "../../check.js";
import { contentOf, isLfsPointer } from "../bytes.js";
import { READ } from "./config.js";
import { parseJsonBytes } from "../json.js";

/** Which of a folder's files hold the model. */
export interface ChosenFiles {
  readonly config: string;
  readonly scheduler: string;
  /** One file, or the shards that an index names. */
  readonly weights: readonly string[];
  /** For shards: in which of them each entry stands. */
  readonly places: ReadonlyMap<string, string> | undefined;
}

/** A generator that names a file, is given its bytes, and names the next. */
export type Choice<T> = Generator<string, T, Uint8Array>;

/** Where a folder may have its configs, the better first. */
export const CONFIGS = ["unet/config.json", "config.json"];
export const SCHEDULERS = ["scheduler/scheduler_config.json", "scheduler_config.json"];

/** Chooses among a folder's files, by their paths in it; it asks for the bytes of every file that it chooses. */
export function* chooseFiles(names: readonly string[]): Choice<ChosenFiles> {
  const config = first(names, CONFIGS);
  checkPresent(config, yield config);
  const scheduler = first(names, SCHEDULERS);
  checkPresent(scheduler, yield scheduler);
  const weights = yield* chooseWeights(names, config.slice(0, -"config.json".length));
  return { config, scheduler, ...weights };
}

function first(names: readonly string[], wanted: readonly string[]): string {
  return wanted.find((name) => names.includes(name)) ?? fail(READ, `a file ${wanted.join(" or ")}`, names);
}

function checkPresent(name: string, bytes: Uint8Array): void {
  check(!isLfsPointer(bytes), READ, `${name} of diffusers`, contentOf(bytes));
}

/** The best of the folder's weights that are there: a Git LFS pointer only says where they would be. */
function* chooseWeights(
  names: readonly string[],
  folder: string,
): Choice<Pick<ChosenFiles, "weights" | "places">> {
  const candidates = candidatesIn(names, folder);
  let absent: string | undefined;
  for (const name of candidates) {
    const bytes = yield name;
    const places =
      name.endsWith(".json") && !isLfsPointer(bytes) ? readIndex(bytes, name, folder) : undefined;
    const weights = places === undefined ? [name] : [...new Set(places.values())].sort();
    const missing = weights.find((shard) => !names.includes(shard));
    check(missing === undefined, READ, `every file that ${name} names`, `no ${missing}`);
    let pointer = isLfsPointer(bytes) ? bytes : undefined;
    for (const shard of places === undefined ? [] : weights) {
      const part: Uint8Array = yield shard;
      if (isLfsPointer(part)) pointer = part;
    }
    if (pointer === undefined) return { weights, places };
    absent ??= contentOf(pointer);
  }
  const plain = `${folder}diffusion_pytorch_model`;
  if (absent !== undefined) fail(READ, `weights in ${candidates.join(" or ")}`, absent);
  return fail(READ, `a file ${plain}.safetensors or ${plain}.bin`, names);
}

/** Names of weights: a variant (fp16, say) stands before the ending, of an index as diffusers writes it now or did. */
const WEIGHTS = /^diffusion_pytorch_model(?:\.(\w+))?\.(safetensors|bin)(?:\.index(?:\.(\w+))?\.json)?$/;

/** The folder's weights, best first: those without a variant, then of the only one; safetensors; in one file. */
function candidatesIn(names: readonly string[], folder: string): string[] {
  const found = names.flatMap((path) => {
    const [, before, ending, after] = WEIGHTS.exec(path.slice(folder.length)) ?? [];
    if (ending === undefined || !path.startsWith(folder)) return [];
    const order = (ending === "bin" ? 2 : 0) + (path.endsWith(".json") ? 1 : 0);
    return [{ path, variant: before ?? after ?? "", order }];
  });
  const variants = [...new Set(found.map(({ variant }) => variant))].sort(); // no variant, "", comes first
  const others = variants.filter((variant) => variant !== "");
  const some = others.length <= 1 || variants[0] === "";
  check(some, READ, "weights without a variant, or of only one: leave out the others", variants);
  return found
    .filter(({ variant }) => variant === "" || others.length === 1)
    .sort((a, b) => variants.indexOf(a.variant) - variants.indexOf(b.variant) || a.order - b.order)
    .map(({ path }) => path);
}

/** An index of shards: which file has which entry. Only files beside it may be named. */
function readIndex(bytes: Uint8Array, name: string, folder: string): ReadonlyMap<string, string> {
  const index = parseJsonBytes(bytes, READ, name) as { readonly weight_map?: unknown } | null;
  const map = index?.weight_map;
  const isMap = typeof map === "object" && map !== null && !Array.isArray(map);
  check(isMap, READ, `${name} to have a weight_map of names and files`, map);
  const entries = Object.entries(map).map(([key, file]: [string, unknown]) => {
    const isBeside = typeof file === "string" && /^[\w-][\w.-]*\.(safetensors|bin)$/.test(file);
    check(isBeside, READ, `${name} to name files beside it, for "${key}"`, file);
    return [key, `${folder}${file}`] as const;
  });
  check(entries.length > 0, READ, `${name} to name entries`, "none");
  return new Map(entries);
}
