// The gradient of a convolution's filter: a tile of 4 input times 8 output channels stays in registers while all
// pixels of a block pass by. Blocks are summed in one fixed order.

import { storeSome } from "./convolution";
import { multiplyAdd } from "./multiply-add";

/**
 * Adds to the tiles `sums` [dy panels, x panels, filter rows, filter columns, 4, 8] what the rows `first` to `end` of
 * some images contribute. x is padded and in panels of 4 channels, dy in panels of 8, one image after the other.
 */
export function correlate(
  x: usize,
  dy: usize,
  sums: usize,
  images: i32,
  first: i32,
  end: i32,
  width: i32,
  filterRows: i32,
  filterColumns: i32,
  xPanels: i32,
  dyPanels: i32,
  xPanelBytes: usize,
  dyPanelBytes: usize,
  xImageBytes: usize,
  dyImageBytes: usize,
  rowBytes: usize,
  downBytes: usize,
  rightBytes: usize,
): void {
  const dyRowBytes = (<usize>width) << 5;
  for (let dyPanel = 0; dyPanel < dyPanels; dyPanel++) {
    const dyFirst = dy + <usize>dyPanel * dyPanelBytes + <usize>first * dyRowBytes;
    for (let xPanel = 0; xPanel < xPanels; xPanel++) {
      const xFirst = x + <usize>xPanel * xPanelBytes + <usize>first * downBytes;
      for (let filterRow = 0; filterRow < filterRows; filterRow++) {
        for (let filterColumn = 0; filterColumn < filterColumns; filterColumn++) {
          let a0 = f32x4.splat(0);
          let a1 = f32x4.splat(0);
          let b0 = f32x4.splat(0);
          let b1 = f32x4.splat(0);
          let c0 = f32x4.splat(0);
          let c1 = f32x4.splat(0);
          let d0 = f32x4.splat(0);
          let d1 = f32x4.splat(0);
          let imageAt = xFirst + <usize>filterRow * rowBytes + ((<usize>filterColumn) << 4);
          let dyAt = dyFirst;
          for (let image = 0; image < images; image++) {
            let rowAt = imageAt;
            let q = dyAt;
            for (let row = first; row < end; row++) {
              let p = rowAt;
              const last = q + dyRowBytes;
              while (q != last) {
                const y0 = v128.load(q);
                const y1 = v128.load(q, 16);
                let value = v128.load_splat<f32>(p);
                a0 = multiplyAdd(value, y0, a0);
                a1 = multiplyAdd(value, y1, a1);
                value = v128.load_splat<f32>(p, 4);
                b0 = multiplyAdd(value, y0, b0);
                b1 = multiplyAdd(value, y1, b1);
                value = v128.load_splat<f32>(p, 8);
                c0 = multiplyAdd(value, y0, c0);
                c1 = multiplyAdd(value, y1, c1);
                value = v128.load_splat<f32>(p, 12);
                d0 = multiplyAdd(value, y0, d0);
                d1 = multiplyAdd(value, y1, d1);
                p += rightBytes;
                q += 32;
              }
              rowAt += downBytes;
            }
            imageAt += xImageBytes;
            dyAt += dyImageBytes;
          }
          v128.store(sums, f32x4.add(v128.load(sums), a0));
          v128.store(sums, f32x4.add(v128.load(sums, 16), a1), 16);
          v128.store(sums, f32x4.add(v128.load(sums, 32), b0), 32);
          v128.store(sums, f32x4.add(v128.load(sums, 48), b1), 48);
          v128.store(sums, f32x4.add(v128.load(sums, 64), c0), 64);
          v128.store(sums, f32x4.add(v128.load(sums, 80), c1), 80);
          v128.store(sums, f32x4.add(v128.load(sums, 96), d0), 96);
          v128.store(sums, f32x4.add(v128.load(sums, 112), d1), 112);
          sums += 128;
        }
      }
    }
  }
}

/** Writes the tiles of {@link correlate} as a filter [taps, inputs, outputs]. */
export function collect(sums: usize, filter: usize, taps: i32, inputs: i32, outputs: i32): void {
  const tileBytes = (<usize>taps) << 7;
  for (let output = 0; output < outputs; output += 8) {
    for (let input = 0; input < inputs; input += 4) {
      collectTile(sums, filter, taps, inputs, outputs, input, output);
      sums += tileBytes;
    }
  }
}

/** Writes the tiles of one panel of inputs and one of outputs, which begin at `input` and `output`. */
export function collectTile(
  sums: usize,
  filter: usize,
  taps: i32,
  inputs: i32,
  outputs: i32,
  input: i32,
  output: i32,
): void {
  const count = outputs - output;
  const rowBytes = (<usize>outputs) << 2;
  filter += <usize>input * rowBytes + ((<usize>output) << 2);
  for (let tap = 0; tap < taps; tap++) {
    for (let i = 0; i < 4; i++) {
      if (input + i < inputs) {
        const to = filter + <usize>(tap * inputs + i) * rowBytes;
        storeSome(to, v128.load(sums), count);
        storeSome(to + 16, v128.load(sums, 16), count - 4);
      }
      sums += 32;
    }
  }
}
