// Words that programs print alike.

/** How many characters of a value are shown. */
const LONGEST = 200;

/** What an error says of a value; of text as JSON has it, so that "1" is not 1. */
export function expectedGot(expected: string, got: unknown): string {
  return `expected ${expected}, got ${shown(got)}`;
}

function json(value: unknown): string {
  try {
    return JSON.stringify(value);
  } catch {
    return "what is nested too deeply"; // a file may hold anything
  }
}

/** A value in short. */
function shown(value: unknown): string {
  const text = typeof value === "number" || value === undefined ? String(value) : json(value);
  return text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text;
}

/** "1 step", "2 steps". */
export function inSteps(steps: number): string {
  return steps === 1 ? "1 step" : `${steps} steps`;
}

/** Seconds as "45 s", "3 min 05 s" or "2 h 07 min". */
export function duration(seconds: number): string {
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${String(whole % 60).padStart(2, "0")} s`;
  return `${Math.floor(whole / 3600)} h ${String(Math.floor((whole % 3600) / 60)).padStart(2, "0")} min`;
}

/** What went wrong, in words. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** What Node calls an error of a file: "ENOENT" and so on. */
export function codeOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException).code;
}
