import { cosineSchedule, createRng, disposeParams, encodeCheckpoint, unet } from "../../src/index.js";
import { livelyParams } from "../support/lively.js";

const sizes = { channels: 8, multipliers: [1], attention: [], blocks: 1, timeScale: 8, groups: 4 };

/** A student's file; another seed is another student of the same size. */
export async function studentFile(
  change: { seed?: number; imageShape?: undefined } = {},
): Promise<Uint8Array> {
  const { seed, ...others } = change;
  const network = unet(sizes);
  const params = seed === undefined ? livelyParams(network) : network.init(createRng(seed));
  const model = {
    schedule: cosineSchedule(),
    predictionType: "x0",
    steps: 2,
    imageShape: [8, 8, 3],
  } as const;
  const bytes = await encodeCheckpoint({ ...model, network, params, ...others });
  disposeParams(params);
  return bytes;
}
