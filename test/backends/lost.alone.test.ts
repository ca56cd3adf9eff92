import * as tf from "@tensorflow/tfjs";
import { expect, it } from "vitest";
import { guard } from "../../src/backends/lost.js";
import { useBackend } from "../../src/index.js";

// An engine whose device is lost, played by the CPU's; real ones are in test/browser/lost-devices.test.ts.

it("any number of numbers can be waited for at once: Node warns of nothing, and a loss ends all of them", async () => {
  await useBackend("cpu");
  let lose: (reason: string) => void = () => undefined;
  const backend = tf.backend() as unknown as { read: () => Promise<Float32Array> };
  const stock = backend.read.bind(backend);
  const held: (() => void)[] = [];
  backend.read = async (...args: []) => {
    await new Promise<void>((resolve) => held.push(resolve));
    return stock(...args);
  };
  guard("cpu", { passages: ["read"], onLoss: (tell) => (lose = tell) });
  const warnings: Error[] = [];
  const note = (warning: Error) => warnings.push(warning);
  process.on("warning", note);
  const numbers = Array.from({ length: 40 }, (_, i) => tf.scalar(i));
  const reading = numbers.map((number) => number.data());
  await new Promise((resolve) => setTimeout(resolve, 50));
  held.splice(0).forEach((go) => {
    go();
  });
  expect((await Promise.all(reading)).map(([value]) => value)).toEqual([...numbers.keys()]);

  const waiting = numbers.map((number) => number.data());
  lose("unplugged");
  const ended = await Promise.allSettled(waiting);
  const messages = ended.map((one) =>
    one.status === "rejected" ? (one.reason as Error).message : "it came",
  );
  expect(new Set(messages).size).toBe(1);
  expect(messages[0]).toContain("cpu: expected a device that computes, got one that was lost (unplugged)");
  await expect(numbers[0]!.data()).rejects.toThrow("lost (unplugged)");
  await new Promise((resolve) => setTimeout(resolve, 10));
  process.off("warning", note);
  expect(warnings).toEqual([]);
});
