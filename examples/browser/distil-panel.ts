import { proxy, wrap } from "comlink";
import { distilStarts, distilView, type Button, type DistilView } from "./distil-view.js";
import type { Settings as PageSettings } from "./address.js";
import type { Settings } from "./distillation.js";
import type { Distiller, Task } from "./distiller.js";
import { download } from "./dom.js";
import { fetchBytes } from "./fetching.js";
import type { Manifest } from "../emoji/manifest.js";
import { distilledModel, heldModel, type PageModel } from "./models.js";
import { watchWorker } from "./sampler-client.js";
import { claim, discard, loadSaved, type Saved } from "./store.js";

/** What the panel takes from the rest of the page. */
interface Surroundings {
  readonly manifest: Manifest;
  /** What a new distillation computes on, how, and for how long. */
  readonly settings: () => Pick<PageSettings, "engine" | "method" | "training">;
  readonly keep: (changed: Pick<PageSettings, "method" | "training">) => void;
  readonly whenRestored: (tell: () => void) => void;
  /** Draws with a student in the other panel. */
  readonly draw: (model: PageModel) => Promise<void>;
}

/** Brings the distilling part to life: one distillation at a time, which a reload of the page does not end. */
export async function distilPanel(page: Surroundings): Promise<void> {
  const { manifest, draw } = page;
  const view = distilView(manifest, page.keep, (button) => void press(button).catch(view.fail));
  let saved = await claimSaved(view);
  let pause: (() => void) | undefined;
  let drawn = 0;

  /** A run has a worker of its own, which ends with it: pausing, resuming and reloading are the same thing. */
  async function run(settings: Settings): Promise<void> {
    const worker = new Worker(new URL("./distiller-worker.ts", import.meta.url), { type: "module" });
    const remote = wrap<Distiller>(worker);
    view.show("running", saved);
    const listener = view.follow(settings, saved);
    pause = () => {
      view.show("pausing", saved);
      void remote.pause();
    };
    try {
      const engine = saved?.engine ?? page.settings().engine;
      const task: Task = { engine, settings, saved, ...(await materials(manifest, settings)) };
      saved = await watchWorker(worker)(remote.run(task, proxy(listener)));
    } catch (problem) {
      saved = (await loadSaved()) ?? saved;
      view.fail(problem);
    } finally {
      worker.terminate();
      pause = undefined;
      view.show("idle", saved);
    }
  }

  async function press(button: Button): Promise<void> {
    switch (button) {
      case "go":
        if (pause) pause();
        else await run(saved?.settings ?? newRun(page));
        return;
      case "over":
        await discard();
        saved = undefined;
        rest();
        return;
      case "download":
        if (saved) downloadStudent(saved);
        return;
      case "use":
        if (saved) await draw(studentOf(saved, ++drawn));
        return;
      default:
        return button satisfies never;
    }
  }

  function rest(): void {
    view.follow(saved?.settings ?? newRun(page), saved);
    view.show("idle", saved);
  }

  page.whenRestored(() => {
    if (saved === undefined && pause === undefined) rest();
  });
  rest();
}

/** What was saved, once no other tab can change it. */
async function claimSaved({ show }: DistilView): Promise<Saved | undefined> {
  await claim(() => {
    show("elsewhere", undefined);
  });
  return loadSaved();
}

/** What the visitor has chosen for the next run. */
function newRun({ settings }: Surroundings): Settings {
  const { method, training } = settings();
  return { method, steps: training, seed: 0 };
}

/** What is watched, the pictures, and the models that the manifest's halving needs: PD has no use for a classifier. */
async function materials(
  manifest: Manifest,
  { method }: Settings,
): Promise<Omit<Task, "engine" | "settings" | "saved">> {
  const { classifier, distillation } = manifest;
  const fetched = [fetchBytes(`models/${distilledModel(manifest).file}`)];
  if (method === "cfd") fetched.push(fetchBytes(`models/${classifier}`));
  const [teacher, observer] = await Promise.all(fetched);
  const halving = { recipe: distillation, teacher: teacher!, classifier: observer };
  return { halving, ...distilStarts(manifest), base: document.baseURI };
}

function studentOf({ settings, losses, checkpoint }: Saved, number: number): PageModel {
  const title = `Your ${settings.method.toUpperCase()} student, step ${losses.length}`;
  return heldModel(`distilled-${number}`, title, fileOf(settings, losses), checkpoint);
}

/** The last checkpoint as a file; `loadGenerator` takes it, and so does this page. */
function downloadStudent({ settings, losses, checkpoint }: Saved): void {
  download(fileOf(settings, losses), new Blob([checkpoint as Uint8Array<ArrayBuffer>]));
}

const fileOf = ({ method }: Settings, { length }: Saved["losses"]) =>
  `${method}-student-step-${length}.safetensors`;
