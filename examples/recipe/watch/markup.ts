/** A piece of HTML, as opposed to a text. */
export interface Html {
  readonly html: string;
}

/** What can be put into HTML: text, which is escaped, and pieces of it, which are not. */
export type Content = string | number | Html | readonly Html[];

/** HTML of a template, so that no text from outside can become markup: html`<b>${name}</b>`. */
export function html(parts: TemplateStringsArray, ...contents: readonly Content[]): Html {
  return { html: String.raw({ raw: parts }, ...contents.map(markupOf)) };
}

function markupOf(content: Content): string {
  if (Array.isArray(content)) return (content as readonly Html[]).map((piece) => piece.html).join("");
  if (typeof content === "object") return (content as Html).html;
  return String(content).replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
