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
  const count = `, ${inThreads(threads)}`;
  return threadsLimit === undefined ? count : `${count}: ${plainly(threadsLimit)}`;
}

/** "wasm in 2 threads", "webgl: the card's name", and why in no more threads. */
export function placeOf({ name, device, threads, threadsLimit }: BackendReport): string {
  if (device) return `${name}: ${device}`;
  if (threads === undefined) return name;
  const why = threadsLimit === undefined ? "" : `: ${plainly(threadsLimit)}`;
  return `${name} in ${inThreads(threads)}${why}`;
}

const inThreads = (threads: number) => (threads === 1 ? "1 thread" : `${threads} threads`);

function plainly(limit: string): string {
  if (crossOriginIsolated) return limit;
  if (!isSecureContext) return "browsers give more on https or localhost only";
  return "this window allows no more; reload the page, or try one that is not private";
}
