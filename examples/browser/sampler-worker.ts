// The worker that draws: by itself, since what it loads stands before the first picture.
import { expose } from "comlink";
import { sampler } from "./sampler.js";

expose(sampler);
