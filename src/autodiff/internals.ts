import * as tf from "../tfjs.js";
import { check } from "../check.js";

// TensorFlow.js has no public way to its tape, the record of what was computed while gradients are wanted. What is read or
// changed of its state passes here, and is looked for before it is first used: another version may have it no more.

type Engine = ReturnType<typeof tf.engine>;
export type Tape = Engine["state"]["activeTape"];
export type TapeNode = Tape[number];

/** The versions of TensorFlow.js that this library is tested with: the range of its peers in package.json. */
export const TESTED = "^4.22.0";

/** Paths from an object to its parts, by what `typeof` says of these. */
type Parts = Readonly<Partial<Record<"function" | "number" | "object", readonly string[]>>>;

/** Throws where `owner`, a part of TensorFlow.js, does not have what it does not promise to have. */
export function checkInternals(
  where: string,
  owner: unknown,
  parts: Parts,
  version: string = tf.version_core,
): void {
  const at = (path: string) =>
    path
      .split(".")
      .reduce<unknown>((part, name) => (part as Record<string, unknown> | undefined)?.[name], owner);
  const missing = Object.entries(parts).flatMap(([type, paths]) =>
    paths.filter((path) => typeof at(path) !== type),
  );
  const got = `version ${version} without ${missing.join(", ")}`;
  check(missing.length === 0, where, `TensorFlow.js ${TESTED}, whose internals it uses`, got);
}

let known: Engine | undefined;

/** TensorFlow.js's engine, whose state is as this library knows it. */
export function engine(): Engine {
  const current = tf.engine();
  if (current !== known) {
    const state = ["gradientDepth", "kernelDepth", "nextTapeNodeId"].map((name) => `state.${name}`);
    checkInternals("gradients", current, { function: ["gradients"], number: state });
    known = current;
  }
  return current;
}

/** What has been recorded so far, within `engine().gradients`. */
export function activeTape(): Tape {
  const { state } = engine();
  checkInternals("gradients", state, { number: ["activeTape.length"] });
  const [node] = state.activeTape;
  if (node) checkInternals("gradients", node, { number: ["id"], object: ["inputs", "outputs"] });
  return state.activeTape;
}

/** Whether operations are being recorded: during a backward pass, for a gradient of that gradient. */
export function isRecording(): boolean {
  const { gradientDepth, kernelDepth } = engine().state;
  return gradientDepth > 0 && kernelDepth === 0;
}
