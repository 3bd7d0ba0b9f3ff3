import { createTransportPair, settle, type TransportPairOptions } from "@moqingbird/testing";
import { mainCases } from "./support/cases.ts";

function over(name: string, options: TransportPairOptions): void {
  mainCases({
    name,
    open: async () => createTransportPair(options),
    async until(condition, what) {
      // Everything happens in microtasks, but for what waits on a timer.
      const deadline = performance.now() + 5000;
      while (!condition()) {
        if (performance.now() > deadline) throw new Error(`Waited in vain for ${what}.`);
        await settle();
      }
    },
  });
}

over("memory, one packet at a time", {});
over("memory, seven bytes at a time", { maxPullBytes: 7 });
over("memory, streams of 64 bytes of credit", { streamCreditBytes: 64, maxPullBytes: 50 });
