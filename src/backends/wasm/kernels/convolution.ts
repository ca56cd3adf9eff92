// A direct convolution: a tile of 4 or 6 pixels times 8 output channels stays in registers while the filter passes over
// it. Each output is summed in one fixed order, whatever its tile, so it depends neither on its neighbours nor on the
// batch.

import { multiplyAdd, TALL } from "./multiply-add";

/** Pixels of a tile. */
const TILE: i32 = TALL ? 6 : 4;

/** Lists rows for {@link convolveListed}: of each the distance of its input, and that of its output, from the first. */
export function listRows(list: usize, rows: i32, leftBytes: usize, outBytes: usize): void {
  for (let row: usize = 0; row < <usize>rows; row++) {
    store<u32>(list, <u32>(row * leftBytes));
    store<u32>(list, <u32>(row * outBytes), 4);
    list += 8;
  }
}

/** Stores the first `count` lanes, at most all four. */
@inline
export function storeSome(to: usize, value: v128, count: i32): void {
  if (count >= 4) {
    v128.store(to, value);
    return;
  }
  if (count > 0) store<f32>(to, f32x4.extract_lane(value, 0));
  if (count > 1) store<f32>(to, f32x4.extract_lane(value, 1), 4);
  if (count > 2) store<f32>(to, f32x4.extract_lane(value, 2), 8);
}

/**
 * out[pixel, channel] = sum over the filter's rows and over `run`, its columns times the input's channels, of image
 * times weights, for the pixels of a list: so few that their inputs stay in the cache while all channels visit them. The
 * image is padded; `panels` are the weights, see
 * packing.ts.
 */
export function convolveListed(
  image: usize,
  list: usize,
  pixels: i32,
  panels: usize,
  out: usize,
  channels: i32,
  filterRows: i32,
  run: i32,
  rowBytes: usize,
): void {
  const panelBytes = (<usize>(filterRows * run)) << 5;
  const runBytes = (<usize>run) << 2;
  const end = list + ((<usize>pixels) << 3);
  const last = end - 8;
  for (let channel = 0; channel < channels; channel += 8) {
    const count = channels - channel;
    for (let at = list; at < end; at += TILE << 3) {
      // The last tile visits the last pixel again and again.
      const at1 = min(at + 8, last);
      const at2 = min(at + 16, last);
      const at3 = min(at + 24, last);
      const at4 = min(at + 32, last);
      const at5 = min(at + 40, last);
      const p0 = image + load<u32>(at);
      const p1 = image + load<u32>(at1);
      const p2 = image + load<u32>(at2);
      const p3 = image + load<u32>(at3);
      let p4: usize = 0;
      let p5: usize = 0;
      if (TALL) {
        p4 = image + load<u32>(at4);
        p5 = image + load<u32>(at5);
      }
      let a0 = f32x4.splat(0);
      let a1 = f32x4.splat(0);
      let b0 = f32x4.splat(0);
      let b1 = f32x4.splat(0);
      let c0 = f32x4.splat(0);
      let c1 = f32x4.splat(0);
      let d0 = f32x4.splat(0);
      let d1 = f32x4.splat(0);
      let e0 = f32x4.splat(0);
      let e1 = f32x4.splat(0);
      let f0 = f32x4.splat(0);
      let f1 = f32x4.splat(0);
      let weights = panels;
      let down: usize = 0;
      for (let row = 0; row < filterRows; row++) {
        let q0 = p0 + down;
        let q1 = p1 + down;
        let q2 = p2 + down;
        let q3 = p3 + down;
        let q4 = p4 + down;
        let q5 = p5 + down;
        const rowEnd = q0 + runBytes;
        while (q0 != rowEnd) {
          const w0 = v128.load(weights);
          const w1 = v128.load(weights, 16);
          let x = v128.load_splat<f32>(q0);
          a0 = multiplyAdd(x, w0, a0);
          a1 = multiplyAdd(x, w1, a1);
          x = v128.load_splat<f32>(q1);
          b0 = multiplyAdd(x, w0, b0);
          b1 = multiplyAdd(x, w1, b1);
          x = v128.load_splat<f32>(q2);
          c0 = multiplyAdd(x, w0, c0);
          c1 = multiplyAdd(x, w1, c1);
          x = v128.load_splat<f32>(q3);
          d0 = multiplyAdd(x, w0, d0);
          d1 = multiplyAdd(x, w1, d1);
          if (TALL) {
            x = v128.load_splat<f32>(q4);
            e0 = multiplyAdd(x, w0, e0);
            e1 = multiplyAdd(x, w1, e1);
            x = v128.load_splat<f32>(q5);
            f0 = multiplyAdd(x, w0, f0);
            f1 = multiplyAdd(x, w1, f1);
            q4 += 4;
            q5 += 4;
          }
          q0 += 4;
          q1 += 4;
          q2 += 4;
          q3 += 4;
          weights += 32;
        }
        down += rowBytes;
      }
      let to = out + load<u32>(at, 4);
      storeSome(to, a0, count);
      storeSome(to + 16, a1, count - 4);
      to = out + load<u32>(at1, 4);
      storeSome(to, b0, count);
      storeSome(to + 16, b1, count - 4);
      to = out + load<u32>(at2, 4);
      storeSome(to, c0, count);
      storeSome(to + 16, c1, count - 4);
      to = out + load<u32>(at3, 4);
      storeSome(to, d0, count);
      storeSome(to + 16, d1, count - 4);
      if (TALL) {
        to = out + load<u32>(at4, 4);
        storeSome(to, e0, count);
        storeSome(to + 16, e1, count - 4);
        to = out + load<u32>(at5, 4);
        storeSome(to, f0, count);
        storeSome(to + 16, f1, count - 4);
      }
    }
    panels += panelBytes;
    out += 32;
  }
}
