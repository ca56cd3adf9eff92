import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { Argument, Command, InvalidArgumentError } from "commander";
import { nearest } from "../../check.js";
import { say } from "../printable.js";
import { SHIPPED } from "../shipped.js";
import { create, type Template } from "./create.js";

/** Where the build puts them: the same place from src/ and from dist/. */
const TEMPLATES = fileURLToPath(new URL("../../../dist/templates/", import.meta.url));

const templates = {
  page: {
    from: join(TEMPLATES, "page"),
    files: { "public/student.safetensors": SHIPPED },
    what: "a page that draws with a student of one step",
    next: ["npm run dev"],
  },
  recipe: {
    from: join(TEMPLATES, "recipe"),
    files: {},
    what: "a program that distils, with your pictures or CIFAR-10, and your teacher or one that it trains",
    next: [
      "# put your pictures into pictures/CLASS/*.png: a folder a class, of twenty and more",
      "npm start -- --dataset folder:pictures --dry-run",
      "npm start -- --dataset folder:pictures",
    ],
  },
} as const satisfies Record<string, Template & { readonly what: string; readonly next: readonly string[] }>;

const NAMES = Object.keys(templates);

export function newCommand(): Command {
  return new Command("new")
    .description("Begin a project: a page that draws, or a program that distils.")
    .addArgument(new Argument(`<${NAMES.join("|")}>`, "what to begin with").argParser(templateName))
    .argument("<folder>", "an empty folder, or one that is not there yet")
    .action(async (name: keyof typeof templates, folder: string) => {
      const { what, next, ...template } = templates[name];
      await create(template, folder);
      const place = relative("", folder);
      const steps = [...(place === "" ? [] : [`cd ${quoted(place)}`]), "npm install", ...next];
      say(`${folder}: ${what}. Next:\n\n${steps.map((step) => `  ${step}`).join("\n")}\n`);
    });
}

/** A template's name, or what was likely meant. */
function templateName(text: string): keyof typeof templates {
  if (Object.hasOwn(templates, text)) return text as keyof typeof templates;
  const near = nearest(NAMES, text);
  const hint = near === undefined ? "" : ` Did you mean ${near}?`;
  throw new InvalidArgumentError(`Expected ${NAMES.join(" or ")}.${hint}`);
}

/** A word as a shell takes it for one. */
function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : JSON.stringify(word);
}
