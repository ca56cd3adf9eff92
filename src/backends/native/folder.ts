import { homedir } from "node:os";
import { join } from "node:path";

/** What `cfd-distill install-native` builds: tfjs-node's binding against TensorFlow for CPUs, or with CUDA. */
export type NativeBuild = "node" | "cuda";

/** The packages of a build: tfjs-node must be of TensorFlow.js's version, TensorFlow may be any of major version 2. */
export const versions = { tfjsNode: "4.22.0", tensorflow: "2.21.0" } as const;

/** TensorFlow.js, while {@link loadNative} loads a build: the build has a package of this name that hands it on. */
export const tfjsKey = "cfd-distill.tfjs";

/**
 * Where a build lies: one a user, whatever the project and its package manager, since no install of theirs then
 * removes it. It runs under every Node that has Node-API 8.
 */
export function nativeFolder(build: NativeBuild, env: NodeJS.ProcessEnv = process.env): string {
  const cache = env.CFD_DISTILL_CACHE ?? join(env.XDG_CACHE_HOME ?? join(homedir(), ".cache"), "cfd-distill");
  const parts = ["tfjs-node", versions.tfjsNode, "tensorflow", versions.tensorflow];
  return join(cache, "native", [...parts, process.platform, process.arch, build].join("-"));
}
