import * as tf from "../tfjs.js";
import { WebGPUBackend } from "@tensorflow/tfjs-backend-webgpu";
import { check, fail } from "../check.js";
import { registerEngine } from "./engine.js";
import { guard } from "./lost.js";
import { keepNaN, losesNaN, losingNaN } from "./nan.js";

const enable =
  "navigator.gpu. A page has it in a secure context (https or localhost), if the browser has WebGPU and it is not " +
  "switched off (in Chromium on Linux: --enable-unsafe-webgpu). In Node, `npm install webgpu` and, before anything " +
  'else, import { create, globals } from "webgpu", Object.assign(globalThis, globals) and ' +
  'Object.defineProperty(globalThis.navigator ?? (globalThis.navigator = {}), "gpu", { value: create([]) })';

const driver =
  "an adapter of WebGPU, that is a driver for Vulkan, Metal or Direct3D 12 which the browser or Dawn accepts " +
  "(chrome://gpu tells; on Linux VK_ICD_FILENAMES can name one)";

async function prepare(): Promise<void> {
  const { gpu } = (globalThis.navigator ?? {}) as { gpu?: GPU };
  check(gpu !== undefined, "useBackend", enable, "none");
  const early = "navigator.gpu before @tensorflow/tfjs-backend-webgpu is first imported";
  check(Boolean(tf.findBackendFactory("webgpu")), "useBackend", early, "it afterwards");
  const found = "webgpu" in tf.engine().registry || (await gpu.requestAdapter()) !== null;
  check(found, "useBackend", driver, "none");
  // Else the kernels of cpu would silently compute what is small.
  tf.env().set("WEBGPU_CPU_FORWARD", false);
}

function running(): WebGPUBackend {
  const backend: object = tf.backend();
  if (backend instanceof WebGPUBackend) return backend;
  return fail(
    "useBackend",
    "the webgpu engine of @tensorflow/tfjs-backend-webgpu",
    "another one (of a second copy?)",
  );
}

/** Adds as many tensors at a time as one shader may read besides writing its result. */
function addN(stock: tf.KernelFunc): tf.KernelFunc {
  return (call) => {
    const tensors = Object.values(call.inputs) as tf.Tensor[];
    const most = running().device.limits.maxStorageBuffersPerShaderStage - 1;
    if (tensors.length <= most) return stock(call);
    return tf.tidy(() => {
      const sum = tf.addN(tensors.slice(0, most));
      return tf.addN([sum, ...tensors.slice(most)]);
    });
  };
}

/** tf.softmax out of its parts, each of which keeps NaN. */
const softmax: tf.KernelFunc = ({ inputs, attrs }) => {
  const { dim } = attrs as unknown as tf.SoftmaxAttrs;
  return tf.tidy(() => {
    const x = inputs.logits as tf.Tensor;
    const powers = tf.exp(tf.sub(x, tf.max(x, dim, true)));
    return tf.div(powers, tf.sum(powers, dim, true));
  });
};

/** WGSL lets a shader take NaN for whatever it likes, and these do. */
const forgetful = [tf.Relu6, tf.Elu, tf.Exp, tf.Log, tf.Sigmoid];

/** The numbers of a tensor without waiting for the device: only those that it has given before. */
function valuesOnHost(backend: WebGPUBackend, dataId: object): tf.BackendValues {
  const { values } = backend.tensorMap.get(dataId);
  const read =
    "tensors that were read with `await tensor.data()` before another engine or dataSync() needs them";
  return values ?? fail("webgpu", read, "one that only the device has");
}

const kinds = ["validation", "out-of-memory", "internal"] as const;

/**
 * What is invalid on the device, or too large for it, leaves a result as it was and is otherwise only seen on the console.
 * Gives a function that resolves with the first error since its last call.
 */
function collectErrors(device: GPUDevice): () => Promise<string | undefined> {
  const open = () => {
    for (const kind of kinds) device.pushErrorScope(kind);
  };
  open();
  return async () => {
    const closed = kinds.map(() => device.popErrorScope());
    open();
    const errors = await Promise.all(closed);
    return errors.find((error) => error !== null)?.message;
  };
}

registerEngine({
  name: "webgpu",
  version: tf.version_core,
  cures: () => [
    {
      kernel: tf.AddN,
      why: "zeros for more tensors than one shader may read",
      build: (stock) => addN(stock ?? fail("useBackend", "the stock kernel of webgpu", "none")),
    },
    ...forgetful.map((kernel) => losesNaN(kernel, keepNaN)),
    losesNaN(tf.Softmax, () => softmax),
    ...losingNaN,
  ],
  prepare,
  device() {
    const { vendor, architecture, device, description } = running().device.adapterInfo;
    return [vendor, architecture, device, description].filter(Boolean).join(" ");
  },
  started() {
    const backend = running();
    const { device } = backend;
    // TensorFlow.js reads through a canvas here, which Node does not have and which can take the browser's GPU process down.
    backend.readSync = (dataId) => valuesOnHost(backend, dataId);
    guard("webgpu", {
      passages: ["runWebGPUProgram", "uploadToGPU", "read", "readSync"],
      problem: collectErrors(device),
      onLoss(lose) {
        void device.lost.then(({ reason, message }) => {
          lose(`${reason}: ${message}`);
        });
      },
    });
  },
});
