import { ClosedBy } from "@moqingbird/engine";
import { expect, test } from "vitest";
import { type CloseContext, closeInfo } from "../src/quic/close-info.ts";

const context: CloseContext = {
  where: "relay.test:4443",
  side: "client",
  alpn: ["moq-00", "h3"],
  established: true,
  handshakeTimeoutMs: 5000,
  idleTimeoutMs: 10_000,
  refusedSends: 0,
  pinned: false,
};
const handshake = { ...context, established: false };
const error = (by: number, code: bigint, reason: string, about: CloseContext) => {
  const info = closeInfo({ by, code, reason }, about);
  return [info.error?.code, info.error?.message];
};

test("our own close is no error", () => {
  expect(closeInfo({ by: ClosedBy.LOCAL, code: 7n, reason: "done" }, context)).toEqual({
    by: "local",
    code: 7n,
    reason: "done",
  });
});

test("silence is told apart: handshake, idle, and a host that says nobody listens any more", () => {
  expect(error(ClosedBy.IDLE, 1n, "", handshake)).toEqual([
    "handshake-timeout",
    "No QUIC answer from relay.test:4443 within 5000 ms. Check host and port, and that UDP is not blocked on the way.",
  ]);
  expect(error(ClosedBy.IDLE, 0n, "", context)[1]).toBe(
    "relay.test:4443 fell silent: nothing was heard for the idle time-out of the connection (10 s at most).",
  );
  expect(error(ClosedBy.IDLE, 0n, "", { ...context, refusedSends: 2 })[1]).toContain(
    "(10 s at most; its host says that nothing listens there any more)",
  );
});

test("TLS alerts and QUIC errors become the sentences people need", () => {
  const code = (by: number, number: bigint, reason: string, about = handshake) => error(by, number, reason, about)[0];
  expect(code(ClosedBy.PEER_TRANSPORT, 0x178n, "")).toBe("no-common-alpn");
  expect(code(ClosedBy.TRANSPORT, 0x178n, "")).toBe("no-common-alpn");
  expect(code(ClosedBy.TRANSPORT, 0x130n, "invalid peer certificate: UnknownIssuer")).toBe("certificate-untrusted");
  expect(code(ClosedBy.PEER_TRANSPORT, 0x130n, "")).toBe("handshake-failed");
  expect(code(ClosedBy.PEER_TRANSPORT, 0x2n, "")).toBe("server-refused");
  expect(code(ClosedBy.PEER_TRANSPORT, 0x1n, "oops")).toBe("handshake-failed");
  expect(code(ClosedBy.PEER_TRANSPORT, 0x3n, "too much", context)).toBe("peer-protocol-error");
  expect(code(ClosedBy.TRANSPORT, 0xan, "bad frame", context)).toBe("protocol-violation");
  expect(code(ClosedBy.RESET, 0n, "", context)).toBe("connection-reset");
  expect(code(ClosedBy.VERSION, 0n, "")).toBe("quic-version-mismatch");
  expect(error(ClosedBy.PEER_APPLICATION, 3n, "", context)[1]).toBe(
    "relay.test:4443 closed the connection with code 3: it gave no reason.",
  );
  expect(error(ClosedBy.PEER_APPLICATION, 3n, "The relay is stopping.", context)[1]).toBe(
    "relay.test:4443 closed the connection with code 3: The relay is stopping.",
  );
});
