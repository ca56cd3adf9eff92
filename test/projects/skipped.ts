/** Projects that this machine cannot run, for one reason. */
export interface Skipped {
  readonly projects: readonly string[];
  readonly reason: string;
  readonly cure: string;
}

const describeOne = ({ projects, reason, cure }: Skipped) =>
  `!!!   ${projects.join(", ")}: ${reason}\n!!!     to run it: ${cure}`;

/** Says which projects do not run, after all else: whatever reporters a run has, these lines come last. */
export function announceSkipped(skipped: readonly Skipped[]): void {
  if (skipped.length === 0) return;
  process.once("exit", () => {
    process.stderr.write(
      `\n!!! SKIPPED, NOT run on this machine:\n${skipped.map(describeOne).join("\n")}\n\n`,
    );
  });
}
