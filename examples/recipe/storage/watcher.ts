import { messageOf } from "../../../tools/words.js";

/** Somebody who shows how a run goes. It is told of what the run does, and changes nothing of it. */
export interface Watcher {
  /** What to tell the user at the start: where to look. */
  readonly where: string;
  /** A line went into the log. */
  readonly logged?: (entry: Readonly<Record<string, unknown>>) => void;
  /** The picture of samples was drawn, a PNG. */
  readonly drawn?: (picture: Buffer) => void;
  /** There is something new to show in the run's directory: before each stage, after a checkpoint, at the end. */
  readonly show?: (state: State) => Promise<void>;
}

/** Of a run: whether it goes on. One that was interrupted, or failed, is stopped. */
export type State = "running" | "finished" | "stopped";

/** Has all of them show what is new. Where some cannot, the others do all the same, and the error tells of each. */
export async function showAll(watchers: readonly Watcher[], state: State): Promise<void> {
  const errors: unknown[] = [];
  for (const watcher of watchers) {
    try {
      await watcher.show?.(state);
    } catch (error) {
      errors.push(error);
    }
  }
  if (errors.length > 0) throw new AggregateError(errors, errors.map(messageOf).join("\n"));
}
