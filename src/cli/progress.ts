/** Keeps one line of a terminal up to date; "" clears it. */
export function showProgress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\u001b[K${text}`);
}

/** The same, and elsewhere a line each: of work that is long, and of which nothing can be seen. */
export function announce(text: string): void {
  if (process.stderr.isTTY) showProgress(text);
  else if (text !== "") process.stderr.write(`${text}\n`);
}
