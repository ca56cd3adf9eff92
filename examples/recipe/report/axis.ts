/** Where values lie along an axis, from 0 to 1, and which of them are marked. */
export interface Axis {
  readonly log: boolean;
  readonly place: (value: number) => number;
  readonly ticks: readonly number[];
}

/** How far the axis goes on beyond the values, as a share of it. */
const RIM = 0.04;

/** From the smallest to the largest value and a little beyond; logarithmic where all are positive and far apart. */
export function axisOf(values: readonly number[]): Axis {
  const low = values.reduce((a, b) => Math.min(a, b), Infinity);
  const high = values.reduce((a, b) => Math.max(a, b), -Infinity);
  const rim = RIM * (high - low);
  const factor = (high / low) ** RIM;
  return low > 0 && high / low > 8 ? logarithmic(low / factor, high * factor) : linear(low - rim, high + rim);
}

/** From `low` to `high` in even steps, with up to six marks at round numbers. */
export function linear(low: number, high: number): Axis {
  const span = high > low ? high - low : Math.abs(high) || 1; // of a constant, that constant in the middle
  const start = high > low ? low : low - span / 2;
  const step = roundStep(span / 5);
  const first = Math.ceil(start / step - 1e-9);
  const last = Math.floor((start + span) / step + 1e-9);
  const ticks = Array.from({ length: last - first + 1 }, (_, i) => tidy((first + i) * step));
  return { log: false, place: (value) => (value - start) / span, ticks };
}

/** From `low` to `high` in even factors. Marks are powers of ten, and twice and five times these in a short range. */
function logarithmic(low: number, high: number): Axis {
  const span = Math.log(high / low);
  const factors = span > Math.log(200) ? [1] : [1, 2, 5];
  const decades = Array.from(
    { length: 1 + Math.ceil(Math.log10(high)) - Math.floor(Math.log10(low)) },
    (_, i) => tidy(10 ** (Math.floor(Math.log10(low)) + i)),
  );
  const marks = decades.flatMap((decade) => factors.map((factor) => tidy(factor * decade)));
  const ticks = marks.filter((mark) => mark >= low && mark <= high);
  return { log: true, place: (value) => Math.log(value / low) / span, ticks };
}

/** The next larger of 1, 2, 5 times a power of ten. */
function roundStep(least: number): number {
  const decade = 10 ** Math.floor(Math.log10(least));
  return decade * [1, 2, 5, 10].find((factor) => factor * decade >= least * (1 - 1e-9))!;
}

/** Without the dust of floating point: 0.30000000000000004 is 0.3. */
function tidy(value: number): number {
  return Number(value.toPrecision(12));
}
