/** The middle value (the upper one of two). */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? NaN;
}

/** Median milliseconds of `f` over `rounds` calls, after two that do not count. */
export function medianTime(f: () => void, rounds: number): number {
  f();
  f();
  const times = Array.from({ length: rounds }, () => {
    const start = performance.now();
    f();
    return performance.now() - start;
  });
  return median(times);
}

const TURN = 400; // ms

/**
 * Median milliseconds of several runners that take turns, so that a machine whose clock drifts or that others use is
 * as slow for one as for the next. A turn is at least two calls, of which the first does not count: it finds the caches
 * full of another's data. The first round does not count either. NaN stands for a runner that is absent.
 */
export async function takeTurns(
  runners: readonly ((() => Promise<number>) | undefined)[],
  rounds: number,
): Promise<number[]> {
  const times = runners.map((): number[] => []);
  for (let round = 0; round <= rounds; round++) {
    for (const [i, run] of runners.entries()) {
      const measured = run ? await turn(run) : [];
      if (round > 0) times[i]!.push(...measured);
    }
  }
  return times.map(median);
}

async function turn(run: () => Promise<number>): Promise<number[]> {
  let total = await run();
  const times: number[] = [];
  do {
    const time = await run();
    times.push(time);
    total += time;
  } while (total < TURN);
  return times;
}
