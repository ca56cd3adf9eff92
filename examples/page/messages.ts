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

/**
 * What failed: the browser lacks something, a part of this page did not come, the network was not there, the model is not
 * on its host, is another file or a damaged one, or a picture was not drawn.
 */
export type Failure = "browser" | "part" | "network" | "missing" | "wrong" | "draw";

export type Answer =
  | { readonly type: "loading"; readonly loaded: number; readonly total?: number }
  | {
      readonly type: "ready";
      readonly classes: number;
      readonly classNames?: readonly string[];
      readonly steps: number;
      readonly engine: string;
    }
  | { readonly type: "drawn"; readonly milliseconds: number }
  | { readonly type: "failed"; readonly failure: Failure; readonly reason: string };
