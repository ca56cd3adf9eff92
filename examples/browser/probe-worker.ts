/// <reference types="@webgpu/types" />
// Looks for what each engine needs, in a worker as they will run in one, without loading any of them.
import { expose } from "comlink";
import type { EngineName } from "./engines.js";

/** For each engine the reason why it cannot run here, or nothing. */
export type Obstacles = Readonly<Record<EngineName, string | undefined>>;

async function obstacles(): Promise<Obstacles> {
  return { wasm: wasm(), webgl: webgl(), webgpu: await webgpu() };
}

function wasm(): string | undefined {
  return typeof WebAssembly === "object" ? undefined : "This browser has WebAssembly switched off.";
}

function webgl(): string | undefined {
  if (typeof OffscreenCanvas === "undefined") return "This browser has no OffscreenCanvas in workers.";
  const context = new OffscreenCanvas(1, 1).getContext("webgl2");
  if (context === null) return "This browser gives workers no WebGL 2.";
  if (context.getExtension("EXT_color_buffer_float") === null) return "This device has no float32 textures.";
  return undefined;
}

async function webgpu(): Promise<string | undefined> {
  if (!isSecureContext) return "WebGPU needs https, or localhost.";
  const gpu = navigator.gpu as GPU | undefined;
  if (gpu === undefined) return "This browser has no WebGPU, or has it switched off.";
  return (await gpu.requestAdapter()) ? undefined : "This browser has WebGPU, but no graphics card for it.";
}

const probe = { obstacles };
export type Probe = typeof probe;
expose(probe);
