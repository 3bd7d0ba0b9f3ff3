/** Debian's Chromium without a window, with a page that may use WebTransport: browsers want `http://localhost` or https. */
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { which } from "@moqingbird/toolchain";
import { type Browser, chromium, type Page } from "playwright-core";

/** Chromium's own traffic is switched off: nothing leaves this machine. */
const quiet = [
  "--disable-gpu",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** A browser with one blank page. */
export class BlankPage implements AsyncDisposable {
  readonly page: Page;
  readonly #browser: Browser;
  readonly #server: Server;

  private constructor(page: Page, browser: Browser, server: Server) {
    this.page = page;
    this.#browser = browser;
    this.#server = server;
  }

  static async open(): Promise<BlankPage> {
    const executablePath = which("chromium");
    if (executablePath === undefined) throw new Error("Chromium is not installed: ./run interop installs it.");
    const server = createServer((_, response) => {
      response.setHeader("content-type", "text/html").end("<!doctype html><title>interop</title>");
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const sandbox = process.getuid?.() === 0 ? ["--no-sandbox"] : [];
    const browser = await chromium.launch({ executablePath, args: [...sandbox, ...quiet] });
    const page = await browser.newPage();
    await page.goto(`http://localhost:${(server.address() as AddressInfo).port}/`);
    return new BlankPage(page, browser, server);
  }

  /** What the page is served from: the Origin its requests carry. */
  get origin(): string {
    return new URL(this.page.url()).origin;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#browser.close();
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
