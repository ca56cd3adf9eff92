// What the page shows, as a program.
import { byId } from "./dom.js";
import type { Scene } from "./draw-panel.js";

/** The README's way to draw, with what is on the page; of several figures it is the first. */
export function codeOf({ planned, starts }: Pick<Scene, "planned" | "starts">, engine: string): string {
  const { model, steps } = planned[0]!;
  const webgpu = engine === "webgpu" ? `import "cfd-distill/backends/webgpu";\n` : "";
  const labels = starts.labels.every((label) => label < 0) ? "" : `\n  labels: ${list(starts.labels)},`;
  return `import { loadGenerator, useBackend } from "cfd-distill";
${webgpu}
await useBackend("${engine}");
const generator = await loadGenerator(${JSON.stringify(model.address)});
const images = await generator.sample({
  seeds: ${list(starts.seeds)},${labels}
  steps: ${steps},
}); // [${starts.seeds.length}, height, width, 3] in [-1, 1]
images.dispose();
generator.dispose();
`;
}

const list = (values: readonly number[]) => `[${values.join(", ")}]`;

/** Brings "This as code" to life. */
export function codeDialog(code: () => string): void {
  const dialog = byId("code-dialog", HTMLDialogElement);
  const copy = byId("code-copy", HTMLButtonElement);
  const text = byId("code-text", HTMLElement);
  byId("code-button", HTMLButtonElement).addEventListener("click", () => {
    text.textContent = code();
    copy.textContent = "Copy";
    dialog.showModal();
  });
  byId("code-close", HTMLButtonElement).addEventListener("click", () => {
    dialog.close();
  });
  dialog.addEventListener("click", ({ target }) => {
    if (target === dialog) dialog.close(); // beside it
  });
  copy.addEventListener("click", () => {
    copyText(text).then(
      () => (copy.textContent = "Copied"),
      () => (copy.textContent = "Marked: press Ctrl+C"),
    );
  });
}

/** Copies an element's text; where the browser does not let a page do so, it is marked for the visitor. */
async function copyText(element: HTMLElement): Promise<void> {
  getSelection()?.selectAllChildren(element);
  await navigator.clipboard.writeText(element.textContent);
}
