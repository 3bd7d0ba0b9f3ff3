import { describe, expect, test } from "vitest";
import { TransportError } from "../../src/errors.ts";
import {
  chosenSubprotocol,
  knownSubprotocols,
  offeredSubprotocols,
  parseSubprotocol,
} from "../../src/qmux/versions.ts";

describe("subprotocols", () => {
  test("a client offers each protocol in each draft, then the versions alone", () => {
    expect(offeredSubprotocols(["b", "a"], true)).toEqual([
      ...["qmux-02.b", "qmux-01.b", "qmux-00.b", "qmux-02.a", "qmux-01.a", "qmux-00.a"],
      ...["qmux-02", "qmux-01", "qmux-00", "webtransport"],
    ]);
    expect(offeredSubprotocols(["a"], false, ["qmux-01"])).toEqual(["qmux-01.a"]);
  });

  test("a protocol that is no token of HTTP cannot be offered", () => {
    expect(() => offeredSubprotocols(["two words"], false)).toThrow(TransportError);
  });

  test.each([
    ["qmux-02.chat", { wire: "qmux-02", protocol: "chat" }],
    ["qmux-00.a.b-1", { wire: "qmux-00", protocol: "a.b-1" }],
    ["qmux-01", { wire: "qmux-01", protocol: "" }],
    ["webtransport", { wire: "webtransport", protocol: "" }],
  ] as const)("%s is taken apart", (name, expected) => {
    expect(parseSubprotocol(name)).toEqual({ name, ...expected });
  });

  test.each(["", "chat", "qmux-01.", "qmux-03.chat", "webtransport.chat", "qmux-0"])("%j is not ours", (name) => {
    expect(parseSubprotocol(name)).toBeUndefined();
  });

  test("a server chooses the newest draft of the protocol it wants", () => {
    const offer = knownSubprotocols("qmux-00.a, qmux-01.a ,qmux-01.b,junk, webtransport,qmux-00");
    expect(offer).toHaveLength(5);
    expect(chosenSubprotocol(offer, "a")?.name).toBe("qmux-01.a");
    expect(chosenSubprotocol(offer, "c")).toBeUndefined();
    expect(chosenSubprotocol(offer, undefined)?.name).toBe("qmux-00");
    expect(chosenSubprotocol(knownSubprotocols("webtransport"), undefined)?.name).toBe("webtransport");
    expect(knownSubprotocols(undefined)).toEqual([]);
  });
});
