import { existsSync, realpathSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { nativeFolder } from "../src/backends/native/folder.js";

/** Something that tests need from the machine: where it is, or why it cannot be used and what brings it. */
export type Found = { readonly at: string } | { readonly reason: string; readonly cure: string };

/** Where `npm run engines` installs the packages that only engines need. */
export const ENGINES = fileURLToPath(new URL("../.engines/", import.meta.url));

const CHROMIUM_PATHS = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

/** Chromium or Chrome: the one that the variable CHROMIUM names, or the first of the usual paths. */
export function findChromium(): Found {
  const given = process.env.CHROMIUM;
  const at = (given === undefined ? CHROMIUM_PATHS : [given]).find(existsSync);
  if (at !== undefined) return { at };
  const reason =
    given === undefined ? "no Chromium was found" : `CHROMIUM names ${given}, which is not there`;
  return {
    reason,
    cure: "install the package chromium, or set CHROMIUM to the path of a Chromium or Chrome",
  };
}

/** SwiftShader, the software renderer that Chromium brings along: a driver for Vulkan without a GPU. */
function findSwiftShader(): string | undefined {
  const chromium = findChromium();
  if (!("at" in chromium)) return undefined;
  const folders = [dirname(realpathSync(chromium.at)), "/usr/lib/chromium", "/usr/lib/chromium-browser"];
  return folders.map((folder) => join(folder, "vk_swiftshader_icd.json")).find(existsSync);
}

/** Where Linux keeps Vulkan's loader, which the package webgpu opens. */
const VULKAN_PATHS = ["x86_64-linux-gnu/", "aarch64-linux-gnu/", "../lib64/", ""].map(
  (folder) => `/usr/lib/${folder}libvulkan.so.1`,
);

/** WebGPU in Node: at the driver to use, "" for the system's own. */
export function findWebgpu(): Found {
  const cure = "npm run engines";
  if (!existsSync(join(ENGINES, "node_modules/webgpu"))) {
    return { reason: "the npm package webgpu is not there", cure };
  }
  if (process.platform !== "linux") return { at: "" };
  if (!VULKAN_PATHS.some(existsSync)) {
    return {
      reason: "Vulkan's loader, libvulkan.so.1, was not found",
      cure: "install the package libvulkan1",
    };
  }
  if (process.env.VK_ICD_FILENAMES !== undefined) return { at: "" };
  const driver = findSwiftShader();
  if (driver !== undefined) return { at: driver };
  const reason = "no driver for Vulkan was found";
  return { reason, cure: "install the package chromium, or set VK_ICD_FILENAMES to a driver's JSON file" };
}

/** What `cfd-distill install-native` built, in the user's cache. */
export function findNative(): Found {
  const at = nativeFolder("node");
  return existsSync(at) ? { at } : { reason: "TensorFlow's binding is not built", cure: "npm run engines" };
}
