import * as tf from "@tensorflow/tfjs";

/** How many tensors were alive whenever `f` made one, beyond those there before. */
export function tensorsAlive(f: () => void): number[] {
  const start = tf.memory().numTensors;
  const alive: number[] = [];
  const engine = tf.engine() as unknown as { trackTensor: (...rest: unknown[]) => void };
  const track = engine.trackTensor.bind(engine);
  engine.trackTensor = (...rest) => {
    track(...rest);
    alive.push(tf.memory().numTensors - start);
  };
  f();
  engine.trackTensor = track;
  return alive;
}
