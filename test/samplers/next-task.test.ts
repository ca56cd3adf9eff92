import * as tf from "@tensorflow/tfjs";
import { afterEach, describe, expect, it, vi } from "vitest";
import { cosineSchedule, noise, sampleDdim, type Denoiser } from "../../src/index.js";
import { nextTask } from "../../src/samplers/next-task.js";
import { onCpuWithoutLeaks } from "../support/no-leaks.js";

onCpuWithoutLeaks();
afterEach(() => {
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
});

/** Answers after some milliseconds in which nothing else runs. */
function slow(milliseconds: number): Denoiser {
  const answer = (zt: tf.Tensor4D) => {
    const until = performance.now() + milliseconds;
    while (performance.now() < until);
    return tf.zerosLike(zt);
  };
  return Object.assign(answer, { predictionType: "x0" as const });
}

const openPorts = () => process.getActiveResourcesInfo().filter((name) => name === "MessagePort").length;

describe("between two steps", () => {
  it("a timer that is due runs, and can abort the sampler", async () => {
    const zT = noise([1], [2, 2, 1]);
    const controller = new AbortController();
    const steps: number[] = [];
    setTimeout(() => {
      controller.abort(new Error("late enough"));
    }, 10);
    const options = {
      steps: 200,
      signal: controller.signal,
      onStep: ({ index }: { index: number }) => void steps.push(index),
    };
    await expect(sampleDdim(slow(5), cosineSchedule(), zT, options)).rejects.toThrow("late enough");
    expect(steps.length).toBeGreaterThan(0);
    expect(steps.length).toBeLessThan(20); // the third step is the first after 10 ms
    zT.dispose();
  });

  it("no timer has to be waited for, and no port stays open, which would keep Node from ending", async () => {
    const timers = vi.spyOn(globalThis, "setTimeout");
    const before = openPorts();
    for (let i = 0; i < 20; i++) await nextTask();
    expect(timers).not.toHaveBeenCalled();
    timers.mockRestore();
    await new Promise((resolve) => setTimeout(resolve, 10)); // ports close after their last message
    expect(openPorts()).toBeLessThanOrEqual(before); // one of a test before may have closed meanwhile
  });

  it("a timer serves where there are no channels", async () => {
    vi.stubGlobal("MessageChannel", undefined);
    const timers = vi.spyOn(globalThis, "setTimeout");
    await nextTask();
    expect(timers).toHaveBeenCalledTimes(1);
  });
});
