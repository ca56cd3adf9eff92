// From vitest's JSON reports, one an engine, to the table in docs/engines.md.
import { markdownTable, replaceBetween } from "../markdown.js";

/** The part of a report that is read here. */
export interface Report {
  readonly testResults: readonly {
    readonly name: string;
    readonly startTime: number;
    readonly endTime: number;
    readonly message: string;
    readonly assertionResults: readonly {
      readonly status: string;
      readonly meta: { readonly device?: string };
    }[];
  }[];
}

/** A column of the table: a report, or the reason why there is none. */
export interface Column {
  readonly name: string;
  readonly report?: Report;
  readonly missing?: string;
}

const suiteOf = (path: string) => path.replace(/^.*\/conformance\//, "").replace(/\.test\.ts$/, "");

type File = Report["testResults"][number];

type Test = File["assertionResults"][number];

function countOf(tests: readonly Test[]) {
  const count = (wanted: string) => tests.filter(({ status }) => status === wanted).length;
  const [passed, failed] = [count("passed"), count("failed")];
  return { passed, failed, skipped: tests.length - passed - failed };
}

/** "50 in 3.6 s", with what did not pass in front. */
function cell(file: File | undefined): string {
  if (file === undefined) return "-";
  const { passed, failed, skipped } = countOf(file.assertionResults);
  if (skipped > 0 && passed + failed === 0) return `${skipped} skipped`;
  const troubles = [
    ...(failed > 0 ? [`**${failed} failed**`] : []),
    ...(file.assertionResults.length === 0 ? ["**did not load**"] : []),
    ...(skipped > 0 ? [`${skipped} skipped`] : []),
  ];
  return [...troubles, `${passed} in ${((file.endTime - file.startTime) / 1000).toFixed(1)} s`].join(", ");
}

/** Of those that ran: an engine is not to blame for what is none of its business. */
function total({ report }: Column): string {
  if (report === undefined) return "not run";
  const { passed, failed, skipped } = countOf(
    report.testResults.flatMap(({ assertionResults }) => assertionResults),
  );
  return `**${passed} of ${passed + failed}**${skipped > 0 ? `, ${skipped} skipped` : ""}`;
}

function computedBy({ report, missing = "no report" }: Column): string {
  if (report === undefined) return `not run: ${missing}`;
  const tests = report.testResults.flatMap((file) => file.assertionResults);
  return tests.find(({ meta }) => meta.device)?.meta.device ?? "no device was named";
}

/** Markdown: suites by engines, then what each engine was, or why it did not run. */
export function engineTable(columns: readonly Column[]): string {
  const files = (column: Column) => column.report?.testResults ?? [];
  const suites = [...new Set(columns.flatMap((c) => files(c).map(({ name }) => suiteOf(name))))].sort();
  const rowOf = (suite: string) => [
    suite,
    ...columns.map((column) => cell(files(column).find(({ name }) => suiteOf(name) === suite))),
  ];
  return [
    markdownTable(
      ["suite", ...columns.map(({ name }) => name)],
      [...suites.map(rowOf), ["passed", ...columns.map(total)]],
    ),
    "",
    markdownTable(
      ["engine", "what computed"],
      columns.map((column) => [column.name, computedBy(column)]),
    ),
  ].join("\n");
}

const MARKS = ["<!-- conformance: begin -->", "<!-- conformance: end -->"] as const;

/** The page with its table replaced. */
export const withTable = (page: string, table: string) => replaceBetween(page, MARKS, table);

export const allPassed = ({ report }: Column) =>
  report === undefined ||
  report.testResults.every(
    ({ assertionResults }) =>
      assertionResults.length > 0 && assertionResults.every(({ status }) => status !== "failed"),
  );
