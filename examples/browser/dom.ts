/** The element of the page with this id, which must be of this kind. */
export function byId<T extends HTMLElement>(id: string, kind: new () => T): T {
  const found = document.getElementById(id);
  if (found instanceof kind) return found;
  throw new Error(`index.html: expected a ${kind.name} with the id ${id}.`);
}

/** A new element with a class and a text. */
export function make<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  className: string,
  text = "",
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  element.className = className;
  element.textContent = text;
  return element;
}

/** Shows a message in an element that is there for it, with the words of a program folded away, or hides that element. */
export function showMessage(element: HTMLElement, message: string | undefined, words?: string): void {
  element.textContent = message ?? "";
  element.hidden = message === undefined;
  if (words === undefined) return;
  const details = make("details", "");
  details.append(make("summary", "", "What the program said"), words);
  element.append(details);
}

/** Hands the visitor a file. */
export function download(name: string, blob: Blob): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  URL.revokeObjectURL(link.href);
}
