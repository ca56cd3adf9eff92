import type { Engine } from "./contender.js";

/** What the command line asks for. */
export interface Options {
  readonly engine: Engine;
  /** The Node that runs this library's side. */
  readonly node: string;
  readonly rounds: number;
  /** A column for each. */
  readonly threads: readonly number[];
}
