/** Why something failed, in its own words and those of what it stands on, which `fetch` keeps in `cause`. */
export function causeOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { code, message = code } = (error.cause ?? {}) as { message?: string; code?: string };
  return message === undefined || message === "" ? (code ?? error.message) : `${error.message}: ${message}`;
}
