/**
 * WebKitGTK, Safari's relative: Debian's MiniBrowser on a display of its own, told what to do by WebKitWebDriver (W3C WebDriver).
 * It has no WebTransport: what it shows came over a WebSocket.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { createServer } from "node:net";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";

/** Where Debian puts it, by architecture. */
const miniBrowsers = ["x86_64", "aarch64"].map((cpu) => `/usr/lib/${cpu}-linux-gnu/webkit2gtk-4.1/MiniBrowser`);
/** W3C WebDriver, section 12: what stands for an element in JSON. */
const elementKey = "element-6066-11e4-a52e-4f735466cecf";
const startMs = 30_000;
/** A start takes half a second. */
const launchMs = 10_000;
const launches = 3;

/** A window of WebKitGTK. */
export class WebKitPage implements AsyncDisposable {
  readonly #session: string;
  readonly #processes: readonly ChildProcess[];

  private constructor(session: string, processes: readonly ChildProcess[]) {
    this.#session = session;
    this.#processes = processes;
  }

  /** With `features` as MiniBrowser takes them, "+WebTransport" for example. A browser that hangs as it starts is started anew. */
  static async open(features?: string): Promise<WebKitPage> {
    for (let launch = 1; ; launch++) {
      try {
        return await WebKitPage.#launch(features);
      } catch (error) {
        if (launch === launches) throw error;
        console.warn(`WebKitGTK did not start, and is started anew: ${(error as Error).message}`);
      }
    }
  }

  static async #launch(features: string | undefined): Promise<WebKitPage> {
    const binary = miniBrowsers.find(existsSync);
    if (binary === undefined) throw new Error("WebKitGTK is not installed: ./run interop installs it.");
    const processes: ChildProcess[] = [];
    try {
      const { screen, display } = await openScreen();
      processes.push(screen);
      const port = await freePort();
      // Decoders in this process, no D-Bus, and no GPU: nothing that a machine without a desktop would lack.
      const environment = { DISPLAY: display, GDK_BACKEND: "x11", LIBGL_ALWAYS_SOFTWARE: "1", NO_AT_BRIDGE: "1" };
      const driver = spawn("WebKitWebDriver", ["--host=127.0.0.1", `--port=${port}`], {
        env: { ...process.env, ...environment },
        stdio: "ignore",
      });
      processes.push(driver);
      const url = `http://127.0.0.1:${port}`;
      await answering(`${url}/status`);
      const alwaysMatch = {
        "webkitgtk:browserOptions": {
          binary,
          args: ["--automation", ...(features === undefined ? [] : [`--features=${features}`])],
        },
      };
      const opened = await command(`${url}/session`, { capabilities: { alwaysMatch } }, launchMs);
      const { sessionId } = opened as { sessionId: string };
      return new WebKitPage(`${url}/session/${sessionId}`, processes);
    } catch (error) {
      await end(processes);
      throw error;
    }
  }

  async goto(url: string): Promise<void> {
    await command(`${this.#session}/url`, { url });
  }

  /** What an expression in the page comes to. */
  evaluate<T>(expression: string): Promise<T> {
    return command(`${this.#session}/execute/sync`, { script: `return (${expression});`, args: [] }) as Promise<T>;
  }

  /** Runs a script as if the page had it. */
  async run(script: string): Promise<void> {
    const inPage =
      "const element = document.createElement('script'); element.textContent = arguments[0]; document.head.append(element);";
    await command(`${this.#session}/execute/sync`, { script: inPage, args: [script] });
  }

  /** Sends a function to the page as text, and what it gives comes back; both its ends are JSON. */
  async call<A, T>(task: (argument: A) => Promise<T>, argument: A): Promise<T> {
    const script = `const [argument, done] = arguments;
      (${task})(argument).then((value) => done({ value }), (error) => done({ error: String(error) }));`;
    const body = { script, args: [argument] };
    const answer = await command(`${this.#session}/execute/async`, body);
    const { value, error } = answer as { value: T; error?: string };
    if (error !== undefined) throw new Error(`In the page: ${error}`);
    return value;
  }

  /** A PNG of the first element that a selector finds. */
  async screenshot(selector: string): Promise<Buffer> {
    const found = (await command(`${this.#session}/element`, { using: "css selector", value: selector })) as Record<
      string,
      string
    >;
    const png = await command(`${this.#session}/element/${found[elementKey]}/screenshot`);
    return Buffer.from(png as string, "base64");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await fetch(this.#session, { method: "DELETE" }).catch(() => {});
    await end(this.#processes);
  }
}

/** A display in memory, whose number it chooses itself. */
async function openScreen(): Promise<{ readonly screen: ChildProcess; readonly display: string }> {
  const screen = spawn("Xvfb", ["-displayfd", "3", "-screen", "0", "1280x1024x24", "-nolisten", "tcp"], {
    stdio: ["ignore", "ignore", "ignore", "pipe"],
  });
  const lines = createInterface({ input: screen.stdio[3] as Readable });
  const [number] = (await Promise.race([
    once(lines, "line"),
    once(screen, "exit").then(() => Promise.reject(new Error("Xvfb ended before it had a display."))),
  ])) as [string];
  return { screen, display: `:${number}` };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, "close");
  return port;
}

async function answering(url: string): Promise<void> {
  for (const deadline = Date.now() + startMs; ; await sleep(50)) {
    const answer = await fetch(url).catch(() => undefined);
    if (answer?.ok) return;
    if (Date.now() > deadline) throw new Error(`WebKitWebDriver does not answer at ${url}.`);
  }
}

/** POST with a body, GET without. */
async function command(url: string, body?: object, timeoutMs = startMs): Promise<unknown> {
  const init: RequestInit = body === undefined ? {} : { method: "POST", body: JSON.stringify(body) };
  const response = await fetch(url, { ...init, signal: AbortSignal.timeout(timeoutMs) }).catch((cause: unknown) => {
    throw new Error(`WebKitWebDriver did not answer ${url} ${init.body ?? ""}`, { cause });
  });
  const { value } = (await response.json()) as { value: unknown };
  if (response.ok) return value;
  throw new Error(`WebKitWebDriver: ${(value as { message?: string }).message ?? response.statusText}`);
}

async function end(processes: readonly ChildProcess[]): Promise<void> {
  for (const one of [...processes].reverse()) {
    if (one.exitCode !== null || one.signalCode !== null) continue;
    const gone = once(one, "exit");
    one.kill();
    await gone;
  }
}
