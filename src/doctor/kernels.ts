import * as tf from "../tfjs.js";
import { curedKernels, type CuredKernel, type KernelChange } from "../backends/engine.js";

/**
 * Runs `f` with certain kernels in place, which are put back. All of it is synchronous, so that nothing else computes
 * meanwhile: reading back, which is not, needs no kernels.
 */
export type WithKernels = <T>(f: () => T) => T;

/** The engine's own kernels in place of this library's. */
export const withStockKernels: WithKernels = (f) => withKernels(({ stock }) => stock, f);

/** The kernels that are there; those of this library that run are added to `cures`. */
export function recording(cures: Set<KernelChange>): WithKernels {
  const recorded = ({ config, change }: CuredKernel): tf.KernelConfig => ({
    ...config,
    kernelFunc: (call) => {
      cures.add(change);
      return config.kernelFunc(call);
    },
  });
  return (f) => withKernels(recorded, f);
}

function withKernels<T>(choose: (cured: CuredKernel) => tf.KernelConfig | undefined, f: () => T): T {
  const cured = curedKernels(tf.getBackend());
  try {
    for (const kernel of cured) put(kernel.config, choose(kernel));
    return f();
  } finally {
    for (const { config } of cured) put(config, config);
  }
}

/** TensorFlow.js warns of a kernel that is registered twice, so what is there goes first. */
function put({ kernelName, backendName }: tf.KernelConfig, config: tf.KernelConfig | undefined): void {
  if (tf.getKernel(kernelName, backendName) !== undefined) tf.unregisterKernel(kernelName, backendName);
  if (config !== undefined) tf.registerKernel(config);
}
