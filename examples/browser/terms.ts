/** What the page explains, a sentence each. */
export type Term = "Teacher" | "DDIM" | "PD" | "CFD";

/** The sentences. */
export const sentences: Readonly<Record<Term, string>> = {
  Teacher:
    "The diffusion model itself: it takes noise away little by little, one call of its network for each of its steps.",
  DDIM: "The teacher, not retrained, made to take the few steps that the students take: what distillation has to beat.",
  PD: "Progressive distillation: a student learns to hit, pixel by pixel, in one step what its teacher reaches in two; then it teaches the next.",
  CFD: "Classifier-based feature distillation: what has to match is what an image classifier sees in the pictures; of the students here, their pixels as well.",
};

let terms = 0;

/** A title that says what it means on hover, focus or a tap; Escape hides it again. */
export function explained(title: string, term: Term): HTMLElement[] {
  const heading = document.createElement("h3");
  const button = document.createElement("button");
  const tip = document.createElement("p");
  tip.id = `term-${++terms}`;
  tip.className = "tip";
  tip.setAttribute("role", "tooltip");
  tip.textContent = sentences[term];
  button.type = "button";
  button.className = "term";
  button.textContent = title;
  button.setAttribute("aria-describedby", tip.id);
  const hide = (hidden: boolean) => () => tip.classList.toggle("hushed", hidden);
  button.addEventListener("keydown", ({ key }) => {
    if (key === "Escape") hide(true)();
  });
  for (const event of ["blur", "mouseenter", "click"]) button.addEventListener(event, hide(false));
  heading.append(button);
  return [heading, tip];
}
