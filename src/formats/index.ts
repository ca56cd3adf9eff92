/**
 * Bytes to tensors and back: safetensors, PyTorch, diffusers, ONNX and NumPy.
 *
 * @packageDocumentation
 */
export { decodeSafetensors, encodeSafetensors, safetensorsMetadata } from "./safetensors/safetensors.js";
export {
  fromFloat32,
  toFloat32,
  type DType,
  type DTypeArrays,
  type StateDict,
  type StoredTensor,
} from "./state-dict.js";
export { readTorchCheckpoint, type TorchValue } from "./torch/checkpoint.js";
export { stateDictIn, type StateDictKind } from "./torch/state-dict-in.js";
export { UnreadLeaf } from "./torch/unread.js";
export { unetFromTorch, unetToTorch } from "./torch/unet.js";
export { classifierFromTorch, type TorchClassifier } from "./torch/classifier.js";
export { inceptionFromTorch, type TorchInception } from "./torch/inception.js";
export { DIFFUSERS_FILES, diffusersFromFiles, type DiffusersModel } from "./diffusers/read.js";
export { encodeDiffusers, type DiffusersInput } from "./diffusers/write.js";
export {
  ONNX_OPSET,
  samplerToOnnx,
  toOnnx,
  type OnnxDtype,
  type OnnxOptions,
  type OnnxSampler,
} from "./onnx/write.js";
export { decodeNpz, encodeNpz, type DecodeNpzOptions } from "./numpy/npz.js";
