/** What `./run` does itself: prepare, test, build, clean. Everything else it hands to the program of that name. */
import { clean } from "./clean.ts";
import { endChildren, endChildrenOnSignal, run } from "./command.ts";
import { Failure } from "./failure.ts";
import { putPnpmOnPath } from "./packages.ts";
import { inRoot } from "./paths.ts";
import { prepare } from "./prepare.ts";
import { say } from "./steps.ts";
import { runSuite, stageNames } from "./suite.ts";

const commands: Readonly<Record<string, (args: readonly string[]) => Promise<boolean>>> = {
  async prepare() {
    await prepare();
    return true;
  },

  async test(args) {
    const unknown = args.find((name) => !stageNames.includes(name));
    if (unknown !== undefined) {
      throw new Failure(`./run test knows no stage "${unknown}"; the stages are ${stageNames.join(", ")}.`);
    }
    await prepare();
    await putPnpmOnPath();
    return runSuite(args);
  },

  async build() {
    await prepare();
    await putPnpmOnPath();
    await run(inRoot("node_modules/.bin/turbo"), ["run", "build"], { env: { TURBO_TELEMETRY_DISABLED: "1" } });
    return true;
  },

  async clean(args) {
    const unknown = args.find((name) => name !== "--cache");
    if (unknown !== undefined) throw new Failure(`./run clean knows only --cache, not "${unknown}".`);
    clean({ cache: args.includes("--cache") });
    return true;
  },
};

endChildrenOnSignal();
const [name = "", ...args] = process.argv.slice(2);
try {
  const command = commands[name];
  if (command === undefined) throw new Failure(`There is no command "${name}".`);
  process.exit((await command(args)) ? 0 : 1);
} catch (error) {
  endChildren();
  say(error instanceof Failure ? error.message : String(error instanceof Error ? error.stack : error));
  process.exit(1);
}
