import type { BackendReport } from "cfd-distill";

/** The engines that a page can compute on. */
export const engineNames = ["wasm", "webgl", "webgpu"] as const;
export type EngineName = (typeof engineNames)[number];

/** What each engine computes on, in a word or two. */
export const engineHints: Readonly<Record<EngineName, string>> = {
  wasm: "processor",
  webgl: "graphics card, WebGL 2",
  webgpu: "graphics card, WebGPU",
};

/** In how many threads an engine computes, and why in one where the machine has more. */
export function threadsHint({ threads, threadsLimit }: BackendReport): string {
  if (threads === undefined) return "";
  const count = threads === 1 ? ", 1 thread" : `, ${threads} threads`;
  return threadsLimit === undefined ? count : `${count}: ${plainly(threadsLimit)}`;
}

function plainly(limit: string): string {
  if (crossOriginIsolated) return limit;
  if (!isSecureContext) return "browsers give more on https or localhost only";
  return "neither the host’s headers nor a service worker of this page allow more";
}
