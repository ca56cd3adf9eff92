import { byId, showMessage } from "./dom.js";
import type { PageModel } from "./sampler-client.js";
import { messageOf } from "../../tools/words.js";

const MOST_MEGABYTES = 512;
let files = 0;

/** Lets a checkpoint be dropped anywhere on the page, or chosen with the button. */
export function acceptFiles(add: (model: PageModel) => Promise<void>): void {
  const input = byId("file", HTMLInputElement);
  const [error, note] = [byId("file-error", HTMLElement), byId("file-note", HTMLElement)];
  const take = async (files: FileList | null | undefined) => {
    showMessage(error, undefined);
    showMessage(note, undefined);
    try {
      const file = onlyOne(files);
      await add(await modelOf(file)).catch((problem: unknown) => {
        throw new Error(`${file.name} is no checkpoint of a diffusion model. ${messageOf(problem)}`);
      });
      showMessage(note, `${file.name} is loaded and drawn above.`);
    } catch (problem) {
      showMessage(error, messageOf(problem));
    }
  };
  byId("choose-file", HTMLButtonElement).addEventListener("click", () => {
    input.click();
  });
  input.addEventListener("change", () => {
    void take(input.files).then(() => {
      input.value = ""; // so that choosing the same file again is a change
    });
  });
  const over = (isOver: boolean) => document.body.classList.toggle("dropping", isOver);
  document.addEventListener("dragover", (event) => {
    event.preventDefault();
    over(true);
  });
  document.addEventListener("dragleave", (event) => {
    if (event.relatedTarget === null) over(false);
  });
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    over(false);
    void take(event.dataTransfer?.files);
  });
}

function onlyOne(files: FileList | null | undefined): File {
  if (files?.length !== 1) throw new Error(`Expected one checkpoint, got ${files?.length ?? 0} files.`);
  return files[0]!;
}

async function modelOf(file: File): Promise<PageModel> {
  if (file.size > MOST_MEGABYTES * 1e6) {
    const megabytes = Math.round(file.size / 1e6);
    throw new Error(
      `${file.name} has ${megabytes} MB; this page takes checkpoints of up to ${MOST_MEGABYTES} MB.`,
    );
  }
  const bytes = new Uint8Array(await file.arrayBuffer());
  return { id: `file-${++files}`, title: `Your file, ${file.name}`, bytes: () => Promise.resolve(bytes) };
}
