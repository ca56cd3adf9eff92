import { byId } from "./dom.js";
import type { PageModel } from "./models.js";
import { MOST_SEED, STEPS, wordsOf, type Wish } from "./plan.js";

/** The form that says what to draw. */
export interface DrawForm {
  /** What it asks for; nothing, and the visitor is told, if a field is not filled in well. */
  readonly wish: () => Wish | undefined;
  /** Fills it in. */
  readonly set: (wish: Wish) => void;
  /** Lists a model. */
  readonly list: (model: PageModel) => void;
  /** Asks for a model at so many steps, or the nearest number below that can be chosen. */
  readonly choose: (id: string, steps: number) => void;
}

/** Brings the form's fields to life; `changed` hears of every change by the visitor. `classes` are those of what is shown. */
export function drawForm(classes: (show: string) => readonly string[], changed: () => void): DrawForm {
  const form = byId("draw-form", HTMLFormElement);
  const show = byId("show", HTMLSelectElement);
  const seed = byId("seed", HTMLInputElement);
  const count = byId("count", HTMLSelectElement);
  const kind = byId("kind", HTMLSelectElement);
  const steps = () => form.elements.namedItem("steps") as RadioNodeList;
  const openSettings = settingsButton();
  const list = kindList(kind);
  const listKinds = () => {
    list(classes(show.value));
  };
  show.addEventListener("change", listKinds);
  form.addEventListener("change", (event) => {
    if ((event.target as HTMLInputElement).name !== "engine") changed();
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    changed();
  });
  byId("new-noise", HTMLButtonElement).addEventListener("click", () => {
    const next = (seed.valueAsNumber || 0) + Number(count.value);
    seed.valueAsNumber = next > MOST_SEED ? 0 : next;
    changed();
  });
  return {
    wish() {
      if (!form.checkValidity()) openSettings(); // where what is wrong can be seen
      if (!form.reportValidity()) return undefined;
      return {
        show: show.value,
        steps: Number(steps().value),
        seed: seed.valueAsNumber,
        count: Number(count.value),
        kind: Number(kind.value),
      };
    },
    set(wish) {
      show.value = wish.show;
      steps().value = String(wish.steps);
      listKinds();
      seed.valueAsNumber = wish.seed;
      count.value = String(wish.count);
      kind.value = String(wish.kind);
    },
    list(model) {
      show.add(new Option(model.title, model.id));
    },
    choose(id, trained) {
      show.value = id;
      listKinds();
      steps().value = String(Math.max(1, ...STEPS.filter((one) => one <= trained)));
    },
  };
}

/** The button that shows and hides the settings; returns what shows them. */
function settingsButton(): () => void {
  const button = byId("settings-button", HTMLButtonElement);
  const panel = byId("settings", HTMLElement);
  const show = (shown: boolean) => {
    panel.hidden = !shown;
    button.setAttribute("aria-expanded", String(shown));
  };
  button.addEventListener("click", () => {
    show(panel.hidden);
  });
  return () => {
    show(true);
  };
}

/** The list of kinds to choose from, behind its first entry, a mix. Once others are listed, the choice is forgotten. */
function kindList(select: HTMLSelectElement): (classes: readonly string[]) => void {
  let listed: readonly string[] = [];
  return (classes) => {
    if (classes === listed) return;
    listed = classes;
    const options = classes.map((name, label) => new Option(wordsOf(name), String(label)));
    select.replaceChildren(select.options[0]!, ...options);
    select.value = "-1";
  };
}
