import * as tf from "../tfjs.js";

/** What `useBackend` may be told. */
export interface BackendOptions {
  /**
   * Where a page finds the `.wasm` files of `@tensorflow/tfjs-backend-wasm`: a folder's URL ending in "/", or the
   * URL of each file by its name (`tfjs-backend-wasm.wasm` and `tfjs-backend-wasm-simd.wasm`). Node needs nothing. Fixed
   * once wasm has started.
   */
  readonly wasmPaths?: string | Readonly<Record<string, string>>;
  /**
   * How many threads compute on `wasm`, 1 to 64; without it as many as the machine has physical cores, as near as can be told: in
   * Node by what the system lists (of logical cores that it does not tell apart, half on x64), in a page all of up to
   * four logical cores, of more the half. The numbers are the same in any number of threads.
   */
  readonly threads?: number;
  /** An error where fewer than `threads` can run, which otherwise the report tells. */
  readonly strict?: boolean;
}

/** A build of this library's own kernels; "relaxed" is the faster one, for engines that have relaxed SIMD. */
export type KernelBuild = "plain" | "relaxed";

/** One kernel of an engine that is added or replaced, and the reason. */
export interface Cure {
  readonly kernel: string;
  readonly why: string;
  /** The new kernel; `stock` is the engine's own, absent where it has none. */
  readonly build: (stock: tf.KernelFunc | undefined) => tf.KernelFunc;
}

/** Every engine that {@link useBackend} can start, if it is installed and the machine has what it needs. */
export type BackendName = "cpu" | "wasm" | "webgl" | "webgpu" | "node" | "cuda";

/** An engine that has been imported: what useBackend needs to start and to cure it. */
export interface Engine {
  readonly name: BackendName;
  /** What TensorFlow.js calls it, where that is another name. */
  readonly tfjsName?: string;
  readonly version: string;
  /** Asked once the engine has started: what can be cured, and how, may depend on what started. */
  readonly cures: () => readonly Cure[] | Promise<readonly Cure[]>;
  /** Which build of this library's own kernels runs, if any do. */
  readonly build?: () => KernelBuild | undefined;
  /** Runs before the engine starts: sets its flags, and throws what to install or enable where it cannot run here. */
  readonly prepare?: (options: BackendOptions) => void | Promise<void>;
  /** Runs the start itself, which may do more than it ought to. */
  readonly around?: <T>(start: () => Promise<T>) => Promise<T>;
  /** Asked once the engine has started: what computes, in words. Throws where that is not what was asked for. */
  readonly device?: () => string | Promise<string>;
  /** Runs at each {@link useBackend} when the engine has started: brings as many threads as can be had. */
  readonly startThreads?: (options: BackendOptions) => Promise<void>;
  /** How many threads compute. */
  readonly threads?: () => ThreadReport;
  /** Runs when another engine has been chosen: what waits for work need wait no longer. */
  readonly rest?: () => Promise<void>;
  /** Runs once, when the engine has started: makes its failures known that would pass unseen. */
  readonly started?: () => void;
}

/** How many threads compute. */
export interface ThreadReport {
  readonly threads: number;
  /** Why not as many as were asked for, or as there are cores, if they are fewer. */
  readonly threadsLimit?: string;
}

/** A kernel as the report of useBackend lists it. */
export interface KernelChange {
  readonly kernel: string;
  readonly change: "added" | "replaced";
  readonly why: string;
}

const engines = new Map<BackendName, Engine>();

/** Called by each `cfd-distill/backends/*` module when it is imported. */
export function registerEngine(engine: Engine): void {
  engines.set(engine.name, engine);
}

export function findEngine(name: BackendName): Engine | undefined {
  return engines.get(name);
}

export const tfjsNameOf = ({ name, tfjsName = name }: Pick<Engine, "name" | "tfjsName">): string => tfjsName;

/** The engine that TensorFlow.js runs at this moment, if it was started here. */
export function runningEngine(): Engine | undefined {
  const running = tf.getBackend();
  return [...engines.values()].find((engine) => tfjsNameOf(engine) === running);
}

/** A kernel that this library added or replaced, as it is registered, and what was there before it. */
export interface CuredKernel {
  readonly change: KernelChange;
  readonly config: tf.KernelConfig;
  readonly stock: tf.KernelConfig | undefined;
}

// TensorFlow.js keeps its kernels in one global map, so the mark must be known to every copy of this package.
const mark = Symbol.for("cfd-distill.kernel");
type Marked = tf.KernelFunc & { [mark]?: Omit<CuredKernel, "config"> };
const markOf = (config: tf.KernelConfig | undefined) => (config?.kernelFunc as Marked | undefined)?.[mark];

/** The kernels of an engine, by TensorFlow.js's name for it, that {@link installCures} has changed. */
export function curedKernels(backendName: string): readonly CuredKernel[] {
  return tf.getKernelsForBackend(backendName).flatMap((config) => {
    const cured = markOf(config);
    return cured === undefined ? [] : [{ ...cured, config }];
  });
}

/**
 * Registers an engine's cures, each once however often it is called. The engine must have started: a stock kernel
 * that a cure falls back on has then been set up.
 */
export async function installCures(engine: Engine): Promise<readonly KernelChange[]> {
  const cures = await engine.cures();
  const backendName = tfjsNameOf(engine);
  return cures.map(({ kernel, why, build }) => {
    const stock = tf.getKernel(kernel, backendName) as tf.KernelConfig | undefined;
    const done = markOf(stock);
    if (done !== undefined) return done.change;
    if (stock !== undefined) tf.unregisterKernel(kernel, backendName);
    const change: KernelChange = { kernel, change: stock === undefined ? "added" : "replaced", why };
    const kernelFunc: Marked = Object.assign(build(stock?.kernelFunc).bind(undefined), {
      [mark]: { change, stock },
    });
    // setupFunc and disposeFunc stay, for the day the engine is removed and started again.
    tf.registerKernel({ ...stock, kernelName: kernel, backendName, kernelFunc });
    return change;
  });
}
