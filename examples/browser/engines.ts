/** The engines that a page can compute on. */
export const engineNames = ["wasm", "webgl", "webgpu"] as const;
export type EngineName = (typeof engineNames)[number];

/** What each engine computes on, in a word or two. */
export const engineHints: Readonly<Record<EngineName, string>> = {
  wasm: "processor",
  webgl: "graphics card, WebGL 2",
  webgpu: "graphics card, WebGPU",
};
