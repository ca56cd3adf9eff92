// Engines are chosen one after the other: whoever has chosen one finds it running.

/** How long a start may take while another waits for it, in milliseconds: a binary may come over a slow line. */
const PATIENCE = 60_000;

/** Whether a turn has been given up, as it took too long and another waited. */
export type IsOver = () => boolean;

interface Turn {
  /** Resolves when it has ended, well or not, or has taken so long that others need not wait. */
  readonly free: Promise<unknown>;
  readonly giveUp: () => void;
}

let last: Turn = { free: Promise.resolve(), giveUp: () => undefined };

/**
 * Runs `work` when all that was to run before has ended. Where it takes too long while another waits for its turn, it is given
 * up and its promise rejected with `late`; without that, the others wait as long as it takes.
 */
export function inTurn<T>(work: (isOver: IsOver) => Promise<T>, late?: () => Error): Promise<T> {
  const before = last;
  const givingUp = new AbortController();
  const givenUp = new Promise<never>((_, reject) => {
    givingUp.signal.addEventListener("abort", () => {
      if (late) reject(late());
    });
  });
  const begun = before.free.then(() => {
    before.giveUp();
  });
  const result = begun.then(() => Promise.race([work(() => givingUp.signal.aborted), givenUp]));
  const ended = result.then(
    () => undefined,
    () => undefined,
  );
  last = {
    free: late ? Promise.race([ended, begun.then(() => elapsed(PATIENCE, ended))]) : ended,
    giveUp: () => {
      givingUp.abort();
    },
  };
  return result;
}

/** Resolves after so many milliseconds, unless something else has happened before. */
function elapsed(milliseconds: number, unless: Promise<unknown>): Promise<void> {
  return new Promise((resolve) => {
    const timer: unknown = setTimeout(resolve, milliseconds);
    (timer as { unref?: () => void }).unref?.(); // a program need not wait for it
    void unless.then(() => {
      clearTimeout(timer as number);
    });
  });
}
