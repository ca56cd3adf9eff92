import { Presets, SingleBar } from "cli-progress";
import { printableLines, print } from "./print.js";
import { duration } from "../../../tools/words.js";

/** A stage's progress: a bar on a terminal, a plain line now and then elsewhere (a log, CI). */
export interface Progress {
  /** `done` of the total steps are done; `note` is what to show beside it, such as the loss. */
  update(done: number, note: string): void;
  stop(): void;
}

/**
 * Shows how far a stage is, how fast it goes and how long it still takes. Rate and time left count from `from`,
 * where a resumed stage goes on.
 */
export function progress(name: string, total: number, from: number): Progress {
  const started = performance.now();
  const pace = (done: number) => {
    const seconds = (performance.now() - started) / 1000;
    const rate = (done - from) / Math.max(seconds, 1e-3);
    const left = done > from ? duration((total - done) / rate) : "?";
    return { rate: `${rate >= 10 ? rate.toFixed(0) : rate.toFixed(1)}/s`, left };
  };
  const title = printableLines(name).padEnd(22);
  return process.stdout.isTTY ? bar(title, total, from, pace) : lines(title, total, pace);
}

type Pace = (done: number) => { rate: string; left: string };

function bar(title: string, total: number, from: number, pace: Pace): Progress {
  const single = new SingleBar(
    { format: `${title} {bar} {value}/{total}  {rate}  {left} left  {note}`, hideCursor: true, barsize: 24 },
    Presets.rect,
  );
  single.start(total, from, { rate: "", left: "?", note: "" });
  return {
    update: (done, note) => {
      single.update(done, { ...pace(done), note });
    },
    stop: () => {
      single.stop();
    },
  };
}

/** At most one line in five seconds, and one at the end. */
function lines(title: string, total: number, pace: Pace): Progress {
  let last = performance.now();
  return {
    update(done, note) {
      if (done < total && performance.now() - last < 5000) return;
      last = performance.now();
      const { rate, left } = pace(done);
      print(`${title} ${done}/${total}  ${rate}  ${left} left  ${note}`.trimEnd());
    },
    stop: () => undefined,
  };
}
