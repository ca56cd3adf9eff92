import type { SpriteSheet } from "../emoji/sprite-sheet.js";
import { wordsOf } from "./kinds.js";

/** The list of kinds to choose from, behind its first entry, a mix. */
export interface KindList {
  /** Lists these, if they are not listed yet: what was chosen of others is forgotten. */
  readonly list: (classes: readonly string[]) => void;
  /** Lists kinds under Unicode's groups from now on, where a sheet of emoji has groups for them; the others follow. */
  readonly group: (sheet: SpriteSheet) => void;
}

export function kindList(select: HTMLSelectElement): KindList {
  let listed: readonly string[] = [];
  let groups: SpriteSheet["groups"] = [];
  const fill = () => {
    const { value } = select;
    select.replaceChildren(select.options[0]!, ...entries(listed, groups));
    select.value = value;
  };
  return {
    list(classes) {
      if (classes === listed) return;
      listed = classes;
      select.value = "-1";
      fill();
    },
    group(sheet) {
      groups = sheet.groups;
      fill();
    },
  };
}

/** Labels under the groups that know their classes; those that none knows are `others`. */
export function grouped(classes: readonly string[], groups: SpriteSheet["groups"]) {
  const lists = groups
    .map(({ name, kinds }) => ({
      name,
      labels: kinds.map((kind) => classes.indexOf(kind.name)).filter((label) => label >= 0),
    }))
    .filter(({ labels }) => labels.length > 0);
  const listed = new Set(lists.flatMap(({ labels }) => labels));
  return { lists, others: [...classes.keys()].filter((label) => !listed.has(label)) };
}

function entries(classes: readonly string[], groups: SpriteSheet["groups"]): HTMLElement[] {
  const option = (label: number) => new Option(wordsOf(classes[label]!), String(label));
  const { lists, others } = grouped(classes, groups);
  const filled = lists.map(({ name, labels }) => {
    const list = document.createElement("optgroup");
    list.label = name;
    list.append(...labels.map(option));
    return list;
  });
  return [...filled, ...others.map(option)];
}
