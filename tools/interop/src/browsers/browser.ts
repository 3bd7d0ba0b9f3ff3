/** Debian's browsers without a window, with a page that may use WebTransport: they want `http://localhost` or https. */
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { which } from "@moqingbird/toolchain";
import { type Browser, type LaunchOptions, launch, type Page } from "puppeteer-core";

/** Which browser. */
export type BrowserName = "Chromium" | "Firefox";

/** How each is started; its own traffic is switched off, so that nothing leaves this machine. */
const launches: Readonly<Record<BrowserName, { readonly program: string; readonly options: LaunchOptions }>> = {
  Chromium: {
    program: "chromium",
    options: {
      browser: "chrome",
      args: [
        ...(process.getuid?.() === 0 ? ["--no-sandbox"] : []),
        "--disable-gpu",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
      ],
    },
  },
  Firefox: {
    program: "firefox-esr",
    options: {
      browser: "firefox",
      extraPrefsFirefox: {
        "network.captive-portal-service.enabled": false,
        "network.connectivity-service.enabled": false,
        "app.update.enabled": false,
      },
    },
  },
};

/** Starts a browser. */
export function launchBrowser(name: BrowserName): Promise<Browser> {
  const { program, options } = launches[name];
  const executablePath = which(program);
  if (executablePath === undefined) throw new Error(`${name} is not installed: ./run interop installs it.`);
  return launch({ executablePath, headless: true, ...options });
}

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

  static async open(name: BrowserName): Promise<BlankPage> {
    const server = createServer((_, response) => {
      response.setHeader("content-type", "text/html").end("<!doctype html><title>interop</title>");
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const browser = await launchBrowser(name);
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
