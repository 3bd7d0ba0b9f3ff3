/** The page to watch with, in real browsers: the picture is there, and it moves, and sound goes with it. */
import { readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import type { ElementHandle, Page } from "puppeteer-core";
import { expect } from "vitest";
import { type BrowserName, launchBrowser } from "../../src/browsers/browser.ts";
import { WebKitPage } from "../../src/browsers/webkit.ts";
import { test } from "../../src/lab/lab.ts";
import { startMoqb } from "../../src/lab/ours.ts";
import { RelayLog } from "../../src/lab/relay-log.ts";
import { makeClip } from "../../src/media/clip.ts";
import { feed } from "../../src/media/feeder.ts";
import { parseMovie } from "../../src/media/movie.ts";

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

/** Seconds of the clip when the browsers come, and how far they play. */
const joinAt = 2.3;
const playedSeconds = 4;
const openers = {
  Chromium: () => openPage("Chromium"),
  Firefox: () => openPage("Firefox"),
  WebKitGTK: () => WebKitPage.open(),
};

test("picture and sound play without a gap from the group a browser joins", { timeout: 90_000 }, async ({ lab }) => {
  const flags = ["--listen", "127.0.0.1:0", "--tls-generate", "localhost", "--log-level", "debug"];
  const relay = new RelayLog(startMoqb(lab, ["relay", ...flags]));
  const { port, certificates } = await relay.until({ event: "listening" });
  const [{ sha256 }] = certificates as [{ sha256: string }];
  const at = `moqt://localhost:${port}`;
  const source = ["--broadcast", "film", "--format", "fmp4", "--tls-fingerprint", sha256];
  const publisher = startMoqb(lab, ["pub", at, ...source]);
  await relay.until({ event: "publish-namespace-ok", namespace: "film" });
  const playing = feed(parseMovie(await readFile(await makeClip(lab.folder, { seconds: 60 }))), [publisher.stdin]);
  playing.finished.catch(() => {}); // the test is over before it is
  await sleep(joinAt * 1000);
  const seen = await Promise.all(
    Object.entries(openers).map(async ([browser, open]) => {
      await using page = await open();
      await page.goto(`http://127.0.0.1:${port}/?broadcast=film`);
      for (const deadline = Date.now() + patienceMs; ; await sleep(100)) {
        const { time, ranges, status } = await page.evaluate<{ time: number; ranges: number; status: string }>(
          `(({ currentTime, buffered }) => ({
            time: currentTime, ranges: buffered.length, status: document.getElementById("status").textContent,
          }))(document.querySelector("video"))`,
        );
        if (time > playedSeconds) return { browser, ranges };
        if (Date.now() > deadline) throw new Error(`${browser} is at ${time} s with ${ranges} ranges: ${status}`);
      }
    }),
  );
  expect(seen).toEqual(Object.keys(openers).map((browser) => ({ browser, ranges: 1 })));
  expect(relay.all({ event: "subscribe", track: "2.m4s" }).length).toBe(seen.length);
});

/** A page of a browser of its own. */
async function openPage(name: BrowserName) {
  const browser = await launchBrowser(name);
  const page = await browser.newPage();
  return {
    goto: async (url: string) => void (await page.goto(url)),
    evaluate: async <T>(expression: string) => (await page.evaluate(expression)) as T,
    [Symbol.asyncDispose]: () => browser.close(),
  };
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
