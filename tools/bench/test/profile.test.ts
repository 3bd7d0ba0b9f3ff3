import { createEngine } from "@moqingbird/engine";
import { describe, expect, test } from "vitest";
import { type CpuProfile, record, shares } from "../src/profile.ts";

const frame = (functionName: string) => ({ functionName, url: "", lineNumber: 0 });

describe("profiles", () => {
  test("a function's share is its own time of the time that was not idle", () => {
    const profile: CpuProfile = {
      nodes: [
        { id: 1, callFrame: frame("(idle)") },
        { id: 2, callFrame: frame("send") },
        { id: 3, callFrame: frame("seal") },
      ],
      samples: [1, 2, 3, 2, 1],
      timeDeltas: [0, 600, 100, 200, 100],
    };
    expect(shares(profile)).toEqual([
      { name: "send", share: 0.5 },
      { name: "seal", share: 0.5 },
    ]);
  });

  test("the engine's functions are told by name although its wasm has no names", async () => {
    const engine = createEngine({ prepare: () => 0 });
    const stop = await record();
    const end = performance.now() + 100;
    while (performance.now() < end) {
      for (let i = 0; i < 1000; i++) engine.cancelTimer(engine.armTimer(1e9 + i));
      engine.events(); // cancelled handles may be used again
    }
    const names = shares(await stop()).filter(({ name }) => name.endsWith("[wasm]"));
    expect(names.length).toBeGreaterThan(0);
    expect(names.filter(({ name }) => name.startsWith("wasm-function"))).toEqual([]);
  });
});
