// What the page shows, as a program.
import type { Settings } from "./address.js";
import { byId } from "./dom.js";
import type { Scene } from "./draw-panel.js";

/** The way of docs/bundlers.md to draw, with what is on the page; of several figures it is the first. */
export function codeOf(
  { planned, starts: { seeds, labels } }: Pick<Scene, "planned" | "starts">,
  { engine, threads }: Pick<Settings, "engine" | "threads">,
): string {
  const { model, steps } = planned[0]!;
  const webgpu = engine === "webgpu" ? WEBGPU : "";
  const options = engine === "wasm" && threads !== undefined ? `, { threads: ${threads} }` : "";
  const kinds = labels.every((label) => label < 0) ? "" : ` labels: ${list(labels)},`;
  return `import { loadGenerator, useBackend } from "cfd-distill";
${webgpu}
const canvas = document.createElement("canvas");
canvas.style.cssText = "width: 480px; image-rendering: pixelated";
document.body.append(canvas);
await useBackend("${engine}"${options});
const generator = await loadGenerator(${JSON.stringify(model.address)});
await generator.draw(canvas, { seeds: ${list(seeds)},${kinds} steps: ${steps} });
`;
}

const WEBGPU = `import "cfd-distill/backends/webgpu"; // npm install @tensorflow/tfjs-backend-webgpu\n`;

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
