/**
 * Tasks from other threads. A closure cannot cross, so a task has a name here and its poster sends that name with
 * cloneable arguments over a MessagePort, whose message event wakes the loop at once.
 */
import { MessageChannel, type MessagePort } from "node:worker_threads";

/** What travels over a port. */
interface PostedTask {
  readonly task: string;
  readonly args: readonly unknown[];
}

/** Posts a task to the executor that opened `port`. `args` are cloned; they must be cloneable. */
export function postTask(port: MessagePort, name: string, ...args: unknown[]): void {
  port.postMessage({ task: name, args } satisfies PostedTask);
}

/** The named tasks of one executor and the ports that lead to them. */
export class TaskPort {
  readonly #tasks = new Map<string, (...args: never[]) => void>();
  readonly #add: (task: () => void) => void;

  constructor(add: (task: () => void) => void) {
    this.#add = add;
  }

  register(name: string, task: (...args: never[]) => void): () => void {
    if (this.#tasks.has(name)) throw new Error(`A task named "${name}" is registered already.`);
    this.#tasks.set(name, task);
    return () => {
      if (this.#tasks.get(name) === task) this.#tasks.delete(name);
    };
  }

  open(): MessagePort {
    const { port1, port2 } = new MessageChannel();
    port1.on("message", (message: unknown) => this.#post(message));
    port1.unref(); // `on` has just ref'd it
    return port2;
  }

  #post(message: unknown): void {
    const posted = message as Partial<PostedTask> | null;
    const task = this.#tasks.get(posted?.task ?? "");
    if (task === undefined || !Array.isArray(posted?.args)) {
      process.emitWarning(`No task is registered under the name ${JSON.stringify(posted?.task)}.`, {
        code: "MOQINGBIRD_UNKNOWN_TASK",
      });
      return;
    }
    const args = posted.args as never[];
    this.#add(() => task(...args));
  }
}
