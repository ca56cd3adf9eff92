import { proxy, wrap } from "comlink";
import { distilStarts, distilView, type Button, type DistilView, type Phase } from "./distil-view.js";
import type { Settings } from "./distillation.js";
import type { Distiller, Task } from "./distiller.js";
import type { EngineName } from "./engines.js";
import { download } from "./dom.js";
import { fetchBytes } from "./fetching.js";
import type { Manifest } from "../emoji/manifest.js";
import { distilledModel, heldModel, type PageModel } from "./models.js";
import { watchWorker } from "./sampler-client.js";
import { claim, discard, loadSaved, type Saved } from "./store.js";
import { messageOf } from "../../tools/words.js";

/** What the panel takes from the rest of the page. */
interface Surroundings {
  readonly manifest: Manifest;
  /** What a new distillation computes on. */
  readonly engine: () => EngineName;
  /** Draws with a student in the other panel. */
  readonly draw: (model: PageModel) => Promise<void>;
}

/** Brings the distilling part to life: one distillation at a time, which a reload of the page does not end. */
export async function distilPanel({ manifest, engine, draw }: Surroundings): Promise<void> {
  const fixed = { ...distilStarts(manifest), dataset: manifest.dataset, base: document.baseURI };
  const view = distilView(manifest, (button) => void press(button).catch(fail));
  let saved = await claimSaved(view);
  let pause: (() => void) | undefined;
  let drawn = 0;

  const become = (phase: Phase) => {
    view.show(phase, saved);
  };
  const fail = (problem: unknown) => {
    view.fail(`${messageOf(problem)} What was learned so far is kept: go on when you like.`);
  };

  /** A run has a worker of its own, which ends with it: pausing, resuming and reloading are the same thing. */
  async function run(settings: Settings): Promise<void> {
    const worker = new Worker(new URL("./distiller-worker.ts", import.meta.url), { type: "module" });
    const remote = wrap<Distiller>(worker);
    view.fail(undefined);
    become("running");
    const listener = view.follow(settings, saved);
    pause = () => {
      become("pausing");
      void remote.pause();
    };
    try {
      const halving = await ingredients(manifest, settings.method);
      const task: Task = { engine: saved?.engine ?? engine(), settings, halving, saved, ...fixed };
      saved = await watchWorker(worker)(remote.run(task, proxy(listener)));
    } catch (problem) {
      saved = (await loadSaved()) ?? saved;
      fail(problem);
    } finally {
      worker.terminate();
      pause = undefined;
      become("idle");
    }
  }

  async function press(button: Button): Promise<void> {
    switch (button) {
      case "go":
        if (pause) pause();
        else await run(saved?.settings ?? view.settings());
        return;
      case "over":
        await discard();
        saved = undefined;
        view.follow(view.settings(), undefined);
        become("idle");
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

  view.follow(saved?.settings ?? view.settings(), saved);
  become("idle");
}

/** What was saved, once no other tab can change it. */
async function claimSaved({ show }: DistilView): Promise<Saved | undefined> {
  await claim(() => {
    show("elsewhere", undefined);
  });
  return loadSaved();
}

/** The models that the manifest's halving needs: PD has no use for a classifier. */
async function ingredients(manifest: Manifest, method: Settings["method"]): Promise<Task["halving"]> {
  const { classifier, distillation } = manifest;
  const fetched = [fetchBytes(`models/${distilledModel(manifest).file}`)];
  if (method === "cfd") fetched.push(fetchBytes(`models/${classifier}`));
  const [teacher, observer] = await Promise.all(fetched);
  return { recipe: distillation, teacher: teacher!, classifier: observer };
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
