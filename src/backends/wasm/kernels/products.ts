// Matrix products: left-hand sides [rows, inner] times right-hand sides in panels.

import { convolveListed, listRows } from "./convolution";

/** Rows that all panels of a unit visit together. */
const BLOCK: i32 = 192;

/**
 * Units are some rows times some panels of one product, all rows of the first panels before those of the next. `pairs`
 * holds the places of each product's sides.
 */
export function multiply(
  first: i32,
  end: i32,
  room: usize,
  pairs: usize,
  left: usize,
  panels: usize,
  out: usize,
  rows: i32,
  inner: i32,
  columns: i32,
  unitRows: i32,
  unitPanels: i32,
): void {
  const leftBytes = (<usize>inner) << 2;
  const outBytes = (<usize>columns) << 2;
  const panelBytes = (<usize>inner) << 5;
  const each = (columns + 7) >> 3;
  const parts = (rows + unitRows - 1) / unitRows;
  const groups = (each + unitPanels - 1) / unitPanels;
  listRows(room, min(BLOCK, rows), leftBytes, outBytes);
  for (let unit = first; unit < end;) {
    const part = unit % parts;
    const count = min(min(end - unit, parts - part), BLOCK / unitRows);
    const panel = ((unit / parts) % groups) * unitPanels;
    const product = <usize>(unit / (parts * groups));
    const row = part * unitRows;
    const pair = pairs + (product << 3);
    const from = left + (<usize>load<u32>(pair) * <usize>rows + <usize>row) * leftBytes;
    const weights = panels + <usize>(load<u32>(pair, 4) * each + panel) * panelBytes;
    const to = out + (product * <usize>rows + <usize>row) * outBytes + ((<usize>panel) << 5);
    const channels = min(unitPanels << 3, columns - (panel << 3));
    convolveListed(from, room, min(count * unitRows, rows - row), weights, to, channels, 1, inner, 0);
    unit += count;
  }
}
