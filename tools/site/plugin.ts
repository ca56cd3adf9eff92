// A plugin of TypeDoc: guides by purpose, the reference by part, and files that pages link to as pages of their own.
import { readFileSync } from "node:fs";
import { extname, relative } from "node:path";
import {
  Converter,
  DocumentReflection,
  KindRouter,
  MinimalSourceFile,
  normalizePath,
  PageEvent,
  ReflectionCategory,
  ReflectionKind,
  type Application,
  type Context,
  type NormalizedPath,
  type Reflection,
} from "typedoc";
import { root } from "../run.js";
import { guides, parts } from "./guides.js";

/** What links lead to is shown in these languages, other files as plain text; pictures stay what they are. */
const LANGUAGES: Readonly<Record<string, string>> = {
  ".html": "html",
  ".js": "js",
  ".json": "json",
  ".jsonl": "json",
  ".jsx": "jsx",
  ".py": "python",
  ".ts": "ts",
};
const PICTURES = [".png", ".svg"];

/** Called by TypeDoc when it starts. */
export function load(app: Application): void {
  app.renderer.defineRouter("site", SiteRouter);
  app.options.setValue("markdownItLoader", plainHeadings);
  app.converter.on(Converter.EVENT_RESOLVE_BEGIN, (context) => {
    addPages(context);
    for (const entry of context.project.getReflectionsByKind(ReflectionKind.Module))
      entry.name = entry.name === "index" ? "cfd-distill" : `cfd-distill/${entry.name}`;
  });
  app.converter.on(Converter.EVENT_RESOLVE_END, sortIntoParts, -1000); // after TypeDoc's own sorting
  app.renderer.on(PageEvent.END, (page) => {
    const up = "../".repeat(page.url.split("/").length); // the site's first page is the demo
    page.contents = page
      .contents!.replaceAll('href="demo:"', `href="${up}index.html"`)
      .replace('<div class="col-content">', '<div class="col-content" role="main">');
  });
}

/** The part of markdown-it's parser that is used here. */
interface Parser {
  readonly core: { readonly ruler: { push(name: string, rule: (state: { tokens: Token[] }) => void): void } };
}
interface Token {
  type: string;
  readonly children: Token[] | null;
}

/** Code in a heading becomes text: TypeDoc leaves it out of the heading's address and of the page's list of headings. */
function plainHeadings({ core }: Parser): void {
  core.ruler.push("plain-headings", ({ tokens }) => {
    for (const [i, { children }] of tokens.entries())
      if (tokens[i - 1]?.type === "heading_open")
        for (const child of children ?? []) if (child.type === "code_inline") child.type = "text";
  });
}

/** The guides, and whatever these and those pages link to. */
function addPages({ project, converter }: Context): void {
  const add = (path: NormalizedPath) => {
    const text = readFileSync(path, "utf8");
    const name = nameOf(path);
    const code = `# ${name}\n\n${fence}${LANGUAGES[extname(path)] ?? "text"}\n${text}\n${fence}\n`;
    const shown = extname(path) === ".md" ? text : code;
    const { content } = converter.parseRawComment(new MinimalSourceFile(shown, path), project.files);
    const title = /^# (.+)$/m.exec(shown)![1]!.replaceAll("`", "");
    const page = new DocumentReflection(name === "README.md" ? "README" : title, project, content, {});
    project.addChild(page);
    project.registerReflection(page, undefined, path);
  };
  for (const path of Object.values(guides).flat()) add(normalizePath(`${root}${path}`));
  for (const path of project.files.getMediaPaths())
    // grows meanwhile
    if (!PICTURES.includes(extname(path))) add(path);
}

const fence = "````";

/** A file's path from the repository's root. */
const nameOf = (path: string) => relative(root, path).replaceAll("\\", "/");

/** Replaces TypeDoc's categories, which are told by tags. */
function sortIntoParts(context: Context): void {
  const { project } = context;
  const entries = project.getChildrenByKind(ReflectionKind.Module);
  const [main] = entries;
  const pages = new Map(project.documents?.map((page) => [pathOf(page), page]));
  const guidesOf = (paths: readonly string[]) => paths.flatMap((path) => pages.get(path) ?? []);
  const listed = new Set(Object.values(guides).flat());
  project.categories = categories({
    ...Object.fromEntries(Object.entries(guides).map(([purpose, paths]) => [purpose, guidesOf(paths)])),
    Reference: entries,
    Files: [...pages].flatMap(([path, page]) => (listed.has(path) ? [] : [page])),
  });
  const exportsOf = (rooms: readonly string[]) =>
    main!.children!.filter((one) => rooms.includes(roomOf(one, context)));
  const rooms = Object.values(parts).flat();
  const homeless = main!.children!.find((one) => !rooms.includes(roomOf(one, context)));
  if (homeless) throw new Error(`tools/site/guides.ts: expected a part with ${roomOf(homeless, context)}.`);
  main!.categories = categories(
    Object.fromEntries(Object.entries(parts).map(([part, rooms]) => [part, exportsOf(rooms)])),
  );
}

const categories = (sorted: Readonly<Record<string, ReflectionCategory["children"]>>) =>
  Object.entries(sorted).map(([title, children]) => {
    const category = new ReflectionCategory(title);
    category.children = children;
    return category;
  });

/** The folder of src that an export lives in; of a file of the root's own, its name. */
function roomOf(one: Reflection, context: Context): string {
  const file = context.getSymbolFromReflection(one)?.declarations?.[0]?.getSourceFile().fileName ?? "";
  return /src[/](\w+)/.exec(nameOf(file))?.[1] ?? "";
}

/** The path, from the repository's root, of the file that a page shows. */
const pathOf = (page: Reflection) => nameOf(page.project.files.getReflectionPath(page) ?? "");

/** Pages keep the names of their files. A class, since TypeDoc makes the router. */
class SiteRouter extends KindRouter {
  protected override getIdealBaseName(one: Reflection): string {
    if (!one.isDocument()) return super.getIdealBaseName(one);
    return pathOf(one)
      .replace(/^docs[/]/, "guides/")
      .replace(/^[.]|[.]md$/g, ""); // hosts keep dotfiles to themselves
  }
}
