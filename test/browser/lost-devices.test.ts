import * as tf from "@tensorflow/tfjs";
import "cfd-distill/backends/webgl";
import "cfd-distill/backends/webgpu";
import { beforeEach, describe, expect, it, vi } from "vitest";
import {
  cosineSchedule,
  denoisingLoss,
  disposeParams,
  noise,
  readTerms,
  sampleDdim,
  sgd,
  useBackend,
  valueAndGrads,
  type Denoiser,
  type Params,
} from "cfd-distill";
import { decodeSafetensors, encodeSafetensors } from "cfd-distill/formats";

// The device goes away in the middle of a training, by the means that browsers have for trying it.

// One number for a network, which leaves few shaders to compile on each new device.
const init = (w = 0.5): Params => ({ w: tf.tidy(() => tf.variable(tf.scalar(w))) });
const schedule = cosineSchedule();

interface Webgl {
  readonly gpgpu: { readonly gl: WebGL2RenderingContext; pollItems(): void };
}

/** Takes the device of the running engine away. */
const lose = {
  webgl: () => {
    const { gl } = (tf.backend() as unknown as Webgl).gpgpu;
    gl.getExtension("WEBGL_lose_context")!.loseContext();
  },
  webgpu: () => {
    (tf.backend() as unknown as { device: { destroy(): void } }).device.destroy();
  },
};

/** The same, and waits until the library has heard of it, which is not at once. */
async function loseAndHear(engine: keyof typeof lose): Promise<void> {
  const one = tf.scalar(1);
  lose[engine]();
  await vi.waitFor(() => {
    expect(() => {
      tf.tidy(() => {
        tf.add(one, 1).dispose();
      });
    }).toThrow(/lost/);
  });
  one.dispose();
}

function training(params: Params) {
  const model: Denoiser = Object.assign((zt: tf.Tensor4D) => tf.mul<tf.Tensor4D>(zt, params.w!), {
    predictionType: "x0" as const,
  });
  const optimizer = sgd({ learningRate: 0.01 });
  /** One training step, in the midst of which something happens. */
  const step = (meanwhile?: () => void) => {
    const [x0, eps] = [noise([1, 2], [4, 4, 3]), noise([3, 4], [4, 4, 3])];
    const { terms, grads } = valueAndGrads(() => {
      meanwhile?.();
      return denoisingLoss({ denoiser: model, schedule, x0, eps, times: [0.3, 0.7] });
    }, params);
    optimizer.apply(params, grads);
    tf.dispose([x0, eps, grads]);
    return terms;
  };
  const save = async () =>
    encodeSafetensors({ w: { dtype: "F32", shape: [], data: await params.w!.data<"float32">() } });
  return { model, step, save };
}

describe.each(["webgl", "webgpu"] as const)("%s", (engine) => {
  const gone = new RegExp(
    `^${engine}: expected a device that computes, got one that was lost \\(.+\\); its tensors are gone: ` +
      `useBackend\\("${engine}"\\) starts it anew, then load the last checkpoint\\.$`,
  );
  let run: ReturnType<typeof training>;
  let checkpoint: Uint8Array;
  let loss: number;

  beforeEach(async () => {
    await useBackend(engine);
    const params = init();
    run = training(params);
    const terms = run.step();
    ({ loss } = await readTerms(terms));
    checkpoint = await run.save();
    tf.dispose(terms);
  });

  /** Goes on from the checkpoint on a new device. */
  async function expectToGoOn(): Promise<void> {
    const before = tf.backend();
    await useBackend(engine);
    expect(tf.backend()).not.toBe(before);
    const params = init(Number(decodeSafetensors(checkpoint).w!.data[0]));
    const again = training(params);
    const terms = again.step();
    const { loss: next } = await readTerms(terms);
    expect(next).toBeGreaterThan(0);
    expect(next).toBeLessThan(loss);
    tf.dispose(terms);
    disposeParams(params);
  }

  it("ends a training whose device is lost between two steps, and goes on from the checkpoint", async () => {
    await loseAndHear(engine);
    expect(() => run.step()).toThrow(gone);
    await expect(run.save()).rejects.toThrow(gone);
    const zT = noise([1], [4, 4, 3]);
    await expect(sampleDdim(run.model, schedule, zT, { steps: 2 })).rejects.toThrow(gone);
    zT.dispose();
    await expectToGoOn();
  });

  it("ends a training whose device is lost within a step", async () => {
    const step = async () => readTerms(run.step(lose[engine]));
    await expect(step()).rejects.toThrow(gone);
    await expectToGoOn();
  });

  it("ends what waits for numbers, and leaves nothing running", async () => {
    const terms = run.step();
    const waiting = [readTerms(terms), run.save()];
    lose[engine]();
    const ends = await Promise.allSettled(waiting);
    for (const end of ends) {
      expect(end.status).toBe("rejected");
      expect(String((end as PromiseRejectedResult).reason)).toMatch(
        new RegExp(gone.source.replace("^", "^Error: ")),
      );
    }
    await expectToGoOn();
  });

  it("refuses the lost device's tensors on the new one", async () => {
    const old = tf.add(tf.tensor1d([1, 2]), 1);
    await loseAndHear(engine);
    await useBackend(engine);
    expect(() => tf.add(old, 1)).toThrow(gone);
    await expect(old.data()).rejects.toThrow(gone);
    old.dispose();
  });
});

it("has webgl not ask for ever whether lost work is done", async () => {
  await useBackend("webgl");
  const { gpgpu } = tf.backend() as unknown as Webgl;
  const polls = vi.spyOn(gpgpu, "pollItems");
  const waiting = tf.add(tf.ones([100]), 1).data();
  lose.webgl();
  await expect(waiting).rejects.toThrow(/lost/);
  await new Promise((resolve) => setTimeout(resolve, 50));
  polls.mockClear();
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(polls).not.toHaveBeenCalled();
});

it("says that the page must be reloaded where the browser gives no other context, and goes on with the old engine", async () => {
  await useBackend("webgl");
  await loseAndHear("webgl");
  await useBackend("cpu");
  const blocked = vi.spyOn(OffscreenCanvas.prototype, "getContext").mockReturnValue(null);
  const silent = vi.spyOn(console, "warn").mockReturnValue();
  await expect(useBackend("webgl")).rejects.toThrow(
    /^useBackend: expected webgl to start, .*page is reloaded\)\.$/,
  );
  blocked.mockRestore();
  silent.mockRestore();
  expect(tf.getBackend()).toBe("cpu");
  expect(await useBackend("webgl")).toMatchObject({ name: "webgl" });
});

it("ends a computation that webgpu finds invalid", async () => {
  await useBackend("webgpu");
  const five = tf.pad(tf.ones([2, 1, 1, 2, 3]), Array<[number, number]>(5).fill([1, 0])); // of four axes at most
  await expect(five.data()).rejects.toThrow(/^webgpu: expected a device that computes, got .*vec5/s);
  await useBackend("webgpu");
  expect(await tf.add(tf.ones([2]), 1).data()).toEqual(Float32Array.of(2, 2));
});
