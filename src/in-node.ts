/**
 * The process, where this runs in Node or in what is compatible with it. It is read off the global object: at a bare
 * `process` in what a page loads, some bundlers ask for a polyfill and others pack one.
 */
export function nodeProcess(): NodeJS.Process | undefined {
  const { process } = globalThis as { readonly process?: Partial<NodeJS.Process> };
  return process?.versions?.node === undefined ? undefined : (process as NodeJS.Process);
}

/** Whether this runs in Node, or in what is compatible with it. */
export const inNode = (): boolean => nodeProcess() !== undefined;
