import { chromium, type Browser } from "playwright";
import { findChromium as find } from "../machine.js";

/** Where Chromium is; nothing where there is none. */
export function findChromium(): string | undefined {
  const found = find();
  return "at" in found ? found.at : undefined;
}

/** Chromium, with WebGPU computed by its own software unless told otherwise. */
export function launchChromium(
  executablePath: string,
  { webgpu = true, args = [] }: { readonly webgpu?: boolean; readonly args?: readonly string[] } = {},
): Promise<Browser> {
  const gpu = webgpu ? ["--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader"] : [];
  return chromium.launch({
    executablePath,
    args: ["--no-sandbox", "--disable-background-networking", ...gpu, ...args],
  });
}
