/** What docs/NODE.md says to paste into a browser's console does there what it says. */
import { inRoot } from "@moqingbird/toolchain";
import { expect } from "vitest";
import { type BrowserName, launchBrowser } from "../../src/browsers/browser.ts";
import { test } from "../../src/lab/lab.ts";

const browsers: readonly BrowserName[] = ["Chromium", "Firefox"];

for (const name of browsers) {
  test(`${name}'s console reaches the server of the example`, { timeout: 90_000 }, async ({ lab }) => {
    const server = lab.start({
      name: "for-browsers",
      program: process.execPath,
      args: ["--conditions=@moqingbird/source", inRoot("examples/quic/for-browsers.ts")],
    });
    const [opened] = await server.line(/Open http:\/\/127\.0\.0\.1:\d+\//);
    await server.line(/readable\)\.text/);
    const snippet = server.text.slice(server.text.indexOf("const session"));
    const browser = await launchBrowser(name);
    try {
      const page = await browser.newPage();
      const said = new Promise<string>((resolve) => page.once("console", (message) => resolve(message.text())));
      await page.goto(/http:\S+/.exec(opened as string)?.[0] as string);
      await page.evaluate(`(async () => { ${snippet} })()`);
      expect(await said).toBe("HELLO FROM THE PAGE");
    } finally {
      await browser.close();
    }
  });
}
