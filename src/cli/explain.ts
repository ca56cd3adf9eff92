import { inspect } from "node:util";

/** What the command prints of an error: its message in one line, or all of it where the stack was asked for. */
export function explain(error: unknown, { stack = false }: { readonly stack?: boolean }): string {
  if (stack) return inspect(error);
  const message = error instanceof Error ? error.message : String(error);
  return `error: ${message.replace(/\s*\n\s*/g, " ")}`;
}
