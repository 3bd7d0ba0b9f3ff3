/** The demo's page in real browsers: the picture is there, and it moves. */
import { setTimeout as sleep } from "node:timers/promises";
import type { ElementHandle, Page } from "puppeteer-core";
import { expect } from "vitest";
import { type BrowserName, launchBrowser } from "../../src/browsers/browser.ts";
import { WebKitPage } from "../../src/browsers/webkit.ts";
import { test } from "../../src/lab/lab.ts";
import { startMoqb } from "../../src/lab/ours.ts";

/** A black PNG of the picture's size takes less, the film more. */
const leastPictureBytes = 8_000;
const patienceMs = 30_000;
const browsers: readonly BrowserName[] = ["Chromium", "Firefox"];

for (const [says, features] of [
  ["has no WebTransport", undefined],
  ["never gets an answer over its WebTransport", "+WebTransport"],
] as const) {
  test(`WebKitGTK, which ${says}, shows the demo's film over a WebSocket`, { timeout: 90_000 }, async ({ lab }) => {
    const demo = startMoqb(lab, ["demo"], { name: "moqb demo" });
    const [url] = await demo.line(/http:\/\/127\.0\.0\.1:\d+\//);
    await using page = await WebKitPage.open(features);
    await page.goto((url as string).trim());
    expect(await page.evaluate("typeof WebTransport")).toBe(features === undefined ? "undefined" : "function");
    const time = () => page.evaluate<number>("document.querySelector('video').currentTime");
    const status = () => page.evaluate<string>("document.getElementById('status').textContent");
    const pictureAfter = async (seconds: number) => {
      const from = await time();
      for (const deadline = Date.now() + patienceMs; Date.now() < deadline; await sleep(50)) {
        const picture = (await time()) > from + seconds ? await page.screenshot("video") : Buffer.alloc(0);
        if (picture.length > leastPictureBytes) return picture; // before it is painted, the video is black
      }
      throw new Error(`There is no picture; the page says: ${await status()}`);
    };
    const first = await pictureAfter(0);
    const second = await pictureAfter(1.5);
    expect(first.equals(second)).toBe(false);
    demo.signal("SIGINT");
    expect(await demo.exits()).toEqual({ code: 0, signal: null });
  });
}

for (const name of browsers) {
  test(`${name} shows the demo's film`, { timeout: 90_000 }, async ({ lab }) => {
    const demo = startMoqb(lab, ["demo"], { name: "moqb demo" });
    const [url] = await demo.line(/http:\/\/127\.0\.0\.1:\d+\//);
    const browser = await launchBrowser(name);
    try {
      const page = await browser.newPage();
      await page.goto((url as string).trim());
      const video = (await page.$("video")) as ElementHandle;
      const first = await pictureAfter(page, video, 0.5);
      const second = await pictureAfter(page, video, 1.5);
      expect(first.length).toBeGreaterThan(leastPictureBytes);
      expect(second.length).toBeGreaterThan(leastPictureBytes);
      expect(first.equals(second)).toBe(false);
    } finally {
      await browser.close();
    }
    demo.signal("SIGINT");
    expect(await demo.exits()).toEqual({ code: 0, signal: null });
  });
}

/** A screenshot of the video once so many seconds of it more were played. */
async function pictureAfter(page: Page, video: ElementHandle, seconds: number): Promise<Buffer> {
  const now = () => page.$eval("video", (element) => (element as unknown as { currentTime: number }).currentTime);
  const from = await now();
  await page.waitForFunction(
    (time: number) => {
      const { document } = globalThis as unknown as {
        document: { querySelector(name: string): { currentTime: number; videoWidth: number } };
      };
      const { currentTime, videoWidth } = document.querySelector("video");
      return videoWidth > 0 && currentTime > time;
    },
    { timeout: patienceMs },
    from + seconds,
  );
  return Buffer.from(await video.screenshot());
}
