import type { Page } from "playwright";

/** Elements in sight that reach beyond the screen's right edge, but what scrolls in a box of its own. */
export function tooWide(page: Page): Promise<string[]> {
  return page.evaluate(() =>
    Array.from(document.querySelectorAll("body *"))
      .filter((element) => element.getBoundingClientRect().right > innerWidth + 1)
      .filter((element) => element.checkVisibility({ visibilityProperty: true }))
      .filter((element) => {
        for (let box = element.parentElement; box && box !== document.body; box = box.parentElement)
          if (/auto|scroll/.test(getComputedStyle(box).overflowX)) return false;
        return true;
      })
      .map(({ outerHTML }) => outerHTML.slice(0, 200)),
  );
}
