import { homedir } from "node:os";
import { isAbsolute, join } from "node:path";
import { check } from "../../check.js";

/** What `cfd-distill install-native` builds: tfjs-node's binding against TensorFlow for CPUs, or with CUDA. */
export type NativeBuild = "node" | "cuda";

/** The packages of a build: tfjs-node must be of TensorFlow.js's version, TensorFlow may be any of major version 2. */
export const versions = { tfjsNode: "4.22.0", tensorflow: "2.21.0" } as const;

/** TensorFlow.js, while {@link loadNative} loads a build: the build has a package of this name that hands it on. */
export const tfjsKey = "cfd-distill.tfjs";

/**
 * Where a build lies: one a user, whatever the project and its package manager, since no install of theirs then
 * removes it. It runs under every Node that has Node-API 8. Throws if a variable names a place that depends on where the
 * program runs; an empty variable is none.
 */
export function nativeFolder(build: NativeBuild, env: NodeJS.ProcessEnv = process.env): string {
  const parts = ["tfjs-node", versions.tfjsNode, "tensorflow", versions.tensorflow];
  return join(
    cacheFolder(env, "nativeFolder"),
    "native",
    [...parts, process.platform, process.arch, build].join("-"),
  );
}

/** Where this library keeps what it need not fetch or build twice. Errors begin with `where`. */
export function cacheFolder(
  { CFD_DISTILL_CACHE: own = "", XDG_CACHE_HOME: shared = "" }: NodeJS.ProcessEnv,
  where: string,
): string {
  const absolute = (name: string, path: string) => {
    check(isAbsolute(path), where, `${name} to be an absolute path`, path);
    return path;
  };
  if (own !== "") return absolute("CFD_DISTILL_CACHE", own);
  const caches =
    shared === ""
      ? join(absolute("the home folder", homedir()), ".cache")
      : absolute("XDG_CACHE_HOME", shared);
  return join(caches, "cfd-distill");
}
