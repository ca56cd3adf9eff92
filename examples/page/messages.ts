// What page and worker tell each other.

/** The first message to the worker: where to draw, and with which model. */
export interface Start {
  readonly canvas: OffscreenCanvas;
  readonly model: string;
}

/** Every later one: what to draw. */
export interface Wish {
  readonly seed: number;
  readonly label?: number;
}

export type Answer =
  | { readonly type: "loading"; readonly loaded: number; readonly total?: number }
  | { readonly type: "ready"; readonly classes: number; readonly steps: number; readonly engine: string }
  | { readonly type: "drawn"; readonly milliseconds: number }
  | { readonly type: "failed"; readonly during: "start" | "load" | "draw"; readonly reason: string };
