// Filters of 3 x 3 taps as the panels of as many matrices as a tile has places, and back. Channels
// come in fours.

import { turn } from "./transpose";
import { Four, Two } from "./winograd-tiles";
import { gatherTaps2, spreadTaps2 } from "./winograd2";
import { gatherTaps4, spreadTaps4 } from "./winograd4";

@inline
function spreadTaps<T>(from: usize, apart: usize, to: usize, toApart: usize): void {
  if (sizeof<T>() == 4) spreadTaps4(from, apart, to, toApart);
  else spreadTaps2(from, apart, to, toApart);
}

@inline
function gatherTaps<T>(from: usize, apart: usize, to: usize, toApart: usize): void {
  if (sizeof<T>() == 4) gatherTaps4(from, apart, to, toApart);
  else gatherTaps2(from, apart, to, toApart);
}

/** G g G^T of four channels: the places `apart` bytes from each other. */
@inline
function spreadFilter<T>(from: usize, tapBytes: usize, to: usize, apart: usize, room: usize): void {
  const side = sizeof<T>() + 2;
  const lineBytes = side << 4;
  for (let row: usize = 0; row < 3; row++) {
    spreadTaps<T>(from + 3 * row * tapBytes, tapBytes, room + row * lineBytes, 16);
  }
  for (let column: usize = 0; column < side; column++) {
    spreadTaps<T>(room + (column << 4), lineBytes, to + column * apart, side * apart);
  }
}

function packPanels<T>(
  first: i32,
  end: i32,
  room: usize,
  weights: usize,
  panels: usize,
  inputs: i32,
  outputs: i32,
  matrixBytes: usize,
): void {
  const places = (sizeof<T>() + 2) * (sizeof<T>() + 2);
  const tapBytes = (<usize>(inputs * outputs)) << 2;
  const panelBytes = (<usize>inputs) << 5;
  const stop = min(end << 3, outputs);
  panels += <usize>first * panelBytes;
  for (let input = 0; input < inputs; input++) {
    let from = weights + ((<usize>(input * outputs + (first << 3))) << 2);
    let to = panels;
    for (let output = first << 3; output < stop; output += 4) {
      spreadFilter<T>(from, tapBytes, to, matrixBytes, room);
      from += 16;
      to += output & 4 ? panelBytes - 16 : 16;
    }
    for (let place: usize = 0; stop & 4 && place < places; place++) {
      v128.store(to + place * matrixBytes, f32x4.splat(0));
    }
    panels += 32;
  }
}

/** Filters [3, 3, inputs, outputs] as panels of the matrices [inputs, outputs]; a unit is a panel of each of them. */
export function packFilters(
  first: i32,
  end: i32,
  room: usize,
  weights: usize,
  panels: usize,
  inputs: i32,
  outputs: i32,
  matrixBytes: usize,
  four: bool,
): void {
  if (four) packPanels<Four>(first, end, room, weights, panels, inputs, outputs, matrixBytes);
  else packPanels<Two>(first, end, room, weights, panels, inputs, outputs, matrixBytes);
}

function packPanelsTurned<T>(
  first: i32,
  end: i32,
  room: usize,
  weights: usize,
  panels: usize,
  inputs: i32,
  outputs: i32,
  matrixBytes: usize,
): void {
  const places = (sizeof<T>() + 2) * (sizeof<T>() + 2);
  const tapBytes = (<usize>(inputs * outputs)) << 2;
  const rowBytes = (<usize>outputs) << 2;
  const spread = room + 288;
  const last = weights + 8 * tapBytes;
  for (let input = first << 3; input < min(end << 3, inputs); input += 4) {
    let to = panels + <usize>(input >> 3) * (rowBytes << 3) + ((<usize>(input & 4)) << 2);
    const alone = (input & 4) == 0 && input + 4 == inputs;
    let from = last + <usize>input * rowBytes;
    for (let output = 0; output < outputs; output += 4) {
      for (let i: usize = 0; i < 4; i++) {
        spreadFilter<T>(from + i * rowBytes, 0 - tapBytes, spread + i * (places << 4), 16, room);
      }
      for (let place: usize = 0; place < places; place++) {
        const target = to + place * matrixBytes;
        turn(spread + (place << 4), places << 4, target);
        for (let i: usize = 0; alone && i < 4; i++) v128.store(target + (i << 5), f32x4.splat(0), 16);
      }
      from += 16;
      to += 128;
    }
  }
}

/** {@link packFilters} of the filters turned round and their channels exchanged: the matrices are [outputs, inputs]. */
export function packTurned(
  first: i32,
  end: i32,
  room: usize,
  weights: usize,
  panels: usize,
  inputs: i32,
  outputs: i32,
  matrixBytes: usize,
  four: bool,
): void {
  if (four) packPanelsTurned<Four>(first, end, room, weights, panels, inputs, outputs, matrixBytes);
  else packPanelsTurned<Two>(first, end, room, weights, panels, inputs, outputs, matrixBytes);
}

function gatherPanels<T>(
  first: i32,
  end: i32,
  room: usize,
  sums: usize,
  filter: usize,
  inputs: i32,
  outputs: i32,
  matrixBytes: usize,
): void {
  const side = sizeof<T>() + 2;
  const lineBytes = side << 4;
  const each = inputs >> 2;
  const rowBytes = (<usize>outputs) << 2;
  const tapBytes = <usize>inputs * rowBytes;
  for (let unit = first; unit < end; unit++) {
    const output = (unit / each) << 3;
    const to = filter + <usize>((unit % each) << 2) * rowBytes + ((<usize>output) << 2);
    const bytes = ((<usize>min(8, outputs - output)) << 2);
    for (let input: usize = 0; input < 4; input++) {
      for (let channel: usize = 0; channel < bytes; channel += 16) {
        let from = sums + ((<usize>unit) << 7) + (input << 5) + channel;
        for (let at: usize = 0; at < lineBytes; at += 16) {
          gatherTaps<T>(from, side * matrixBytes, room + at, lineBytes);
          from += matrixBytes;
        }
        for (let row: usize = 0; row < 3; row++) {
          const tap = to + input * rowBytes + channel + 3 * row * tapBytes;
          gatherTaps<T>(room + row * lineBytes, 16, tap, tapBytes);
        }
      }
    }
  }
}

/**
 * The gradient of {@link packFilters}, G^T u G: tiles [dy panels, x panels, 4, 8] of each place to a filter
 * [3, 3, inputs, outputs]. A unit is such a tile of all places.
 */
export function gatherFilters(
  first: i32,
  end: i32,
  room: usize,
  sums: usize,
  filter: usize,
  inputs: i32,
  outputs: i32,
  matrixBytes: usize,
  four: bool,
): void {
  if (four) gatherPanels<Four>(first, end, room, sums, filter, inputs, outputs, matrixBytes);
  else gatherPanels<Two>(first, end, room, sums, filter, inputs, outputs, matrixBytes);
}
