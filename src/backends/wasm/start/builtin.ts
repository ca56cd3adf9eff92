interface Builtins {
  readonly module: typeof import("node:module");
  readonly "fs/promises": typeof import("node:fs/promises");
  readonly os: typeof import("node:os");
  readonly worker_threads: typeof import("node:worker_threads");
}

/** A module of Node, for code that runs in pages as well: hidden from bundlers, which would want to pack it. */
export async function builtin<N extends keyof Builtins>(name: N): Promise<Builtins[N]> {
  return (await import(/* @vite-ignore */ /* webpackIgnore: true */ `node:${name}`)) as Builtins[N];
}
