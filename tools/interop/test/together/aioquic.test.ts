/** Our W3C WebTransport against aioquic, either side being the server. */
import { inRoot } from "@moqingbird/toolchain";
import { describe } from "vitest";
import { peerPython } from "../../src/peers/provision.ts";
import { closedByPeerCase, codeCases, transferCases } from "../../src/webtransport/cases.ts";
import type { Command, WebStack } from "../../src/webtransport/meeting.ts";

const command = (): Command => ({
  program: peerPython("aioquic"),
  args: [inRoot("tools/interop/python/aioquic_peer.py")],
});
const stack: WebStack = { name: "aioquic", server: command, client: command };

for (const role of ["server", "client"] as const) {
  describe(`aioquic is the ${role}`, () => {
    transferCases(stack, role);
    codeCases(stack, role);
    closedByPeerCase(stack, role);
  });
}
