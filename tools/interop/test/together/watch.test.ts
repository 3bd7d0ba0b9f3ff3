/** The demo's page in real browsers: the picture is there, and it moves. */
import type { ElementHandle, Page } from "puppeteer-core";
import { expect } from "vitest";
import { type BrowserName, launchBrowser } from "../../src/browsers/browser.ts";
import { test } from "../../src/lab/lab.ts";
import { startMoqb } from "../../src/lab/ours.ts";

/** A black PNG of the picture's size takes less, the film more. */
const leastPictureBytes = 8_000;
const patienceMs = 30_000;
const browsers: readonly BrowserName[] = ["Chromium", "Firefox"];

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
