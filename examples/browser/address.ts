// The page's settings in its address, behind the #: what is shared is what is seen.
import { engineNames, type EngineName } from "./engines.js";
import type { Manifest } from "../emoji/manifest.js";
import { COUNTS, firstWish, MOST_SEED, STEPS, type Wish } from "./plan.js";

/** All that the page can be set to. */
export interface Settings extends Wish {
  readonly engine: EngineName;
  /** Of wasm: 1, or all cores. */
  readonly threads: 1 | undefined;
  /** How the visitor's own student learns, ... */
  readonly method: (typeof METHODS)[number];
  /** ... and in how many steps. */
  readonly training: number;
}

export const METHODS = ["cfd", "pd"] as const;
/** Training steps to choose from. */
const TRAININGS = [30, 100, 500] as const;

export const firstSettings: Settings = {
  ...firstWish,
  ...{ engine: "wasm", threads: undefined, method: "cfd", training: 100 },
};

/** What an address asks for, and the parts of it that make no sense here, in whose place the first settings are. */
export interface Asked {
  readonly settings: Settings;
  readonly unknown: readonly string[];
}

const MIX = "mix";

/** Reads an address's part behind the #, which anybody may have written. */
export function readAddress(hash: string, { classes, models }: Manifest): Asked {
  const parts = new URLSearchParams(hash.replace(/^#/, ""));
  const unknown: string[] = [];
  /** What `read` makes of a part, or else the first setting. */
  const setting = <T>(name: keyof Settings, first: T, read: (text: string) => T | undefined): T => {
    const text = parts.get(name);
    if (text === null) return first;
    const value = read(text);
    if (value === undefined) unknown.push(`${name}=${text.slice(0, 40)}`);
    return value ?? first;
  };
  const oneOf =
    <T extends string | number>(choices: readonly T[]) =>
    (text: string) =>
      choices.find((choice) => String(choice) === text);
  const seedOf = (text: string) =>
    /^\d{1,9}$/.test(text) && Number(text) <= MOST_SEED ? Number(text) : undefined;
  const kindOf = (text: string) =>
    text === MIX ? -1 : classes.includes(text) ? classes.indexOf(text) : undefined;
  const settings: Settings = {
    show: setting("show", firstSettings.show, oneOf(["all", ...models.map(({ id }) => id)])),
    steps: setting<number>("steps", firstSettings.steps, oneOf(STEPS)),
    kind: setting("kind", firstSettings.kind, kindOf),
    count: setting<number>("count", firstSettings.count, oneOf(COUNTS)),
    seed: setting("seed", firstSettings.seed, seedOf),
    engine: setting<EngineName>("engine", firstSettings.engine, oneOf(engineNames)),
    threads: setting<1 | undefined>("threads", firstSettings.threads, oneOf([1 as const])),
    method: setting<Settings["method"]>("method", firstSettings.method, oneOf(METHODS)),
    training: setting<number>("training", firstSettings.training, oneOf(TRAININGS)),
  };
  return { settings, unknown };
}

/** "#steps=4&seed=7": what differs from the first settings. Models of the visitor's own are in no address, nor kinds of theirs. */
export function writeAddress(settings: Settings, { classes, models }: Manifest): string {
  const parts = new URLSearchParams();
  const { show, kind, ...others } = settings;
  const known = models.some(({ id }) => id === show);
  if (known) parts.set("show", show);
  for (const name of ["steps", "count", "seed", "engine", "threads", "method", "training"] as const) {
    const value = others[name];
    if (value !== undefined && value !== firstSettings[name]) parts.set(name, String(value));
  }
  if (kind >= 0 && (known || show === firstSettings.show)) parts.set("kind", classes[kind]!);
  return parts.size === 0 ? "" : `#${parts.toString()}`;
}
