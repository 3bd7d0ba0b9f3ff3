import * as transport from "@moqingbird/transport";
import { expect, test } from "vitest";

test("what the package exports is pinned", () => {
  expect(Object.keys(transport).sort()).toEqual([
    "BackOff",
    "ByteReader",
    "ByteWriter",
    "SessionRejectedError",
    "TransportError",
    "WebTransport",
    "WebTransportBidirectionalStream",
    "WebTransportDatagramDuplexStream",
    "WebTransportDatagramsWritable",
    "WebTransportError",
    "WebTransportReceiveStream",
    "WebTransportSendGroup",
    "WebTransportSendStream",
    "WebTransportWriter",
    "certificateFingerprint",
    "connect",
    "connectWebSocket",
    "connectWebTransport",
    "defaultSortKey",
    "engineMemory",
    "executor",
    "fetchFingerprint",
    "formatAddress",
    "generateCertificate",
    "listen",
    "loadCertificate",
    "parseFingerprint",
    "postTask",
    "reconnect",
    "renewCertificate",
    "selectCertificate",
    "setEngineMemory",
    "systemRoots",
    "transportErrors",
    "useKeys",
    "watchCertificates",
    "worthRetrying",
  ]);
});

test("the error codes callers switch on are pinned", () => {
  expect(transport.transportErrors.map(({ code }) => code).sort()).toEqual([
    "address-in-use",
    "address-invalid",
    "certificate-unreadable",
    "certificate-untrusted",
    "closed",
    "connection-lost",
    "connection-refused",
    "connection-reset",
    "early-data-rejected",
    "engine-crashed",
    "handler-failed",
    "handshake-failed",
    "handshake-timeout",
    "host-not-found",
    "http-violation",
    "idle-timeout",
    "key-mismatch",
    "key-unreadable",
    "limit-reached",
    "memory-short",
    "no-common-alpn",
    "option-invalid",
    "peer-closed",
    "peer-gone",
    "peer-protocol-error",
    "protocol-violation",
    "queue-full",
    "quic-version-mismatch",
    "server-refused",
    "session-rejected",
    "stream-reset",
    "stream-stopped",
    "unreachable",
    "webtransport-unsupported",
  ]);
});

test("an error carries its code, its sentence and its cause", () => {
  const cause = new Error("bind EADDRINUSE");
  const error = new transport.TransportError("address-in-use", { where: "[::]:4443" }, { cause });
  expect(error).toMatchObject({ name: "TransportError", code: "address-in-use", cause });
  expect(error.message).toBe("Another program already listens at [::]:4443. Stop it or choose another port.");
});
