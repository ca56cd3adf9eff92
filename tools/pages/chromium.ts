import { existsSync } from "node:fs";
import { chromium, type Browser } from "playwright";

const places = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

/** Where Chromium is: CHROMIUM, or where distributions put it; nothing where there is none. */
export function findChromium(): string | undefined {
  return [process.env.CHROMIUM, ...places].find((path) => path !== undefined && existsSync(path));
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
