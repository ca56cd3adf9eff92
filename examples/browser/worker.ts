// The page's workers, by their names: in one file, so that TensorFlow.js is packed and fetched once for all.
import { expose } from "comlink";
import { distiller } from "./distiller.js";
import { sampler } from "./sampler.js";

switch (self.name) {
  case "sampler":
    expose(sampler);
    break;
  case "distiller":
    expose(distiller);
    break;
  default:
    throw new Error(`worker.ts: expected the name sampler or distiller, got ${self.name}.`);
}
