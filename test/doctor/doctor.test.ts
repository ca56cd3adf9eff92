import * as tf from "@tensorflow/tfjs";
import "cfd-distill/backends/wasm";
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { diagnose } from "../../src/doctor/diagnose.js";
import { withStockKernels } from "../../src/doctor/kernels.js";
import { probes } from "../../src/doctor/probes/index.js";
import { backendReport, useBackend, type Diagnosis, type OperationReport } from "../../src/index.js";

const probesOf = (...operations: string[]) => probes.filter((probe) => operations.includes(probe.operation));

async function diagnoseOne(operation: string): Promise<OperationReport> {
  const [report, ...others] = await diagnose(probesOf(operation));
  expect(others).toEqual([]);
  return report!;
}

/** What is right, whose time is that of other programs as well. */
const right = { verdict: expect.stringMatching(/^(ok|slow)$/) as string };

/** Every kernel function that an engine has now. */
const kernelsOf = (backend: string) =>
  new Map(tf.getKernelsForBackend(backend).map(({ kernelName, kernelFunc }) => [kernelName, kernelFunc]));

describe("wasm", () => {
  let diagnosis: Diagnosis;
  const before = { numTensors: 0, numDataBuffers: 0, kernels: new Map<string, tf.KernelFunc>() };
  let warnings: ReturnType<typeof vi.spyOn>;
  const find = (operation: string) => diagnosis.operations.find((each) => each.operation === operation)!;

  beforeAll(async () => {
    await useBackend("wasm");
    const { numTensors, numDataBuffers } = tf.memory();
    Object.assign(before, { numTensors, numDataBuffers, kernels: kernelsOf("wasm") });
    warnings = vi.spyOn(console, "warn");
    diagnosis = await backendReport();
  }, 120_000);

  it("leaves engine, kernels and memory as they were", () => {
    expect(tf.getBackend()).toBe("wasm");
    expect(kernelsOf("wasm")).toEqual(before.kernels);
    expect(tf.memory()).toMatchObject({
      numTensors: before.numTensors,
      numDataBuffers: before.numDataBuffers,
    });
    expect(warnings).not.toHaveBeenCalled(); // TensorFlow.js warns of a kernel registered twice
  });

  it("says which engine it is, with which kernels", async () => {
    const { kernels, ...engine } = await useBackend("wasm");
    expect(diagnosis.engine).toMatchObject(engine);
    expect(new Set(diagnosis.engine.kernels)).toEqual(new Set(kernels));
  });

  it("finds what is known to be missing and wrong in the stock kernels, and nothing else", () => {
    const broken = diagnosis.operations.flatMap(({ operation, stock: { forward, gradient } }) => {
      const passes = { forward: forward.verdict, gradient: gradient?.verdict };
      return Object.values(passes).some((verdict) => verdict === "wrong" || verdict === "missing")
        ? [[operation, passes.forward === "slow" ? "ok" : passes.forward, passes.gradient]]
        : [];
    });
    expect(broken).toEqual([
      ["conv2d 3x3, stride 1, same", "ok", "missing"],
      ["conv2d 3x3, stride 2, valid", "ok", "missing"],
      ["conv2d 3x3, stride 2, same", "ok", "missing"],
      ["conv2d 3x3, stride 2, a border of 1", "ok", "missing"],
      ["conv2d 1x1, stride 1, same", "ok", "missing"],
      ["conv2d 1x1, stride 2, valid", "ok", "missing"],
      ["conv2dTranspose 4x4, stride 2", "ok", "missing"],
      ["matMul after a reshape", "wrong", "ok"],
      ["fused.matMul with a bias, b transposed", "wrong", "ok"],
      ["fused.matMul with a bias, of batches", "wrong", "ok"],
      ["fused.conv2d 1x3, stride 2, with a bias and ReLU", "wrong", "missing"],
      ["depthwiseConv2d 3x3, stride 1, same", "ok", "missing"],
      ["depthwiseConv2d 2x2, stride 3, same, two outputs a channel", "ok", "missing"],
      ["depthwiseConv2d 3x2, stride 2, uneven borders", "ok", "missing"],
      ["depthwiseConv2d 3x3, strides 1 and 2, same", "ok", "missing"],
      ["fused.depthwiseConv2d 3x3 with a bias and ReLU", "wrong", "missing"],
      ["minimum", "wrong", "ok"],
      ["maximum", "wrong", "ok"],
      ["prelu", "wrong", "ok"],
      ["cast to truth values", "wrong", undefined],
      ["sign", "wrong", undefined],
      ["relu6", "wrong", "ok"],
      ["clipByValue", "wrong", "ok"],
      ["clipByValue of infinity", "wrong", undefined],
      ["argMax", "wrong", undefined],
      ["argMin", "wrong", undefined],
      ["gather", "ok", "missing"],
      ["avgPool", "wrong", "ok"],
      ["avgPool, overlapping", "wrong", "ok"],
      ["maxPool", "wrong", "ok"],
      ["maxPool of negative numbers", "wrong", "wrong"],
      ["batch norm, training", "wrong", "ok"],
      ["mean over pixels", "wrong", "ok"],
      ["upsampled conv2d 3x3", "ok", "missing"],
    ]);
  });

  it("gives the reason and the cure", () => {
    const { stock, now, cures, composed } = find("conv2d 3x3, stride 1, same");
    expect(stock.gradient?.note).toMatch(/by filter: Kernel 'Conv2DBackpropFilter' not registered/);
    expect(now.gradient).toMatchObject(right);
    expect(cures).toContainEqual({
      kernel: "Conv2DBackpropFilter",
      change: "added",
      why: "missing: without it nothing trains",
    });
    expect(cures.map(({ kernel }) => kernel)).not.toContain("Identity");
    expect(composed).toBe(false);
    expect(find("matMul after a reshape").stock.forward.note).toMatch(/^off by \d/);
  });

  it("finds where NaN becomes a number", () => {
    const note = (operation: string) => find(operation).stock.forward.note;
    expect(note("clipByValue")).toBe("by x: NaN becomes -0.5");
    expect(note("avgPool")).toBe("by x: NaN becomes -Infinity");
    expect(note("maximum")).toMatch(/^by b: NaN becomes -?\d/);
    expect(find("maximum").cures).toContainEqual({
      kernel: "Maximum",
      change: "replaced",
      why: "NaN becomes a number, or is passed over",
    });
  });

  it("finds products slow that need 20 times as long as the fastest", () => {
    const { stock, now } = find("matMul of batches, b transposed");
    expect(stock.forward.verdict).toBe("slow");
    expect(stock.forward.note).toMatch(
      /^\d+ times as long as the fastest product of as many multiplications$/,
    );
    expect(now.forward).toEqual({ verdict: "ok" });
  });

  it("finds nothing wrong or missing with the cures", () => {
    const verdicts = diagnosis.operations.flatMap(({ operation, now }) =>
      [now.forward, now.gradient].map((finding) => [operation, finding?.verdict]),
    );
    expect(verdicts.filter(([, verdict]) => verdict === "wrong" || verdict === "missing")).toEqual([]);
  });

  it("runs every cure of the engine", () => {
    const seen = new Set(diagnosis.operations.flatMap(({ cures }) => cures.map(({ kernel }) => kernel)));
    expect([...seen].sort()).toEqual(diagnosis.engine.kernels.map(({ kernel }) => kernel).sort());
  });

  it("tells own operations with a kernel from composed ones", () => {
    expect(find("group norm")).toMatchObject({ composed: false, stock: { gradient: right } });
    const { composed, cures } = find("SiLU");
    expect(composed).toBe(true);
    expect(cures.map(({ kernel }) => kernel)).toEqual(["Multiply", "Sub", "Add"]);
  });

  it("puts this library's kernels back when what runs without them fails", () => {
    const failing = () =>
      withStockKernels(() => {
        expect(tf.getKernel("Conv2DBackpropFilter", "wasm")).toBeUndefined();
        throw new Error("broken");
      });
    expect(failing).toThrow("broken");
    expect(kernelsOf("wasm")).toEqual(before.kernels);
  });
});

describe("cpu", () => {
  beforeAll(() => useBackend("cpu"));

  it("finds its slow filter gradient and its wrong resize gradient, and their cures", async () => {
    const [conv2d, larger, smaller] = await diagnose(
      probesOf(
        "conv2d 3x3, stride 1, same",
        "resizeNearestNeighbor, larger",
        "resizeNearestNeighbor, smaller",
      ),
    );
    expect(conv2d!.stock).toMatchObject({ forward: { verdict: "ok" }, gradient: { verdict: "slow" } });
    expect(conv2d!.stock.gradient?.note).toMatch(/^by filter: \d+ times as long as the fastest product/);
    expect(conv2d!.now).toEqual({ forward: { verdict: "ok" }, gradient: { verdict: "ok" } });
    expect(conv2d!.cures.map(({ kernel }) => kernel)).toEqual(["Conv2DBackpropFilter"]);
    expect(larger!.stock.gradient).toMatchObject({ verdict: "wrong", note: expect.stringMatching(/off by/) as string }); // prettier-ignore
    expect(smaller!.stock.gradient).toEqual({ verdict: "wrong", note: "by x: not a number" });
    for (const { now } of [larger!, smaller!]) expect(now.gradient).toMatchObject(right);
  }, 120_000);

  it("says that own operations are composed there", async () => {
    const report = await diagnoseOne("group norm");
    expect(report).toMatchObject({ composed: true, cures: [], now: { gradient: right } });
  });
});

describe("a fault planted on cpu", () => {
  let numTensors = 0;
  beforeAll(() => useBackend("cpu"));
  beforeEach(() => {
    numTensors = tf.memory().numTensors;
  });

  /** The report on an operation while a kernel is another one, or none. */
  async function withKernel(
    kernelName: string,
    replace: ((stock: tf.KernelFunc) => tf.KernelFunc) | undefined,
    operation: string,
  ): Promise<OperationReport> {
    const stock = tf.getKernel(kernelName, "cpu");
    tf.unregisterKernel(kernelName, "cpu");
    if (replace) tf.registerKernel({ ...stock, kernelFunc: replace(stock.kernelFunc) });
    try {
      return await diagnoseOne(operation);
    } finally {
      if (replace) tf.unregisterKernel(kernelName, "cpu");
      tf.registerKernel(stock);
      expect(tf.memory().numTensors).toBe(numTensors);
    }
  }

  /** The kernel with its result passed through `f`. */
  const changed =
    (f: (x: tf.Tensor) => tf.Tensor) =>
    (stock: tf.KernelFunc): tf.KernelFunc =>
    (call) =>
      tf.tidy(() => f(tf.engine().makeTensorFromTensorInfo(stock(call) as tf.TensorInfo)));

  it("is found where values are a little off", async () => {
    const { now } = await withKernel("Exp", changed((x) => tf.mul(x, 1.001)), "exp"); // prettier-ignore
    expect(now.forward.verdict).toBe("wrong");
    expect(now.forward.note).toMatch(/^off by 0\.00\d+$/);
  });

  it("is found where a gradient is a little off, though its forward pass is right", async () => {
    const { now } = await withKernel("AvgPoolGrad", changed((x) => tf.mul(x, 1.001)), "avgPool"); // prettier-ignore
    expect(now.forward).toMatchObject(right);
    expect(now.gradient?.verdict).toBe("wrong");
    expect(now.gradient?.note).toMatch(/^by x: off by 0\.00/);
  });

  it("is found where values are no numbers", async () => {
    const { now } = await withKernel("Exp", changed((x) => tf.mul(x, NaN)), "exp"); // prettier-ignore
    expect(now.forward).toEqual({ verdict: "wrong", note: "not a number" });
  });

  it("is found where the shape is another", async () => {
    const { now } = await withKernel("Exp", changed((x) => tf.reshape(x, [-1])), "exp"); // prettier-ignore
    expect(now.forward).toEqual({ verdict: "wrong", note: "shape [15] in place of [3, 5]" });
  });

  it("is found where there is no kernel", async () => {
    const { now, stock } = await withKernel("Tanh", undefined, "tanh");
    expect(now.forward).toEqual({
      verdict: "missing",
      note: "Kernel 'Tanh' not registered for backend 'cpu'",
    });
    expect(now.gradient).toMatchObject({ verdict: "missing" });
    expect(stock).toEqual(now);
  });

  it("is found where a kernel throws in the middle of a gradient", async () => {
    const failing = () => () => {
      throw new Error("out of everything\nand more");
    };
    const { now } = await withKernel("AvgPoolGrad", failing, "avgPool");
    expect(now).toEqual({
      forward: { verdict: "ok" },
      gradient: { verdict: "missing", note: "by x: out of everything" },
    });
  });

  it("is found where an own operation's part fails", async () => {
    const failing = () => () => {
      throw new Error("no roots today");
    };
    const { now } = await withKernel("Rsqrt", failing, "batch norm, training");
    expect(now.forward).toEqual({ verdict: "missing", note: "no roots today" });
    expect(now.gradient?.note).toBe(
      "by x: no roots today; by gamma: no roots today; by beta: no roots today",
    );
  });

  it("is found where a gradient takes far longer than its forward pass", async () => {
    const waiting =
      (stock: tf.KernelFunc): tf.KernelFunc =>
      (call) => {
        const end = performance.now() + 500;
        while (performance.now() < end);
        return stock(call);
      };
    const { now } = await withKernel("AvgPoolGrad", waiting, "avgPool");
    expect(now.forward).toEqual({ verdict: "ok" });
    expect(now.gradient?.verdict).toBe("slow");
    expect(now.gradient?.note).toMatch(/^by x: \d+ times as long as (its forward pass|the median operation)/);
  });

  it("is gone when the kernel is back", async () => {
    const { now } = await diagnoseOne("exp");
    expect(now).toEqual({ forward: { verdict: "ok" }, gradient: { verdict: "ok" } });
  });
});

describe("an engine of somebody else's", () => {
  afterAll(async () => {
    await tf.setBackend("cpu");
    tf.removeBackend("strange");
  });

  it("is refused", async () => {
    tf.registerBackend("strange", () => Object.assign(new tf.KernelBackend(), { dispose: () => undefined }));
    await tf.setBackend("strange");
    await expect(backendReport()).rejects.toThrow(
      "backendReport: expected an engine that useBackend has started, got strange.",
    );
  });
});
