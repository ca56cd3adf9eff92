// Where a distillation outlives its page: one record in IndexedDB.
import { del, get, set } from "idb-keyval";
import type { Settings } from "./distillation.js";
import type { EngineName } from "./engines.js";

/** Images [count, height, width, channels] in [-1, 1]. */
export interface Images {
  readonly pixels: Float32Array;
  readonly shape: readonly [number, number, number];
}

/** What teacher and student draw from the same noise; the student also before its first step. */
export interface Samples {
  teacher?: Images;
  before?: Images;
  student?: Images;
}

/** A distillation as it was last saved. */
export interface Saved {
  readonly settings: Settings;
  readonly engine: EngineName;
  /** One for each step done. */
  readonly losses: readonly number[];
  readonly samples: Samples;
  readonly checkpoint: Uint8Array;
}

const KEY = "distillation";

/** What was saved; nothing where the browser stores nothing, which saving will report. */
export const loadSaved = (): Promise<Saved | undefined> => get<Saved>(KEY).catch(() => undefined);
export const save = (saved: Saved): Promise<void> => set(KEY, saved);
export const discard = (): Promise<void> => del(KEY);

/**
 * Resolves when the record is this page's alone, which then keeps it until it is closed or loaded again: two tabs that
 * distil would overwrite each other's record. Where another tab has it, says so and waits.
 */
export function claim(waiting: () => void): Promise<void> {
  const { locks } = navigator as Partial<Navigator>;
  if (locks === undefined) return Promise.resolve(); // browsers have them on https and localhost alone
  return new Promise((resolve, reject) => {
    const keep = () => {
      resolve();
      return new Promise<void>(() => undefined);
    };
    const keepOrWait = (lock: Lock | null) => {
      if (lock) return keep();
      waiting();
      locks.request(KEY, keep).catch(reject);
      return undefined;
    };
    locks.request(KEY, { ifAvailable: true }, keepOrWait).catch(reject);
  });
}
