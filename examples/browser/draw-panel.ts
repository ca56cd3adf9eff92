import { proxy } from "comlink";
import type { SpriteSheet } from "../emoji/sprite-sheet.js";
import { byId, showMessage } from "./dom.js";
import { drawForm } from "./draw-form.js";
import { figure, type Figure } from "./figure.js";
import { loadFile } from "./manifest.js";
import type { Manifest } from "../emoji/manifest.js";
import { namesOf, plan, startsOf, titleOf, type PlannedFigure, type Starts, type Wish } from "./plan.js";
import type { Drawn } from "./sampler.js";
import type { PageModel, SamplerClient } from "./sampler-client.js";
import { messageOf } from "../../tools/words.js";

/** The part of the page that draws. */
export interface DrawPanel {
  /** Draws with this worker from now on. */
  readonly use: (client: SamplerClient) => void;
  /** Lists a model and draws with it; rejects if its bytes are no diffusion model. */
  readonly add: (model: PageModel) => Promise<void>;
}

/** Brings the drawing part to life. */
export function drawPanel(manifest: Manifest, sheet: SpriteSheet): DrawPanel {
  const models = new Map<string, PageModel>();
  let client: SamplerClient | undefined;
  let latest = 0;
  let queue = Promise.resolve();

  /** Draws what the form says, once what is being drawn has stopped. */
  const redraw = () => {
    const wish = form.wish();
    if (client === undefined || wish === undefined) return;
    const [ticket, worker] = [++latest, client];
    void worker.remote.stop();
    const isCurrent = () => ticket === latest && !worker.ended.aborted;
    queue = queue.then(() => draw({ worker, manifest, models, isCurrent }, wish));
  };
  const form = drawForm(manifest, sheet, redraw);
  const list = (model: PageModel) => {
    models.set(model.id, model);
    form.list(model);
  };
  for (const shipped of manifest.models) {
    list({ id: shipped.id, title: titleOf(shipped), bytes: () => loadFile(shipped.file) });
  }
  return {
    use(next) {
      client = next;
      redraw();
    },
    async add(model) {
      if (client === undefined) throw new Error("The engine has not started yet: try again in a moment.");
      const { steps } = await client.ensure(model);
      list(model);
      form.choose(model.id, steps);
      redraw();
    },
  };
}

interface Drawing {
  readonly worker: SamplerClient;
  readonly manifest: Manifest;
  readonly models: ReadonlyMap<string, PageModel>;
  /** False as soon as something else is to be drawn. */
  readonly isCurrent: () => boolean;
}

async function draw({ worker, manifest, models, isCurrent }: Drawing, wish: Wish): Promise<void> {
  if (!isCurrent()) return;
  const [status, error] = [byId("draw-status", HTMLElement), byId("draw-error", HTMLElement)];
  showMessage(error, undefined);
  status.textContent = `Drawing on ${worker.engine} …`;
  const starts = startsOf(wish, manifest);
  const names = namesOf(starts, manifest);
  const planned = plan(wish, manifest, models);
  const figures = planned.map(({ title, note }) => figure(title, note, names));
  byId("figures", HTMLElement).replaceChildren(...figures.map(({ element }) => element));
  try {
    for (const [i, one] of planned.entries()) await paintNoise(worker, one, figures[i]!, starts);
    const quickestFirst = [...planned.entries()].sort(([, a], [, b]) => a.steps - b.steps);
    for (const [i, one] of quickestFirst) {
      if (!isCurrent()) return;
      await drawFigure(worker, one, figures[i]!, starts);
    }
    const { device } = worker.report;
    status.textContent = `Drawn on ${worker.engine}${device ? `: ${device}` : ""}.`;
  } catch (problem) {
    if (!isCurrent()) return; // stopped, for what comes next
    status.textContent = "";
    showMessage(error, messageOf(problem));
  }
}

async function paintNoise(
  worker: SamplerClient,
  one: PlannedFigure,
  to: Figure,
  starts: Starts,
): Promise<void> {
  const { shape } = await worker.ensure(one.model);
  to.paint(await worker.watch(worker.remote.startOf(one.model.id, starts.seeds)), shape);
}

const still = matchMedia("(prefers-reduced-motion: reduce)");

async function drawFigure(
  worker: SamplerClient,
  one: PlannedFigure,
  to: Figure,
  starts: Starts,
): Promise<void> {
  const { model, steps } = one;
  to.caption("Starting …", "working");
  const show = (drawn: Drawn) => {
    if (still.matches && drawn.step < drawn.steps) return;
    to.paint(drawn.pixels, drawn.shape);
    to.caption(`Step ${drawn.step} of ${drawn.steps}`, "working");
  };
  const job = { model: model.id, steps, ...starts };
  const milliseconds = await worker.watch(worker.remote.sample(job, proxy(show)));
  to.caption(`${milliseconds < 10 ? milliseconds.toFixed(1) : milliseconds.toFixed(0)} ms an image`, "done");
}
