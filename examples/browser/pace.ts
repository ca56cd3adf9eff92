/** How fast something goes and how long it still takes, from the last few seconds. */
export interface Pace {
  /** One more is done, so many are left: in words. */
  readonly tick: (left: number) => { readonly rate: string; readonly left: string };
}

const WINDOW = 30;

/** Starts a clock. */
export function startPace(): Pace {
  const times = [performance.now()];
  return {
    tick(left) {
      times.push(performance.now());
      if (times.length > WINDOW) times.shift();
      const rate = (1000 * (times.length - 1)) / (times.at(-1)! - times[0]!);
      return { rate: `${rate.toFixed(1)} steps/s`, left: `${duration(left / rate)} left` };
    },
  };
}

function duration(seconds: number): string {
  return seconds < 60 ? `${Math.ceil(seconds)} s` : `${Math.ceil(seconds / 60)} min`;
}
