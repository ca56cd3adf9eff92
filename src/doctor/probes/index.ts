import type { Probe } from "../probe.js";
import { depthwiseConvolutions } from "./depthwise.js";
import { images } from "./images.js";
import { layers } from "./layers.js";
import { moves } from "./moving.js";
import { pointwise } from "./pointwise.js";
import { products } from "./products.js";
import { reductions } from "./reductions.js";
import { updates } from "./updates.js";

/** Every operation that the library needs. */
export const probes: readonly Probe[] = [
  ...products,
  ...depthwiseConvolutions,
  ...pointwise,
  ...reductions,
  ...moves,
  ...images,
  ...layers,
  ...updates,
];
