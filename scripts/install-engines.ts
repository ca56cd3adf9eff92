import { installEngines } from "../tools/conformance/install.js";

installEngines();
