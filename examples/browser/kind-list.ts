import type { SpriteSheet } from "../emoji/sprite-sheet.js";
import { wordsOf } from "./kinds.js";

/** The list of kinds to choose from, behind its first entry, a mix. */
export interface KindList {
  /** Lists these, if they are not listed yet: what was chosen of others is forgotten. */
  readonly list: (classes: readonly string[]) => void;
  /** Lists kinds under Unicode's groups from now on, where a sheet of emoji has groups for them. */
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

function entries(classes: readonly string[], groups: SpriteSheet["groups"]): HTMLElement[] {
  const option = (name: string) => new Option(wordsOf(name), String(classes.indexOf(name)));
  const lists = groups.map(({ name, kinds }) => {
    const list = document.createElement("optgroup");
    list.label = name;
    list.append(...kinds.filter((kind) => classes.includes(kind.name)).map((kind) => option(kind.name)));
    return list;
  });
  const grouped = lists.filter(({ children }) => children.length > 0);
  return grouped.length > 0 ? grouped : classes.map(option);
}
