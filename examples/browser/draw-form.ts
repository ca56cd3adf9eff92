import { byId } from "./dom.js";
import type { Manifest } from "./manifest.js";
import type { Wish } from "./plan.js";
import type { PageModel } from "./sampler-client.js";

/** The form that says what to draw. */
export interface DrawForm {
  /** What it asks for; nothing, and the visitor is told, if a field is not filled in well. */
  readonly wish: () => Wish | undefined;
  /** Lists a model. */
  readonly list: (model: PageModel) => void;
  /** Asks for a model at so many steps. */
  readonly choose: (id: string, steps: number) => void;
}

/** Brings the form's fields to life; `changed` hears of every change by the visitor. */
export function drawForm(classes: Manifest["classes"], changed: () => void): DrawForm {
  const form = byId("draw-form", HTMLFormElement);
  const show = byId("show", HTMLSelectElement);
  const steps = byId("steps", HTMLInputElement);
  const seed = byId("seed", HTMLInputElement);
  const count = byId("count", HTMLSelectElement);
  const group = byId("group", HTMLSelectElement);
  classes.forEach((name, label) => {
    group.add(new Option(name, String(label)));
  });
  const showSteps = () => {
    byId("steps-value", HTMLOutputElement).textContent = steps.value;
  };
  steps.addEventListener("input", showSteps);
  form.addEventListener("change", changed);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    changed();
  });
  byId("new-noise", HTMLButtonElement).addEventListener("click", () => {
    seed.valueAsNumber = (seed.valueAsNumber || 0) + Number(count.value);
    changed();
  });
  return {
    wish() {
      if (!form.reportValidity()) return undefined;
      return {
        show: show.value,
        steps: steps.valueAsNumber,
        seed: seed.valueAsNumber,
        count: Number(count.value),
        group: Number(group.value),
      };
    },
    list(model) {
      show.add(new Option(model.title, model.id));
    },
    choose(id, count) {
      show.value = id;
      steps.valueAsNumber = count; // the browser keeps it within the slider
      showSteps();
    },
  };
}
