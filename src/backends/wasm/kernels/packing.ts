// Weights and right-hand sides as panels of 8 columns, the last one filled up with zeros; a unit is a panel.

import { packRows } from "./transpose";

/** The first `count` columns of a matrix, at most all 8 of them, as one panel. */
function packPanel(from: usize, rowBytes: usize, panel: usize, rows: i32, count: i32): void {
  for (let row = 0; row < rows; row++) {
    if (count >= 8) {
      v128.store(panel, v128.load(from));
      v128.store(panel, v128.load(from, 16), 16);
    } else {
      for (let i = 0; i < 8; i++) {
        const at = (<usize>i) << 2;
        store<f32>(panel + at, i < count ? load<f32>(from + at) : 0);
      }
    }
    from += rowBytes;
    panel += 32;
  }
}

/** Matrices [rows, columns], one after the other. */
export function packMatrices(
  first: i32,
  end: i32,
  room: usize,
  matrices: usize,
  panels: usize,
  rows: i32,
  columns: i32,
): void {
  const rowBytes = (<usize>columns) << 2;
  const each = (columns + 7) >> 3;
  for (let unit = first; unit < end; unit++) {
    const column = (unit % each) << 3;
    const from = matrices + <usize>(unit / each) * <usize>rows * rowBytes + ((<usize>column) << 2);
    packPanel(from, rowBytes, panels + <usize>unit * ((<usize>rows) << 5), rows, columns - column);
  }
}

/** Matrices [rows, columns], one after the other, transposed. */
export function packTransposed(
  first: i32,
  end: i32,
  room: usize,
  matrices: usize,
  panels: usize,
  rows: i32,
  columns: i32,
): void {
  const rowBytes = (<usize>columns) << 2;
  const each = (rows + 7) >> 3;
  for (let unit = first; unit < end; unit++) {
    const row = (unit % each) << 3;
    const from = matrices + (<usize>(unit / each) * <usize>rows + <usize>row) * rowBytes;
    packRows(from, panels + <usize>unit * (rowBytes << 3), min(8, rows - row), columns);
  }
}

/** A filter [taps, inputs, outputs] as the matrix [`count` of its taps times outputs, inputs]. */
export function packTaps(
  first: i32,
  end: i32,
  room: usize,
  filter: usize,
  panels: usize,
  taps: usize,
  count: i32,
  inputs: i32,
  outputs: i32,
): void {
  const rowBytes = (<usize>outputs) << 2;
  for (let unit = first; unit < end; unit++) {
    const input = unit << 3;
    let panel = panels + <usize>unit * <usize>count * (rowBytes << 3);
    for (let i: usize = 0; i < <usize>count; i++) {
      const row = <usize>load<u32>(taps + (i << 2)) * <usize>inputs + <usize>input;
      packRows(filter + row * rowBytes, panel, min(8, inputs - input), outputs);
      panel += rowBytes << 3;
    }
  }
}
