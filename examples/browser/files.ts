import { byId, showMessage } from "./dom.js";
import { heldModel, type PageModel } from "./models.js";
import { messageOf } from "../../tools/words.js";

const MOST_MEGABYTES = 512;
let count = 0;

/** Lets a checkpoint be dropped anywhere on the page, or chosen with the button. */
export function acceptFiles(add: (model: PageModel) => Promise<void>): void {
  const input = byId("file", HTMLInputElement);
  const take = async (files: FileList | null | undefined) => {
    const [error, note] = [byId("file-error", HTMLElement), byId("file-note", HTMLElement)];
    showMessage(error, undefined);
    showMessage(note, undefined);
    const [file, ...others] = Array.from(files ?? []);
    if (file === undefined) return;
    const refused =
      others.length > 0 ? `These are ${1 + others.length} files: open one at a time.` : refusal(file);
    if (refused !== undefined) {
      showMessage(error, refused);
      return;
    }
    try {
      const bytes = new Uint8Array(await file.arrayBuffer());
      await add(heldModel(`file-${++count}`, `Your file, ${file.name}`, file.name, bytes));
      showMessage(note, `${file.name} is loaded and drawn above.`);
    } catch (problem) {
      showMessage(error, `${file.name} ${UNFIT}`, messageOf(problem));
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
  acceptDrops((files) => void take(files));
}

const UNFIT =
  "is not a model that this page can draw with. It takes diffusion models that cfd-distill saved as .safetensors, such as a student that you distilled below.";

/** Why a file is not even read. */
function refusal({ name, size }: File): string | undefined {
  if (size <= MOST_MEGABYTES * 1e6) return undefined;
  const megabytes = Math.round(size / 1e6);
  return `${name} has ${megabytes} MB; this page takes models of up to ${MOST_MEGABYTES} MB.`;
}

function acceptDrops(take: (files: FileList | undefined) => void): void {
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
    take(event.dataTransfer?.files);
  });
}
