// The worker that distils.
import { expose } from "comlink";
import { distiller } from "./distiller.js";

expose(distiller);
