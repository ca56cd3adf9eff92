// The test runner of `npm run mutate`. All mutants are tried in one process, in which TensorFlow.js and the modules of src
// stay loaded and only the test files are evaluated anew: a mutant takes some hundredths of a second where a worker of
// vitest, which starts from nothing each time, takes one or more.
import { relative, resolve } from "node:path";
import { startTests } from "@vitest/runner";
import { declareFactoryPlugin, declareValuePlugin, PluginKind } from "@stryker-mutator/api/plugin";
import { TestStatus } from "@stryker-mutator/api/test-runner";
import { createServer, createServerModuleRunner } from "vite";
import { createVitest } from "vitest/node";

const stryker = (globalThis.__stryker__ ??= {});
/** Tests whose id, `FILE#NAME`, this matches are left out: what takes seconds, and sees no more than others. */
const LEFT_OUT = process.env.LEFT_OUT && new RegExp(process.env.LEFT_OUT, "u");
/** Tests that take longer than so many milliseconds of a core are left out, where that is set. */
const LONGEST = Number(process.env.LONGEST ?? Infinity);
const CONFIG = {
  root: ".",
  setupFiles: [],
  passWithNoTests: true,
  allowOnly: true,
  sequence: { shuffle: false, concurrent: false, seed: 1, hooks: "stack", setupFiles: "list" },
  testTimeout: 60_000,
  hookTimeout: 60_000,
  retry: 0,
  maxConcurrency: 1,
  includeTaskLocation: false,
  tags: [],
};

/** What the modules of vitest ask of the worker in which they believe themselves. */
globalThis.__vitest_worker__ = {
  config: { environment: "node", snapshotOptions: {}, root: process.cwd(), fakeTimers: {} },
  environment: { name: "node" },
  ctx: {},
  rpc: {},
  providedContext: {},
};

class InOneProcess {
  async init() {
    const vitest = await createVitest("test", { config: "vitest.mutate.config.ts", watch: false });
    const found = await vitest.globTestSpecifications();
    this.files = found.map(({ moduleId }) => moduleId);
    const { alias } = found[0].project.vite.config.resolve;
    await vitest.close();
    this.server = await createServer({
      configFile: false,
      resolve: { alias },
      server: { middlewareMode: true, watch: null, ws: false, hmr: false },
      optimizeDeps: { noDiscovery: true },
      appType: "custom",
      logLevel: "error",
    });
    this.modules = createServerModuleRunner(this.server.environments.ssr, { hmr: false });
    stryker.mutantCoverage ??= { static: {}, perTest: {} };
    this.outside = [];
    this.took = new Map();
    this.slow = new Set();
    process.on("unhandledRejection", (error) => this.outside.push(error));
  }

  capabilities() {
    return { reloadEnvironment: true };
  }

  async dryRun() {
    stryker.activeMutant = undefined;
    await this.run(this.files, () => false); // finds out which modules there are
    const sources = [...this.modules.evaluatedModules.idToModuleMap.keys()].filter((id) =>
      id.startsWith(resolve("src")),
    );
    this.modules.clearCache();
    forget(stryker.mutantCoverage);
    for (const source of sources) await this.modules.import(source); // what is hit now is static
    const tests = await this.run(this.files, () => true);
    this.slow = new Set([...this.took].filter(([, ms]) => ms > LONGEST).map(([id]) => id));
    for (const id of this.slow) Reflect.deleteProperty(stryker.mutantCoverage.perTest, id);
    return {
      status: "complete",
      tests: tests.filter(({ id }) => !this.slow.has(id)),
      mutantCoverage: stryker.mutantCoverage,
    };
  }

  async mutantRun(options) {
    const result = await this.try(options, options.reloadEnvironment);
    const [killer] = result.killedBy ?? [];
    if (killer === undefined || options.reloadEnvironment || (await this.passes(killer))) return result;
    // Without the mutant it fails as well: something of this one or of one before it was left behind in a module.
    this.modules.clearCache();
    if (!(await this.passes(killer))) process.exit(1); // which Stryker answers with a new process
    return this.try(options, true);
  }

  /** What becomes of a mutant; with modules that are evaluated for it alone if they are to be `fresh`. */
  async try({ activeMutant, testFilter, hitLimit }, fresh) {
    const wanted = new Set(testFilter);
    const isWanted = (id) => testFilter === undefined || wanted.has(id) || wanted.has(collecting(fileOf(id)));
    const files = this.files.filter(
      (file) => testFilter === undefined || testFilter.some((id) => fileOf(id) === relative(".", file)),
    );
    if (fresh) this.modules.clearCache();
    Object.assign(stryker, { activeMutant: activeMutant.id, hitCount: 0, hitLimit });
    const tests = await this.run(files, isWanted);
    const hits = stryker.hitCount;
    Object.assign(stryker, { activeMutant: undefined, hitCount: undefined, hitLimit: undefined });
    if (fresh) this.modules.clearCache();
    const killer = tests.find(hasFailed);
    if (hits > hitLimit) return { status: "timeout", reason: `hit ${hits} times, more than ${hitLimit}` };
    if (killer === undefined) return { status: "survived", nrOfTests: tests.length };
    const { id, failureMessage } = killer;
    return { status: "killed", killedBy: [id], failureMessage, nrOfTests: tests.length };
  }

  async passes(id) {
    return !(await this.run([resolve(fileOf(id))], (other) => other === id)).some(hasFailed);
  }

  async run(files, isWanted) {
    const results = [];
    for (const file of files) {
      results.push(...(await this.runFile(file, isWanted)));
      if (stryker.activeMutant !== undefined && results.some(hasFailed)) break;
    }
    return results;
  }

  async runFile(path, isWanted) {
    const file = relative(".", path);
    const idOf = (task) => `${file}#${nameOf(task)}`;
    const outOfTest = () => {
      stryker.currentTestId = collecting(file);
    };
    let failed = false;
    let before;
    const runner = {
      config: CONFIG,
      importFile: async (id) => {
        outOfTest();
        const module = this.modules.evaluatedModules.getModuleById(id);
        if (module) this.modules.evaluatedModules.invalidateModule(module);
        await this.modules.import(id);
      },
      onCollected: ([collected]) => {
        skipUnwanted(
          collected,
          (task) => isWanted(idOf(task)) && !this.slow.has(idOf(task)) && !LEFT_OUT?.test(idOf(task)),
        );
      },
      onBeforeRunTask: (test) => {
        if (failed && stryker.activeMutant !== undefined) test.mode = "skip";
      },
      onBeforeTryTask: (test) => {
        stryker.currentTestId = idOf(test);
        before = process.cpuUsage();
      },
      onAfterTryTask: (test) => {
        outOfTest();
        const { user, system } = process.cpuUsage(before);
        this.took.set(idOf(test), (user + system) / 1000);
      },
      onAfterRunTask: (test) => {
        failed ||= test.result?.state === "fail";
      },
    };
    const [whole] = await startTests([path], runner);
    stryker.currentTestId = undefined;
    const tasks = [...tasksOf(whole)];
    const tests = tasks.filter(
      ({ type, result }) => type === "test" && ["pass", "fail"].includes(result?.state),
    );
    const errors = tasks.filter(({ type }) => type === "suite").flatMap(({ result }) => result?.errors ?? []);
    errors.push(...this.outside.splice(0)); // in a hook, while tests were collected, or nobody waited for it
    return [
      testResult(collecting(file), { errors }),
      ...tests.map((test) => testResult(idOf(test), test.result)),
    ];
  }

  async dispose() {
    await this.server?.close();
  }
}

const hasFailed = (test) => test.status === TestStatus.Failed;

/** What stands for all that a file of tests does outside of its tests. */
function collecting(file) {
  return `${file}#`;
}

function fileOf(id) {
  return id.slice(0, id.indexOf("#"));
}

/** Coverage is counted from nothing again; the modules hold on to the very object. */
function forget(coverage) {
  for (const part of [coverage.static, coverage.perTest])
    for (const key of Object.keys(part)) Reflect.deleteProperty(part, key);
}

function* tasksOf(suite) {
  yield suite;
  for (const task of suite.tasks) {
    if (task.type === "suite") yield* tasksOf(task);
    else yield task;
  }
}

function nameOf(task) {
  const parts = [];
  for (let at = task; at !== undefined && at !== at.file; at = at.suite) parts.unshift(at.name);
  return parts.join(" ");
}

function skipUnwanted(suite, isWanted) {
  for (const task of suite.tasks) {
    if (task.type === "suite") skipUnwanted(task, isWanted);
    else if (!isWanted(task)) task.mode = "skip";
  }
  if (suite.tasks.every((task) => task.mode === "skip")) suite.mode = "skip";
}

function testResult(id, { errors = [], duration = 0 }) {
  const result = { id, name: id, timeSpentMs: duration, status: TestStatus.Success };
  if (errors.length === 0) return result;
  return {
    ...result,
    status: TestStatus.Failed,
    failureMessage: errors.map((error) => error.message ?? `${error}`).join("\n"),
  };
}

/** An object of nothing but `true` is a set of names, see checkOptions: what stands behind a name is never read. */
function shouldIgnore({ node, parentPath }) {
  const isTrue = ({ value }) => value?.type === "BooleanLiteral" && value.value;
  const properties = parentPath?.parentPath?.node.properties;
  const inSet =
    node.type === "BooleanLiteral" && parentPath.node.type === "ObjectProperty" && properties?.every(isTrue);
  return inSet ? "a name in a set of names" : undefined;
}

const factory = (make) => Object.assign(make, { inject: [] });
export const strykerPlugins = [
  declareFactoryPlugin(
    PluginKind.TestRunner,
    "in-one-process",
    factory(() => new InOneProcess()),
  ),
  declareValuePlugin(PluginKind.Ignore, "sets-of-names", { shouldIgnore }),
];
