import { installEngines } from "./conformance/install.js";

installEngines();
