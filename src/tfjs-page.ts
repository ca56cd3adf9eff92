// TensorFlow.js for pages: its core with the gradients, without layers, converters and engines.
import "@tensorflow/tfjs-core/dist/register_all_gradients.js";
export * from "@tensorflow/tfjs-core";
