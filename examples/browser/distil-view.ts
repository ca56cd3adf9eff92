import type { Settings as PageSettings } from "./address.js";
import { lossChart } from "./chart.js";
import type { Settings } from "./distillation.js";
import type { Listener } from "./distiller.js";
import { byId, showMessage } from "./dom.js";
import { figure, type Figure } from "./figure.js";
import type { Manifest } from "../emoji/manifest.js";
import { distilledModel } from "./models.js";
import { startPace } from "./pace.js";
import { firstWish, inCalls, namesOf, startsOf, type Starts } from "./plan.js";
import type { Images, Samples, Saved } from "./store.js";
import { messageOf } from "../../tools/words.js";

/** What the panel can be in, as far as it looks different; "elsewhere" while another tab distils or could. */
export type Phase = "idle" | "running" | "pausing" | "elsewhere";

/** The panel's elements: what they show, and what the visitor asks for. */
export interface DistilView {
  /** Offers what can be done now, also with what was saved. */
  readonly show: (phase: Phase, saved: Saved | undefined) => void;
  /** Shows a run from its first step, or from where it was saved; returns what follows it. */
  readonly follow: (settings: Settings, saved: Saved | undefined) => Listener;
  readonly fail: (problem: unknown) => void;
}

const buttons = ["go", "over", "download", "use"] as const;
export type Button = (typeof buttons)[number];

/** Makes the view. `changed` hears of what a new run is to be like, `pressed` of the buttons. */
export function distilView(
  manifest: Manifest,
  changed: (choice: Pick<PageSettings, "method" | "training">) => void,
  pressed: (button: Button) => void,
): DistilView {
  const parts = partsOf(manifest);
  const { method, steps, status, error, board } = parts;
  const button = (name: Button) => byId(`distil-${name}`, HTMLButtonElement);
  for (const name of buttons) {
    button(name).addEventListener("click", () => {
      pressed(name);
    });
  }
  for (const select of [method, steps])
    select.addEventListener("change", () => {
      changed({ method: method.value === "pd" ? "pd" : "cfd", training: Number(steps.value) });
    });
  return {
    show(phase, saved) {
      const finished = saved !== undefined && saved.losses.length >= saved.settings.steps;
      const start = saved ? "Resume" : "Start";
      const word = { running: "Pause", pausing: "Pausing …", idle: start, elsewhere: start }[phase];
      button("go").textContent = word;
      button("go").hidden = phase === "idle" && finished;
      button("go").disabled = phase === "pausing" || phase === "elsewhere";
      for (const name of ["over", "download", "use"] as const)
        button(name).hidden = phase !== "idle" || !saved;
      board.hidden = saved === undefined && (phase === "idle" || phase === "elsewhere");
      method.disabled = steps.disabled = phase !== "idle" || saved !== undefined;
      if (phase === "idle") status.textContent = standing(saved, finished);
      if (phase === "running") status.textContent = "Loading pictures and models …";
      if (phase === "elsewhere") status.textContent = ELSEWHERE;
    },
    follow: (settings, saved) => follow(parts, settings, saved),
    fail(problem) {
      showMessage(error, `${messageOf(problem)} What was learned so far is kept: go on when you like.`);
    },
  };
}

const ELSEWHERE =
  "Distilling belongs to another tab with this page: close that one, and this one takes over.";

type Parts = ReturnType<typeof partsOf>;

function partsOf(manifest: Manifest) {
  const names = namesOf(distilStarts(manifest), manifest.classes);
  const { steps } = distilledModel(manifest);
  const figures = {
    before: figure({ title: "Before", note: `the student, ${inCalls(steps / 2)}`, names }),
    student: figure({ title: "Now", note: `the student, ${inCalls(steps / 2)}`, names }),
    teacher: figure({ title: "Goal", note: `its teacher, ${inCalls(steps)}`, names }),
  };
  byId("distil-figures", HTMLElement).append(...Object.values(figures).map(({ element }) => element));
  return {
    figures,
    status: byId("distil-status", HTMLElement),
    board: byId("distil-board", HTMLElement),
    error: byId("distil-error", HTMLElement),
    method: byId("distil-method", HTMLSelectElement),
    steps: byId("distil-steps", HTMLSelectElement),
    bar: byId("distil-progress", HTMLProgressElement),
    chart: lossChart(byId("distil-chart", HTMLElement)),
  };
}

function follow(parts: Parts, settings: Settings, saved: Saved | undefined): Listener {
  const { figures, status, error, method, steps, bar, chart } = parts;
  const losses = [...(saved?.losses ?? [])];
  const pace = startPace();
  showMessage(error, undefined);
  method.value = settings.method;
  steps.value = String(settings.steps);
  const update = () => {
    bar.max = settings.steps;
    bar.value = losses.length;
    chart.show(losses, settings.steps);
  };
  const paint = ({ teacher, before, student }: Samples) => {
    const when = losses.length === 0 ? "before the first step" : `after step ${losses.length}`;
    show(figures.teacher, teacher, "what the student learns from");
    show(figures.before, before, "as it began");
    show(figures.student, student, when);
  };
  update();
  paint(saved?.samples ?? {});
  let where = "";
  return {
    started(engine, threads) {
      where = threads === 1 ? `on ${engine}` : `on ${engine} in ${threads} threads`;
    },
    progress(loss) {
      losses.push(loss);
      update();
      const { rate, left } = pace.tick(settings.steps - losses.length);
      const done = `Step ${losses.length} of ${settings.steps}, loss ${loss.toPrecision(3)}`;
      status.textContent = `${done}, ${rate} ${where}, ${left}`;
    },
    samples: paint,
    unsaved(reason) {
      showMessage(
        error,
        "It goes on, but this browser keeps nothing for this page (it is a private window, or full): leave the page open until it has finished, and download the student.",
        reason,
      );
    },
  };
}

function show(where: Figure, images: Images | undefined, caption: string): void {
  where.caption(images ? caption : "drawn when it runs", images ? "done" : "waiting");
  if (images) {
    where.keep(images);
    where.show();
  } else {
    where.clear();
  }
}

/** What a resting panel says. */
function standing(saved: Saved | undefined, finished: boolean): string {
  if (saved === undefined) return "Not started.";
  const { losses, settings } = saved;
  const what = `${settings.method.toUpperCase()} student, step ${losses.length} of ${settings.steps}`;
  return finished ? `Finished: ${what}.` : `Saved in this browser: ${what}.`;
}

/** What is drawn to be watched, the same in every run: the images that the page begins with. */
export function distilStarts(manifest: Manifest): Starts {
  return startsOf(firstWish, manifest.classes);
}
