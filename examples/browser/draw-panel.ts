import { byId } from "./dom.js";
import { drawFigure, fetchFor } from "./draw-figure.js";
import { drawForm } from "./draw-form.js";
import { figure } from "./figure.js";
import { announce, showTimes, type Measured } from "./headline.js";
import type { Manifest } from "../emoji/manifest.js";
import { ownModel, shippedModel, type PageModel } from "./models.js";
import {
  classesOf,
  firstWish,
  namesOf,
  plan,
  startsOf,
  type PlannedFigure,
  type Starts,
  type Wish,
} from "./plan.js";
import type { SamplerClient } from "./sampler-client.js";
import { placeOf } from "./engines.js";

/** What is on the page: what was asked for, and the models that draw it. */
export interface Scene {
  readonly wish: Wish;
  readonly planned: readonly PlannedFigure[];
  readonly starts: Starts;
  readonly classes: readonly string[];
}

/** The part of the page that draws. */
export interface DrawPanel {
  /** Draws with this worker from now on. */
  readonly use: (client: SamplerClient) => void;
  /** Lists a model and draws with it; rejects if its bytes are no diffusion model. */
  readonly add: (model: PageModel) => Promise<void>;
  /** Draws something else. */
  readonly set: (wish: Wish) => void;
  readonly scene: () => Scene;
  /** Resolves when the first figure is drawn, or could not be. */
  readonly first: Promise<void>;
}

/** Brings the drawing part to life. `changed` hears of what is asked for by the visitor. */
export function drawPanel(manifest: Manifest, changed: (wish: Wish) => void): DrawPanel {
  const models = new Map<string, PageModel>();
  const classesFor = (show: string) => classesOf(models.get(show), manifest);
  const form = drawForm(classesFor, redraw);
  let client: SamplerClient | undefined;
  let latest = 0;
  let queue = Promise.resolve();
  let scene: Scene;
  let tellFirst: () => void;
  const first = new Promise<void>((resolve) => (tellFirst = resolve));

  /** Draws what the form says, once what is being drawn has stopped. Before an engine is there, files are fetched. */
  function redraw(): void {
    const wish = form.wish();
    if (wish === undefined) return;
    changed(wish);
    const classes = classesFor(wish.show);
    scene = { wish, planned: plan(wish, manifest, models), starts: startsOf(wish, classes), classes };
    announce(scene.planned);
    const [ticket, worker] = [++latest, client];
    const { begin, prepare } = stage(scene);
    if (worker === undefined) {
      prepare();
      return;
    }
    void worker.remote.stop();
    const isCurrent = () => ticket === latest && !worker.ended.aborted;
    queue = queue.then(() => begin(worker, { isCurrent, again: redraw, drawn: tellFirst }));
  }
  function list(model: PageModel): void {
    models.set(model.id, model);
    form.list(model);
  }
  for (const shipped of manifest.models) list(shippedModel(shipped));
  addEventListener("online", () => {
    if (document.querySelector("#figures [data-state=failed]")) redraw();
  });
  return {
    use(next) {
      client = next;
      redraw();
    },
    async add(model) {
      if (client === undefined) throw new Error("The page is still starting. Try again in a moment.");
      const facts = await client.ensure(model);
      list(ownModel(model, facts, manifest));
      form.choose(model.id, facts.steps);
      redraw();
    },
    set(wish) {
      form.set({ ...firstWish, ...wish });
      redraw();
    },
    scene: () => scene,
    first,
  };
}

interface Surroundings {
  /** False as soon as something else is to be drawn. */
  readonly isCurrent: () => boolean;
  readonly again: () => void;
  /** Hears of every figure that is drawn, or could not be. */
  readonly drawn: () => void;
}

/**
 * Sets the figures up. `prepare` fetches what the first one needs; `begin` draws them, one after the other: a failure of
 * one does not end the others.
 */
function stage({ planned, starts, classes }: Scene) {
  const status = byId("draw-status", HTMLElement);
  const names = namesOf(starts, classes);
  const figures = planned.map((one) => figure({ ...one, names }));
  byId("figures", HTMLElement).replaceChildren(...figures.map(({ element }) => element));
  const prepare = () => {
    fetchFor(planned[0]!, figures[0]!).catch(() => undefined); // it is said when it is to be drawn
  };
  const begin = async (worker: SamplerClient, { isCurrent, again, drawn }: Surroundings): Promise<void> => {
    const measured = new Map<string, Measured>();
    if (isCurrent()) status.textContent = `Drawing on ${worker.engine} …`;
    for (const [i, one] of planned.entries()) {
      if (!isCurrent()) return;
      const next = planned[i + 1]?.model;
      const result = await drawFigure(worker, one, figures[i]!, { starts, isCurrent, again, next });
      if (!isCurrent()) return;
      drawn();
      if (result) measured.set(one.title, result);
      const [student, teacher] = [measured.get(planned[0]!.title), measured.get("Teacher")];
      showTimes({ student, teacher, isOver: next === undefined });
    }
    const missing = planned.length - measured.size;
    const left = missing === 0 ? "" : ` ${missing} of ${planned.length} could not be drawn.`;
    status.textContent = `Drawn on ${placeOf(worker.report)}.${left}`;
  };
  return { begin, prepare };
}
