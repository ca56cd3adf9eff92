// What a run's log tells of its training.

/** A stage's losses by training step. */
export interface Curve {
  readonly stage: string;
  readonly points: readonly { readonly step: number; readonly loss: number }[];
}

/** The entries of a log.jsonl; half a line, which a run that was killed may leave, is passed over. */
export function readLog(log: string): Readonly<Record<string, unknown>>[] {
  return log.split("\n").map(parse);
}

/**
 * The finite losses of each stage, in the order of the log. A run that was killed repeats the steps since its last
 * checkpoint, whose later lines count.
 */
export function readCurves(log: string): Curve[] {
  const stages = new Map<string, Map<number, number>>();
  for (const { stage, step, loss } of readLog(log)) {
    if (typeof stage !== "string" || typeof step !== "number" || typeof loss !== "number") continue;
    const losses = stages.get(stage) ?? new Map<number, number>();
    stages.set(stage, losses.set(step, loss));
  }
  return Array.from(stages, ([stage, losses]) => ({
    stage,
    points: Array.from(losses, ([step, loss]) => ({ step, loss })).sort((a, b) => a.step - b.step),
  }));
}

function parse(line: string): Record<string, unknown> {
  try {
    const entry: unknown = JSON.parse(line);
    return typeof entry === "object" && entry !== null ? (entry as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

/** The mean of each value and its neighbours, over about a twentieth of all. */
export function runningMean(values: readonly number[]): number[] {
  const reach = Math.round(values.length / 40);
  return values.map((_, i) => {
    const near = values.slice(Math.max(0, i - reach), i + reach + 1);
    return near.reduce((sum, value) => sum + value, 0) / near.length;
  });
}

/** More points than can be told apart in a plot. */
const MANY = 400;

/** Of a long curve the means of as many neighbours as it takes, at the last one's step. */
export function thinned({ stage, points }: Curve): Curve {
  const size = Math.ceil(points.length / MANY);
  const groups = Array.from({ length: Math.ceil(points.length / size) }, (_, i) =>
    points.slice(i * size, (i + 1) * size),
  );
  const mean = (group: Curve["points"]) => group.reduce((sum, { loss }) => sum + loss, 0) / group.length;
  return { stage, points: groups.map((group) => ({ step: group.at(-1)!.step, loss: mean(group) })) };
}
