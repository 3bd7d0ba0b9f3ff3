/** Our W3C WebTransport against webtransport-go, either side being the server: the interop runner's cases, codes, endings. */
import { describe, expect } from "vitest";
import { test } from "../../src/lab/lab.ts";
import { peerGo } from "../../src/peers/provision.ts";
import { closedByPeerCase, codeCases, meetWeb, transferCases } from "../../src/webtransport/cases.ts";
import type { WebStack } from "../../src/webtransport/meeting.ts";

const stack: WebStack = {
  name: "webtransport-go",
  server: () => ({ program: peerGo("wtpeer-server"), args: [] }),
  client: () => ({ program: peerGo("wtpeer-client"), args: [] }),
};
const offered = ["first", "second", "third"];
const known = ["other", "third", "second"];

for (const role of ["server", "client"] as const) {
  describe(`webtransport-go is the ${role}`, () => {
    test("handshake: the client's first protocol that the server has", async ({ lab }) => {
      const [theirs, ours] = role === "server" ? [known, offered] : [offered, known];
      const { session, program } = await meetWeb(lab, stack, role, { protocols: theirs }, ours);
      expect(session.protocol).toBe("second");
      await program.line(/^session protocol="second"$/);
    });

    transferCases(stack, role);
    codeCases(stack, role);
    // Its client closes the connection at once, and what it says of the session may stay behind (docs/INTEROP.md).
    if (role === "server") closedByPeerCase(stack, role);
  });
}
