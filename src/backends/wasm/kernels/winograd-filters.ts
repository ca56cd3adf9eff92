// Filters of 3 x 3 taps as the panels of as many matrices as a tile has places, and back. Channels come in fours. Taps
// lie far apart, often at a power of 2, so that all of them share a set of the cache: they pass through the room, 16
// outputs at a time.

import { turn } from "./transpose";
import { Four, hold, Two } from "./winograd-tiles";
import { gatherTaps2, spreadTaps2 } from "./winograd2";
import { gatherTaps4, N0, NP, NQ, P, Q, spreadTaps4 } from "./winograd4";

@inline
function spreadTaps<T>(
  from: usize,
  apart: usize,
  to: usize,
  toApart: usize,
  n0: v128,
  nP: v128,
  nP1: v128,
  nP2: v128,
  nQ: v128,
  nQ1: v128,
  nQ2: v128,
): void {
  if (sizeof<T>() == 4) spreadTaps4(from, apart, to, toApart, n0, nP, nP1, nP2, nQ, nQ1, nQ2);
  else spreadTaps2(from, apart, to, toApart, n0);
}

@inline
function gatherTaps<T>(
  from: usize,
  apart: usize,
  to: usize,
  toApart: usize,
  n0: v128,
  nP: v128,
  nP1: v128,
  nP2: v128,
  nQ: v128,
  nQ1: v128,
  nQ2: v128,
): void {
  if (sizeof<T>() == 4) gatherTaps4(from, apart, to, toApart, n0, nP, nP1, nP2, nQ, nQ1, nQ2);
  else gatherTaps2(from, apart, to, toApart, n0);
}

/** Room: for a filter of 4 channels on its way, for the taps of 16 outputs, for 16 channels of 4 filters, spread. */
const TAPS: usize = 288;
const SPREAD: usize = TAPS + 9 * 64;

/** Copies the taps of some outputs, 64 bytes at most. */
@inline
function copyTaps(from: usize, apart: usize, to: usize, toApart: usize, bytes: usize): void {
  for (let tap: usize = 0; tap < 9; tap++) {
    for (let at: usize = 0; at < bytes; at += 16) v128.store(to + at, v128.load(from + at));
    from += apart;
    to += toApart;
  }
}

/** G g G^T of four channels: the places `apart` bytes from each other. */
@inline
function spreadFilter<T>(
  from: usize,
  tapBytes: usize,
  to: usize,
  apart: usize,
  room: usize,
  n0: v128,
  nP: v128,
  nP1: v128,
  nP2: v128,
  nQ: v128,
  nQ1: v128,
  nQ2: v128,
): void {
  const side = sizeof<T>() + 2;
  const lineBytes = side << 4;
  for (let row: usize = 0; row < 3; row++) {
    // prettier-ignore
    spreadTaps<T>(from + 3 * row * tapBytes, tapBytes, room + row * lineBytes, 16, n0, nP, nP1, nP2, nQ, nQ1, nQ2);
  }
  for (let column: usize = 0; column < side; column++) {
    // prettier-ignore
    spreadTaps<T>(room + (column << 4), lineBytes, to + column * apart, side * apart, n0, nP, nP1, nP2, nQ, nQ1, nQ2);
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
  const n0 = hold(room, 0, sizeof<T>() == 4 ? N0 : 0.5);
  const nP = hold(room, 1, NP);
  const nP1 = hold(room, 2, NP * P);
  const nP2 = hold(room, 3, NP * P * P);
  const nQ = hold(room, 4, NQ);
  const nQ1 = hold(room, 5, NQ * Q);
  const nQ2 = hold(room, 6, NQ * Q * Q);
  const places = (sizeof<T>() + 2) * (sizeof<T>() + 2);
  const tapBytes = (<usize>(inputs * outputs)) << 2;
  const panelBytes = (<usize>inputs) << 5;
  const stop = min(end << 3, outputs);
  panels += <usize>first * panelBytes;
  for (let input = 0; input < inputs; input++) {
    let to = panels;
    for (let output = first << 3; output < stop; output += 16) {
      const bytes = (<usize>min(16, stop - output)) << 2;
      copyTaps(weights + ((<usize>(input * outputs + output)) << 2), tapBytes, room + TAPS, 64, bytes);
      for (let at: usize = 0; at < bytes; at += 16) {
        // prettier-ignore
        spreadFilter<T>(room + TAPS + at, 64, to, matrixBytes, room, n0, nP, nP1, nP2, nQ, nQ1, nQ2);
        to += at & 16 ? panelBytes - 16 : 16;
      }
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
  const n0 = hold(room, 0, sizeof<T>() == 4 ? N0 : 0.5);
  const nP = hold(room, 1, NP);
  const nP1 = hold(room, 2, NP * P);
  const nP2 = hold(room, 3, NP * P * P);
  const nQ = hold(room, 4, NQ);
  const nQ1 = hold(room, 5, NQ * Q);
  const nQ2 = hold(room, 6, NQ * Q * Q);
  const places = (sizeof<T>() + 2) * (sizeof<T>() + 2);
  const tapBytes = (<usize>(inputs * outputs)) << 2;
  const rowBytes = (<usize>outputs) << 2;
  const last = weights + 8 * tapBytes;
  const filterBytes = places << 4;
  for (let input = first << 3; input < min(end << 3, inputs); input += 4) {
    let to = panels + <usize>(input >> 3) * (rowBytes << 3) + ((<usize>(input & 4)) << 2);
    const alone = (input & 4) == 0 && input + 4 == inputs;
    for (let output: usize = 0; output < rowBytes; output += 64) {
      const bytes = min(64, rowBytes - output);
      for (let i: usize = 0; i < 4; i++) {
        const from = last + (<usize>input + i) * rowBytes + output;
        let spread = room + SPREAD + i * filterBytes;
        copyTaps(from, 0 - tapBytes, room + TAPS, 64, bytes);
        for (let at: usize = 0; at < bytes; at += 16) {
          // prettier-ignore
          spreadFilter<T>(room + TAPS + at, 64, spread, 16, room, n0, nP, nP1, nP2, nQ, nQ1, nQ2);
          spread += 4 * filterBytes;
        }
      }
      for (let at: usize = 0; at < bytes; at += 16) {
        const spread = room + SPREAD + (at >> 2) * filterBytes;
        for (let place: usize = 0; place < places; place++) {
          const target = to + place * matrixBytes;
          turn(spread + (place << 4), filterBytes, target);
          for (let i: usize = 0; alone && i < 4; i++) v128.store(target + (i << 5), f32x4.splat(0), 16);
        }
        to += 128;
      }
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
  const n0 = hold(room, 0, sizeof<T>() == 4 ? N0 : 0.5);
  const nP = hold(room, 1, NP);
  const nP1 = hold(room, 2, NP * P);
  const nP2 = hold(room, 3, NP * P * P);
  const nQ = hold(room, 4, NQ);
  const nQ1 = hold(room, 5, NQ * Q);
  const nQ2 = hold(room, 6, NQ * Q * Q);
  const side = sizeof<T>() + 2;
  const lineBytes = side << 4;
  const each = inputs >> 2;
  const rowBytes = (<usize>outputs) << 2;
  const tapBytes = <usize>inputs * rowBytes;
  for (let unit = first; unit < end; unit++) {
    const output = (unit / each) << 4;
    const panel = <usize>(unit % each);
    const bytes = (<usize>min(16, outputs - output)) << 2;
    let to = filter + (panel << 2) * rowBytes + ((<usize>output) << 2);
    for (let input: usize = 0; input < 4; input++) {
      for (let at: usize = 0; at < bytes; at += 16) {
        const tile = <usize>((output >> 3) + <i32>(at >> 5)) * <usize>each + panel;
        let from = sums + (tile << 7) + (input << 5) + (at & 16);
        for (let column: usize = 0; column < lineBytes; column += 16) {
          // prettier-ignore
          gatherTaps<T>(from, side * matrixBytes, room + column, lineBytes, n0, nP, nP1, nP2, nQ, nQ1, nQ2);
          from += matrixBytes;
        }
        for (let row: usize = 0; row < 3; row++) {
          // prettier-ignore
          gatherTaps<T>(room + row * lineBytes, 16, room + TAPS + 3 * row * 64 + at, 64, n0, nP, nP1, nP2, nQ, nQ1, nQ2);
        }
      }
      copyTaps(room + TAPS, 64, to, tapBytes, bytes);
      to += rowBytes;
    }
  }
}

/**
 * The gradient of {@link packFilters}, G^T u G: tiles [dy panels, x panels, 4, 8] of each place to a filter
 * [3, 3, inputs, outputs]. A unit is two panels of dy and one of x.
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
