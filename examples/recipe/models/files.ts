// Files of networks that somebody names: where they are, and whether they are still the same.
import { createHash } from "node:crypto";
import { createReadStream, existsSync, readdirSync } from "node:fs";
import { stat } from "node:fs/promises";
import { join } from "node:path";
import type { RecipeConfig } from "../config/schema.js";
import { messageOf } from "../../../tools/words.js";

/** What names a file's content in a config, so that a run goes on only with the file it began with. */
export async function fingerprint(path: string): Promise<RecipeConfig["files"][string]> {
  const { at } = placeIn(path);
  if (!existsSync(at))
    throw new Error(`${path}: expected a file or a folder of diffusers, got nothing there.`);
  const found = await stat(at);
  const folder = found.isDirectory();
  if (!folder && !found.isFile())
    throw new Error(`${at}: expected a file or a folder of diffusers, got a pipe, a socket or a device.`);
  const hash = createHash("sha256");
  for (const file of folder ? [...weightsOf(at), ...settingsOf(at)] : [at]) {
    await checkIsFile(file);
    for await (const chunk of createReadStream(file)) hash.update(chunk as Buffer);
  }
  return { path, sha256: hash.digest("hex") };
}

/** Refuses a file whose content is no longer what the config names. */
export async function checkFile({ path, sha256 }: RecipeConfig["files"][string]): Promise<void> {
  const now = await fingerprint(path);
  if (now.sha256 !== sha256) throw new Error(`${path}: expected SHA-256 ${sha256}, got ${now.sha256}.`);
}

/** What stands beside the weights and changes what they compute. */
function settingsOf(folder: string): string[] {
  const names = ["config.json", "scheduler_config.json", "model_index.json"];
  const places = ["", "unet", "scheduler"].flatMap((part) => names.map((name) => join(folder, part, name)));
  return places.filter((path) => existsSync(path));
}

/** A path may end in `#` and where in the file the network stands, for files with several. */
export function placeIn(path: string): { readonly at: string; readonly name?: string } {
  const cut = path.lastIndexOf("#");
  if (cut === -1 || existsSync(path)) return { at: path };
  return { at: path.slice(0, cut), name: path.slice(cut + 1) };
}

/** Reading a pipe would wait for a writer, and a device may have no end. */
export async function checkIsFile(path: string): Promise<void> {
  if (!(await stat(path)).isFile())
    throw new Error(`${path}: expected a file, got a folder, a pipe or a device.`);
}

function weightsOf(folder: string): string[] {
  const folders = [folder, join(folder, "unet")].filter((path) => existsSync(path));
  const paths = folders.flatMap((at) => readdirSync(at).map((name) => join(at, name)));
  const weights = paths.filter((path) =>
    /[\\/]diffusion_pytorch_model[^\\/]*\.(safetensors|bin)$/.test(path),
  );
  if (weights.length === 0) {
    const names = "diffusion_pytorch_model.safetensors or diffusion_pytorch_model.bin";
    throw new Error(`${folder}: expected a folder of diffusers with ${names}, got none.`);
  }
  return weights.sort();
}

/** Whatever goes wrong, the error says with which file. */
export async function naming<T>(path: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    const message = messageOf(error);
    throw message.startsWith(path) ? error : new Error(`${path}: ${message}`, { cause: error });
  }
}
