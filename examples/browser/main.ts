import "./style.css";
import { readAddress, writeAddress, type Settings } from "./address.js";
import { codeDialog, codeOf } from "./code.js";
import { byId, showMessage } from "./dom.js";
import { drawPanel, type DrawPanel } from "./draw-panel.js";
import { enginePicker } from "./engine-picker.js";
import { fetchJson } from "./fetching.js";
import { acceptFiles } from "./files.js";
import type { Manifest } from "../emoji/manifest.js";
import { pictureButton } from "./picture.js";
import { messageOf } from "../../tools/words.js";

/** Nothing fails in the console alone. */
function showFailure(problem: unknown): void {
  const text = "A part of this page has failed; the rest of it may still work. Reloading it often helps.";
  showMessage(byId("page-error", HTMLElement), text, messageOf(problem));
}

window.addEventListener("error", ({ error, message }) => {
  showFailure(error ?? message);
});
window.addEventListener("unhandledrejection", ({ reason }) => {
  showFailure(reason);
});

/** Brings the page to life. */
function start(manifest: Manifest): void {
  byId("models-note", HTMLElement).textContent = manifest.about;
  let settings = restore(manifest);
  const restored: (() => void)[] = [];
  const keep = (changed: Partial<Settings>) => {
    settings = { ...settings, ...changed };
    const { pathname, search } = location;
    history.replaceState(null, "", `${pathname}${search}${writeAddress(settings, manifest)}`);
  };
  const drawing = drawPanel(manifest, keep);
  drawing.set(settings);
  const picker = enginePicker(settings, (client, engine) => {
    keep(engine);
    drawing.use(client);
  });
  addEventListener("hashchange", () => {
    if (document.getElementById(location.hash.slice(1))) {
      keep({}); // a place on the page
      return;
    }
    settings = restore(manifest);
    for (const tell of restored) tell();
    drawing.set(settings);
    picker.choose(settings);
  });
  acceptFiles(drawing.add);
  codeDialog(() => codeOf(drawing.scene(), settings));
  pictureButton(() => `cfd-distill-${settings.steps}-steps-seed-${settings.seed}`);
  void drawing.first.then(() =>
    finish(manifest, drawing, {
      settings: () => settings,
      keep,
      whenRestored: (tell) => restored.push(tell),
    }),
  );
}

/** The settings of the page, for a part of it. */
interface Keeper {
  readonly settings: () => Settings;
  readonly keep: (changed: Partial<Settings>) => void;
  /** Calls `tell` when another address has been read. */
  readonly whenRestored: (tell: () => void) => void;
}

/** What is not needed at first comes after the first picture, for which slow lines need all they have. */
async function finish(manifest: Manifest, { add }: DrawPanel, keeper: Keeper): Promise<void> {
  import("./typeface.css").catch(() => undefined); // the page can be read without
  const { distilPanel } = await import("./distil-panel.js");
  await distilPanel({ manifest, draw: add, ...keeper });
}

/** The settings that the address asks for; what is wrong in it is said. */
function restore(manifest: Manifest): Settings {
  const { settings, unknown } = readAddress(location.hash, manifest);
  const text = `This page’s address asks for what is not there (${unknown.join(", ")}): the usual is shown instead.`;
  showMessage(byId("address-note", HTMLElement), unknown.length > 0 ? text : undefined);
  return settings;
}

try {
  start((await fetchJson("models/manifest.json")) as Manifest);
} catch (problem) {
  const text = `${messageOf(problem)} Without this list of its models the page cannot draw: reload it in a moment.`;
  showMessage(byId("page-error", HTMLElement), text);
}
