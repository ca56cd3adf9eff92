import type { SpriteSheet } from "../emoji/sprite-sheet.js";
import { byId } from "./dom.js";
import type { Manifest } from "../emoji/manifest.js";
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
export function drawForm(manifest: Manifest, sheet: SpriteSheet, changed: () => void): DrawForm {
  const form = byId("draw-form", HTMLFormElement);
  const show = byId("show", HTMLSelectElement);
  const steps = byId("steps", HTMLInputElement);
  const seed = byId("seed", HTMLInputElement);
  const count = byId("count", HTMLSelectElement);
  const kind = byId("kind", HTMLSelectElement);
  kind.append(...kindOptions(manifest, sheet));
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
        kind: Number(kind.value),
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

/** The classes to choose from; kinds are listed under the groups of Unicode's that they are in. */
function kindOptions({ classes, dataset }: Manifest, { groups }: SpriteSheet): HTMLElement[] {
  const option = (name: string) => new Option(name, String(classes.indexOf(name)));
  if (dataset.classes === "groups") return classes.map(option);
  const lists = groups.map(({ name, kinds }) => {
    const list = document.createElement("optgroup");
    list.label = name;
    list.append(...kinds.filter((kind) => classes.includes(kind.name)).map((kind) => option(kind.name)));
    return list;
  });
  return lists.filter(({ children }) => children.length > 0);
}
