// TensorFlow.js for pages: its core, then the gradients, which ask the core's flags; no layers, converters, engines.
export * from "@tensorflow/tfjs-core";
import "@tensorflow/tfjs-core/dist/register_all_gradients.js";
