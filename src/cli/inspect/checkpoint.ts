import { sizeOf } from "../../formats/state-dict.js";
import { networkFromConfig } from "../../index.js";
import { decodeSafetensors, safetensorsMetadata, type StateDict } from "../../formats/index.js";
import { decodeMetadata, type Metadata } from "../../training/checkpoint/metadata.js";
import { splitTensors } from "../../training/checkpoint/tensors.js";

/** What a checkpoint of this library holds. */
export interface InspectedCheckpoint extends Pick<
  Metadata,
  "schedule" | "predictionType" | "steps" | "clip" | "imageShape" | "classNames" | "step" | "stage" | "extra"
> {
  readonly kind: "checkpoint";
  readonly network: object;
  /** The number of weights, and how each is stored. */
  readonly weights: number;
  readonly dtypes: readonly string[];
  /** Whether it holds averaged weights, and where a random stream stood. */
  readonly ema: boolean;
  readonly rng: boolean;
  readonly optimizer: { readonly type: string; readonly step: number } | undefined;
}

/** Everything but the tensors; throws if they do not belong together. */
export function inspectCheckpoint(bytes: Uint8Array): InspectedCheckpoint {
  const where = "inspect";
  const metadata = decodeMetadata(safetensorsMetadata(bytes), where);
  const { params, ema, optimizer } = splitTensors(decodeSafetensors(bytes), metadata, where);
  const { network, schedule, predictionType, steps, clip, imageShape, classNames, step, stage, extra } =
    metadata;
  return {
    kind: "checkpoint",
    network: networkFromConfig(network).config,
    weights: Object.values(params).reduce((sum, { shape }) => sum + sizeOf(shape), 0),
    dtypes: dtypesOf(params),
    ...{ schedule, predictionType, steps, clip, imageShape, classNames },
    ema: ema !== undefined,
    optimizer: optimizer && { type: optimizer.type, step: optimizer.step },
    rng: metadata.rng !== undefined,
    ...{ step, stage, extra },
  };
}

function dtypesOf(tensors: StateDict): string[] {
  return [...new Set(Object.values(tensors).map(({ dtype }) => dtype))].sort();
}
