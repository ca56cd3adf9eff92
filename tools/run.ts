import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

/** The repository's root. */
export const root = fileURLToPath(new URL("..", import.meta.url));

/** What a program printed, and its exit status. */
export interface Outcome {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program to its end, whatever that is. */
export function attempt(
  program: string,
  args: readonly string[],
  cwd: string,
  env: NodeJS.ProcessEnv = process.env,
): Outcome {
  const { status, stdout, stderr, error } = spawnSync(program, args, {
    cwd,
    env,
    encoding: "utf8",
    maxBuffer: 2 ** 26,
  });
  if (error) throw error;
  return { status, stdout, stderr };
}

/** Runs a program to its end; a status other than 0 is an error that quotes what it printed. */
export function run(program: string, args: readonly string[], cwd: string): Outcome {
  const outcome = attempt(program, args, cwd);
  if (outcome.status !== 0) {
    const call = `${program} ${args.join(" ")}`;
    throw new Error(`${call}: expected exit status 0, got ${outcome.status ?? "none"}.\n${printed(outcome)}`);
  }
  return outcome;
}

/** Both streams, for an error message. */
export function printed({ stdout, stderr }: Outcome): string {
  return [stdout, stderr].filter((text) => text.trim() !== "").join("\n");
}

/** Whether a program ends well. What it prints is shown, or kept from the terminal. */
export function succeeds(
  program: string,
  args: readonly string[],
  { shown = false }: { readonly shown?: boolean } = {},
): boolean {
  return spawnSync(program, args, { stdio: shown ? "inherit" : "ignore" }).status === 0;
}
