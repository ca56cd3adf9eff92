import * as tf from "../tfjs.js";
import { check, checkOptions } from "../check.js";
import { checkClassifierInput, head, headSpecs } from "./classifier-parts.js";
import { layerSpecs, runLayers, type Conv, type Fork, type Layer } from "./inception-layers.js";
import type { ClassifierNetwork } from "./network.js";
import { checkParams, initParams, type ParamSpecs } from "./params.js";

/** The Inception network of FID, written out. */
export interface InceptionConfig {
  readonly type: "inception";
  /** Whose resize and scaling of the images; see {@link inception}. */
  readonly resize: "pytorch-fid" | "torch-fidelity";
}

/** The Inception network of FID: images [B, H, W, 3] to 1008 logits and 2048 features. */
export type Inception = ClassifierNetwork<InceptionConfig>;

type Size = number | readonly [number, number];
type More = Partial<Pick<Conv, "stride" | "padding">>;

/** Layers of the block `block`, whose convolutions carry its name. */
function within(block: string) {
  const conv = (name: string, out: number, size: Size = 1, more: More = {}): Conv => ({
    kind: "conv",
    name: block === "" ? name : `${block}.${name}`,
    out,
    size: typeof size === "number" ? [size, size] : size,
    stride: 1,
    padding: "same",
    ...more,
  });
  return conv;
}

const HALF = { stride: 2, padding: "valid" } as const;
const [ROW, COLUMN] = [[1, 7] as const, [7, 1] as const];
const fork = (...branches: Layer[][]): Fork => ({ kind: "fork", branches });

function blockA(block: string, pool: number): Fork {
  const conv = within(block);
  return fork(
    [conv("branch1x1", 64)],
    [conv("branch5x5_1", 48), conv("branch5x5_2", 64, 5)],
    [conv("branch3x3dbl_1", 64), conv("branch3x3dbl_2", 96, 3), conv("branch3x3dbl_3", 96, 3)],
    [{ kind: "average" }, conv("branch_pool", pool)],
  );
}

function blockB(block: string): Fork {
  const conv = within(block);
  return fork(
    [conv("branch3x3", 384, 3, HALF)],
    [conv("branch3x3dbl_1", 64), conv("branch3x3dbl_2", 96, 3), conv("branch3x3dbl_3", 96, 3, HALF)],
    [{ kind: "half" }],
  );
}

function blockC(block: string, width: number): Fork {
  const conv = within(block);
  return fork(
    [conv("branch1x1", 192)],
    [conv("branch7x7_1", width), conv("branch7x7_2", width, ROW), conv("branch7x7_3", 192, COLUMN)],
    [
      conv("branch7x7dbl_1", width),
      conv("branch7x7dbl_2", width, COLUMN),
      conv("branch7x7dbl_3", width, ROW),
      conv("branch7x7dbl_4", width, COLUMN),
      conv("branch7x7dbl_5", 192, ROW),
    ],
    [{ kind: "average" }, conv("branch_pool", 192)],
  );
}

function blockD(block: string): Fork {
  const conv = within(block);
  return fork(
    [conv("branch3x3_1", 192), conv("branch3x3_2", 320, 3, HALF)],
    [
      conv("branch7x7x3_1", 192),
      conv("branch7x7x3_2", 192, ROW),
      conv("branch7x7x3_3", 192, COLUMN),
      conv("branch7x7x3_4", 192, 3, HALF),
    ],
    [{ kind: "half" }],
  );
}

function blockE(block: string, pool: "average" | "max"): Fork {
  const conv = within(block);
  const split = (name: string) => fork([conv(`${name}a`, 384, [1, 3])], [conv(`${name}b`, 384, [3, 1])]);
  return fork(
    [conv("branch1x1", 320)],
    [conv("branch3x3_1", 384), split("branch3x3_2")],
    [conv("branch3x3dbl_1", 448), conv("branch3x3dbl_2", 384, 3), split("branch3x3dbl_3")],
    [{ kind: pool }, conv("branch_pool", 192)],
  );
}

const stem = within("");

/** Up to the pooled features. What FID's network has of its own is in the last two blocks, and the averages. */
const LAYERS: readonly Layer[] = [
  stem("Conv2d_1a_3x3", 32, 3, HALF),
  stem("Conv2d_2a_3x3", 32, 3, { padding: "valid" }),
  stem("Conv2d_2b_3x3", 64, 3),
  { kind: "half" },
  stem("Conv2d_3b_1x1", 80),
  stem("Conv2d_4a_3x3", 192, 3, { padding: "valid" }),
  { kind: "half" },
  blockA("Mixed_5b", 32),
  blockA("Mixed_5c", 64),
  blockA("Mixed_5d", 64),
  blockB("Mixed_6a"),
  blockC("Mixed_6b", 128),
  blockC("Mixed_6c", 160),
  blockC("Mixed_6d", 160),
  blockC("Mixed_6e", 192),
  blockD("Mixed_7a"),
  blockE("Mixed_7b", "average"),
  blockE("Mixed_7c", "max"),
];

/** Names, shapes and initialisers of all weights. */
export function inceptionSpecs(): ParamSpecs {
  const { specs, width } = layerSpecs(LAYERS, 3);
  return { ...specs, ...headSpecs(width, 1008) };
}

/**
 * The Inception-v3 of FID, as pytorch-fid and torch-fidelity run it: averages in its blocks leave out the padding, and the last
 * block pools by maximum. It only infers: batch norms are folded into the convolutions. With their weights
 * (`inceptionFromTorch`), `frechetDistance` of its features is an FID.
 *
 * @param options `resize`: images of any size are taken to 299x299 and scaled as one of the two does. "pytorch-fid" (default):
 *   bilinear between pixel centres, without smoothing, in [-1, 1]. "torch-fidelity": bilinear as in TensorFlow 1, between
 *   pixel corners, then (u - 128) / 128 of u in [0, 255]. Both packages read images of 8 bits: round yours to 255ths
 * @returns the network; `apply(params, images)` takes images [B, H, W, 3] in [-1, 1] and gives `logits` [B, 1008] and
 *   `features` [B, 2048]. torch-fidelity's inception score leaves out `fc.bias`
 * @throws if `resize` is neither; `apply` if images or params do not fit, or in training mode
 * @see Szegedy et al. 2016 (arXiv 1512.00567), Table 1; Heusel et al. 2017 (arXiv 1706.08500)
 * @example
 * ```ts
 * import { inception } from "cfd-distill";
 * const network = inception({ resize: "torch-fidelity" });
 * console.log(network.config); // { type: "inception", resize: "torch-fidelity" }
 * ```
 */
export function inception(options: { readonly resize?: InceptionConfig["resize"] } = {}): Inception {
  checkOptions("inception", options, { resize: true });
  const { resize = "pytorch-fid" } = options;
  const known = ["pytorch-fid", "torch-fidelity"];
  check(known.includes(resize), "inception", `resize among ${known.join(", ")}`, resize);
  const specs = inceptionSpecs();
  return {
    config: { type: "inception", resize },
    init: (rng) => initParams(specs, rng),
    apply: (params, images, applyOptions) => {
      check(applyOptions?.train === undefined, "inception.apply", "no training mode", applyOptions);
      checkClassifierInput(images, { channels: 3 }, "inception.apply", applyOptions);
      checkParams(params, specs, "inception.apply");
      return tf.tidy(() => head(runLayers(LAYERS, params, resized(images, resize)), params));
    },
  };
}

/** Images in [-1, 1] as the network takes them. */
export function resized(images: tf.Tensor4D, resize: InceptionConfig["resize"]): tf.Tensor4D {
  const centres = resize === "pytorch-fid";
  const large = tf.image.resizeBilinear(images, [299, 299], false, centres);
  // u = 127.5 (x + 1), so (u - 128) / 128 = (127.5 x - 0.5) / 128.
  return centres ? large : tf.div(tf.sub(tf.mul(large, 127.5), 0.5), 128);
}
