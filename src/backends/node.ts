import { registerEngine } from "./engine.js";
import { versions } from "./native/folder.js";
import { cures } from "./native/padding.js";
import { loadNative, tensorflowVersion } from "./native/load.js";

registerEngine({
  name: "node",
  tfjsName: "tensorflow",
  version: versions.tfjsNode,
  cures: () => cures,
  prepare: () => {
    loadNative("node");
  },
  device: () => `TensorFlow ${tensorflowVersion()}`,
});
