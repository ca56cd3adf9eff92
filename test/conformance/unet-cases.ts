import type { UnetOptions } from "../../src/models/unet-config.js";

/** The reference's networks (UNETS and TRAINED in scripts/reference/make_fixtures.py). */
export const UNETS = {
  plain: { channels: 32, multipliers: [2, 3], attention: [1], blocks: 1, timeScale: 64 },
  conditional: { channels: 32, multipliers: [1, 2], attention: [0], blocks: 2, timeScale: 64, classes: 10 },
  trained: { channels: 32, multipliers: [2], attention: [], blocks: 1, timeScale: 64 },
} satisfies Record<string, UnetOptions>;
