// What the scripts share that take networks of finished runs for examples/assets.
import { join } from "node:path";
import { type Checkpoint, disposeParams, encodeCheckpoint, type NetworkCheckpoint } from "cfd-distill";
import { writeFileAtomic } from "cfd-distill/node";

/**
 * Writes the weights alone, the averaged ones where there are some, in half precision: without moments, and a sixth of
 * the size. Says how large the file is; the network's weights are disposed.
 *
 * @returns the file's name
 */
export async function ship(
  folder: string,
  name: string,
  loaded: Checkpoint | NetworkCheckpoint,
): Promise<string> {
  const { network, params, ema } = loaded;
  const weights = { network, params: ema ?? params };
  const bytes = await encodeCheckpoint("schedule" in loaded ? { ...modelOf(loaded), ...weights } : weights, {
    dtype: "F16",
  });
  disposeParams(params);
  if (ema) disposeParams(ema);
  const file = `${name}.safetensors`;
  await writeFileAtomic(join(folder, file), bytes);
  console.log(`${file}: ${Math.round(bytes.length / 1000)} kB`);
  return file;
}

/** What a checkpoint says about its model, without what training left in it. */
function modelOf({ schedule, predictionType, steps, clip, imageShape, classNames }: Checkpoint) {
  return { schedule, predictionType, steps, clip, imageShape, classNames };
}
