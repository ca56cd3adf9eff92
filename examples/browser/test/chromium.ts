import { existsSync } from "node:fs";
import { chromium, type Browser } from "playwright";

const places = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

/** Where Chromium is: CHROMIUM, or where distributions put it; nothing where there is none. */
export function findChromium(): string | undefined {
  return [process.env.CHROMIUM, ...places].find((path) => path !== undefined && existsSync(path));
}

/** Chromium with WebGL and WebGPU, on a graphics card or without. */
export function launchChromium(executablePath: string): Promise<Browser> {
  const gpu = ["--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader"];
  return chromium.launch({
    executablePath,
    args: ["--no-sandbox", "--disable-background-networking", ...gpu],
  });
}
