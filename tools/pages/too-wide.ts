import type { Page } from "playwright";

/** Elements that reach beyond the screen's right edge, but what scrolls in a box of its own. */
export function tooWide(page: Page): Promise<string[]> {
  return page.evaluate(() => {
    const scrolls = (element: Element) => /auto|scroll/.test(getComputedStyle(element).overflowX);
    const isInBox = ({ parentElement }: Element): boolean =>
      parentElement !== null &&
      parentElement !== document.body &&
      (scrolls(parentElement) || isInBox(parentElement));
    return Array.from(document.querySelectorAll("body *"))
      .filter((element) => element.getBoundingClientRect().right > innerWidth + 1)
      .filter((element) => !isInBox(element))
      .map(({ outerHTML }) => outerHTML.slice(0, 200));
  });
}
