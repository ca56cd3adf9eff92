import { check, checkOptions, fail, isNumber } from "../check.js";

/**
 * The weight of a sample's squared x0 error: `"x0"` 1, `"eps"` SNR, `"truncatedSnr"` max(1, SNR), `"snrPlusOne"`
 * SNR + 1 (Salimans & Ho 2022, Section 4), `"flow"` (sqrt(SNR) + 1)^2, `{ minSnr: g }` min(SNR, g) (Hang et al. 2023, arXiv
 * 2303.09556, Eq. 5), with `floor` max(floor, min(SNR, g)): x0 predicted from much noise, which decides what an image is of,
 * then counts as well. With `"eps"` it is the error of eps, with `"flow"` that of eps - x0, and with `"snrPlusOne"` that of v
 * where the schedule preserves variance.
 */
export type Weighting =
  | "x0"
  | "eps"
  | "truncatedSnr"
  | "snrPlusOne"
  | "flow"
  | { readonly minSnr: number; readonly floor?: number | undefined };

/** The weight of the squared x0 error at a signal-to-noise ratio. */
export function weightOf(weighting: Weighting, snr: number, where: string): number {
  if (typeof weighting === "object") {
    checkOptions(where, weighting, { minSnr: true, floor: true });
    const { minSnr, floor = 0 } = weighting;
    check(isNumber(minSnr) && minSnr > 0, where, "minSnr > 0", weighting);
    check(isNumber(floor) && floor >= 0 && floor <= minSnr, where, "floor from 0 to minSnr", weighting);
    return Math.max(floor, Math.min(snr, minSnr));
  }
  switch (weighting) {
    case "x0":
      return 1;
    case "eps":
      return snr;
    case "truncatedSnr":
      return Math.max(1, snr);
    case "snrPlusOne":
      return snr + 1;
    case "flow":
      return (Math.sqrt(snr) + 1) ** 2;
    default:
      return unknownWeighting(weighting, where);
  }
}

function unknownWeighting(weighting: never, where: string): never {
  return fail(where, 'weighting "x0", "eps", "truncatedSnr", "snrPlusOne", "flow" or { minSnr }', weighting);
}
