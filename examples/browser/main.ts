import "./style.css";
import { byId, showMessage } from "./dom.js";
import { distilPanel } from "./distil-panel.js";
import { drawPanel } from "./draw-panel.js";
import { enginePicker } from "./engine-picker.js";
import { engineNames, type EngineName } from "./engines.js";
import { acceptFiles } from "./files.js";
import { loadManifest, loadSheet } from "./manifest.js";
import { messageOf } from "../../tools/words.js";

/** Nothing fails in the console alone. */
function showFailure(problem: unknown): void {
  showMessage(byId("page-error", HTMLElement), messageOf(problem));
}

window.addEventListener("error", ({ error, message }) => {
  showFailure(error ?? message);
});
window.addEventListener("unhandledrejection", ({ reason }) => {
  showFailure(reason);
});

const [manifest, sheet] = await Promise.all([loadManifest(), loadSheet()]);
byId("models-note", HTMLElement).textContent = manifest.about;
const drawing = drawPanel(manifest, sheet);
acceptFiles(drawing.add);
let engine: EngineName = engineNames[0];
await Promise.all([
  enginePicker((client) => {
    ({ engine } = client);
    drawing.use(client);
  }),
  distilPanel({ manifest, engine: () => engine, draw: drawing.add }),
]);
