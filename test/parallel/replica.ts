// The module of the tests' workers.
import { parentPort, threadId } from "node:worker_threads";
import * as tf from "@tensorflow/tfjs";
import { serveReplica, useBackend, type LossTerms, type Share } from "../../src/index.js";
import { tasks, type Input, type Setup, type Task } from "./tasks.js";

serveReplica(parentPort, async ({ engine, task: name, channels, fail }: Setup, { index }) => {
  if (fail === "throw" && index === 1) throw new Error("no networks today");
  if (fail === "exit" && index === 1) process.exit(7);
  await useBackend(engine);
  const task: Task = tasks[name];
  const before = tf.memory().numTensors;
  const params = task.init(channels);
  const isSick = (share: Share) => share.index === share.count - 1;
  return {
    params,
    terms: (input: Input, share): LossTerms => {
      if (isSick(share)) failAs(input.fail);
      const terms = task.terms(params, input, share);
      return input.fail === "terms" && isSick(share) ? { ...terms, [`from ${threadId}`]: terms.loss } : terms;
    },
    outputs: (input: Input, share) => {
      if (input.seed === -1)
        return tf.fill([share.end - share.start], tf.memory().numTensors - before, "int32");
      if (input.fail === "rows") return tf.zeros([1 + share.end - share.start]);
      if (isSick(share)) failAs(input.fail);
      tf.zeros([3]); // litter, which is swept up
      return task.outputs(params, input, share);
    },
    dispose: () => {
      tf.dispose(params);
    },
  };
});

function failAs(fail: Input["fail"]): void {
  if (fail === "throw") throw new TypeError("this share is cursed");
  if (fail === "exit") process.exit(3);
  while (fail === "spin");
}
