import { registerEngine } from "./engine.js";
import { versions } from "./native/folder.js";
import { checkGpu, findCards } from "./native/gpu.js";
import { loadNative, tensorflowVersion } from "./native/load.js";
import { cures } from "./native/padding.js";

registerEngine({
  name: "cuda",
  tfjsName: "tensorflow",
  version: versions.tfjsNode,
  cures: () => cures,
  async prepare() {
    loadNative("cuda");
    await checkGpu();
  },
  device: async () => [...(await findCards()), `TensorFlow ${tensorflowVersion()}`].join(", "),
});
