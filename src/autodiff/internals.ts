import * as tf from "@tensorflow/tfjs";
import { check } from "../check.js";

// TensorFlow.js has no public way to its tape, the record of what was computed while gradients are wanted. What is read or
// changed of its state passes here, and is looked for before it is first used: another version may have it no more.

type Engine = ReturnType<typeof tf.engine>;
export type Tape = Engine["state"]["activeTape"];
export type TapeNode = Tape[number];

/** The versions of TensorFlow.js that this library is tested with: the range of its peers in package.json. */
export const TESTED = "^4.22.0";

/** Throws where a part of TensorFlow.js that it does not promise is not `there`. */
export function checkInternals(
  where: string,
  there: Readonly<Record<string, boolean>>,
  version: string = tf.version_core,
): void {
  const missing = Object.keys(there).filter((name) => !there[name]);
  const got = `version ${version} without ${missing.join(", ")}`;
  check(missing.length === 0, where, `TensorFlow.js ${TESTED}, whose internals it uses`, got);
}

let known: Engine | undefined;

/** TensorFlow.js's engine, whose state is as this library knows it. */
export function engine(): Engine {
  const current = tf.engine();
  if (current === known) return current;
  const state = current.state as Partial<Engine["state"]>;
  checkInternals("gradients", {
    "engine().gradients": typeof current.gradients === "function",
    "engine().state.gradientDepth": typeof state.gradientDepth === "number",
    "engine().state.kernelDepth": typeof state.kernelDepth === "number",
    "engine().state.nextTapeNodeId": typeof state.nextTapeNodeId === "number",
  });
  known = current;
  return current;
}

/** What has been recorded so far, within `engine().gradients`. */
export function activeTape(): Tape {
  const { activeTape: tape } = engine().state as { readonly activeTape?: Tape };
  const [node]: readonly Partial<TapeNode>[] = Array.isArray(tape) ? tape : [];
  checkInternals("gradients", {
    "engine().state.activeTape": Array.isArray(tape),
    "id of a tape's nodes": node === undefined || typeof node.id === "number",
    "inputs of a tape's nodes": node === undefined || typeof node.inputs === "object",
    "outputs of a tape's nodes": node === undefined || Array.isArray(node.outputs),
    "saved of a tape's nodes": node === undefined || "saved" in node,
  });
  return tape!;
}

/** Whether operations are being recorded: during a backward pass, for a gradient of that gradient. */
export function isRecording(): boolean {
  const { gradientDepth, kernelDepth } = engine().state;
  return gradientDepth > 0 && kernelDepth === 0;
}
