import type { Examined, Pair, Pass } from "./examine.js";
import { worseOf, worst, type Finding } from "./findings.js";
import type { Larger, Probe } from "./probe.js";
import { sizeOf, sum } from "./values.js";

const TOO_MANY_TIMES = 10;
const FLOOR = 0.001; // seconds

/** What was found about an operation. */
export interface Findings {
  readonly forward: Finding;
  /** The worst of the gradients by each input; absent where nothing differentiates the operation. */
  readonly gradient?: Finding;
}

/** What the engine needs for what it does well, in seconds. */
export interface Yardsticks {
  /** A multiplication of its fastest product. */
  readonly multiplication: number;
  /** A number that its median operation, products left out, is given. */
  readonly number: number;
}

/** Measures once more what might be slow, as what disturbed the first measurement has hopefully passed. */
export async function timedAgain(examined: Examined): Promise<Examined> {
  const later: Record<string, Pair> = {};
  for (const [name, pair] of Object.entries(examined.gradients)) later[name] = await pairAgain(pair);
  return { ...examined, forward: await pairAgain(examined.forward), gradients: later };
}

async function pairAgain(pair: Pair): Promise<Pair> {
  const now = await passAgain(pair.now);
  return { ...pair, now, stock: pair.stock === pair.now ? now : await passAgain(pair.stock) };
}

async function passAgain(pass: Pass): Promise<Pass> {
  if (pass.time === undefined || pass.time.seconds < FLOOR) return pass;
  const { seconds, again } = pass.time;
  const later = await again().catch(() => Infinity);
  return { ...pass, time: { seconds: Math.min(seconds, later), again } };
}

/** Reads the yardsticks off everything that was timed. */
export function yardsticksOf(all: readonly Examined[]): Yardsticks {
  const timed = all.flatMap(({ probe: { larger }, forward }) =>
    [forward.now, forward.stock].flatMap(({ time }) =>
      larger === undefined || time === undefined ? [] : [{ larger, seconds: time.seconds }],
    ),
  );
  const products = timed.flatMap(({ larger: { multiplications }, seconds }) =>
    multiplications === undefined ? [] : [seconds / multiplications],
  );
  const others = timed.flatMap(({ larger, seconds }) =>
    larger.multiplications === undefined ? [seconds / numbersOf(larger)] : [],
  );
  const median = others.sort((a, b) => a - b)[Math.floor(others.length / 2)];
  return { multiplication: Math.min(...products), number: median ?? Infinity };
}

const numbersOf = ({ shapes }: Larger) => sum(shapes.length, (i) => sizeOf(shapes[i]!));

/** Turns times into verdicts. */
export function judge(
  { probe, forward, poisoned, gradients }: Examined,
  which: "now" | "stock",
  yardsticks: Yardsticks,
): Findings {
  const own = forward[which].time?.seconds ?? 0;
  const expected = expectedTime(probe, own, yardsticks);
  const lost = Object.entries(poisoned).map(([name, { [which]: pass }]) => [name, pass.finding] as const);
  const plain = timed(forward[which], own, expected);
  const sound = plain.verdict === "ok" || plain.verdict === "slow";
  const findings = { forward: sound ? worseOf(plain, worst(Object.fromEntries(lost))) : plain };
  const byInput = Object.entries(gradients).map(([name, { [which]: pass }]) => {
    const alone = (pass.time?.seconds ?? 0) - own;
    return [name, timed(pass, alone, expected)] as const;
  });
  return byInput.length === 0 ? findings : { ...findings, gradient: worst(Object.fromEntries(byInput)) };
}

interface ExpectedTime {
  readonly seconds: number;
  readonly as: string;
}

function expectedTime({ larger }: Probe, own: number, yardsticks: Yardsticks): ExpectedTime {
  if (larger?.multiplications !== undefined) {
    const seconds = larger.multiplications * yardsticks.multiplication;
    return { seconds, as: "the fastest product of as many multiplications" };
  }
  const usual = larger === undefined ? 0 : numbersOf(larger) * yardsticks.number;
  return own > usual
    ? { seconds: own, as: "its forward pass" }
    : { seconds: usual, as: "the median operation on as many numbers" };
}

function timed({ finding }: Pass, seconds: number, { seconds: expected, as }: ExpectedTime): Finding {
  const times = seconds / expected;
  if (seconds < FLOOR || times < TOO_MANY_TIMES) return finding;
  return { verdict: "slow", note: `${times.toFixed(0)} times as long as ${as}` };
}
