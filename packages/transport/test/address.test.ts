import { lookup } from "node:dns/promises";
import { expect, test, vi } from "vitest";
import { addressBytes, checkPort, formatAddress, resolveHost, unmapAddress } from "../src/address.ts";
import { codeOf, highWord, lowWord, maxErrorCode } from "../src/error-code.ts";

vi.mock("node:dns/promises", { spy: true });

const hex = (text: string) => {
  const bytes = addressBytes(text);
  return bytes && Buffer.from(bytes).toString("hex");
};

test("IP literals become 4 or 16 bytes", () => {
  expect(hex("127.0.0.1")).toBe("7f000001");
  expect(hex("::1")).toBe(`${"0".repeat(31)}1`);
  expect(hex("::")).toBe("0".repeat(32));
  expect(hex("2001:db8::ff00:42:8329")).toBe("20010db8000000000000ff0000428329");
  expect(hex("1:2:3:4:5:6:7:8")).toBe("00010002000300040005000600070008");
  expect(hex("fe80::1%eth0")).toBe("fe800000000000000000000000000001");
  expect(hex("::ffff:10.0.0.1")).toBe("00000000000000000000ffff0a000001");
  expect(hex("example.org")).toBeUndefined();
  expect(hex("1.2.3")).toBeUndefined();
});

test("addresses are spelled as in URLs, and mapped ones as IPv4", () => {
  expect(formatAddress("::1", 443)).toBe("[::1]:443");
  expect(formatAddress("relay.test", 443)).toBe("relay.test:443");
  expect(unmapAddress("::ffff:10.0.0.1")).toBe("10.0.0.1");
  expect(unmapAddress("::1")).toBe("::1");
});

test("ports outside the range are refused with the range", () => {
  expect(() => checkPort(65_536, "host", 0)).toThrow("a port is a whole number from 0 to 65535");
  expect(() => checkPort(0, "host", 1)).toThrow("Cannot use the address host:0");
  expect(() => checkPort(1.5, "host", 0)).toThrow();
  expect(() => checkPort(65_535, "host", 1)).not.toThrow();
});

test("a literal is its own answer, with or without brackets", async () => {
  expect(await resolveHost("[::1]")).toEqual(["::1"]);
  expect(await resolveHost("192.0.2.7")).toEqual(["192.0.2.7"]);
});

test("families alternate in the order they are tried", async () => {
  vi.mocked(lookup).mockResolvedValueOnce([
    { address: "2001:db8::1", family: 6 },
    { address: "2001:db8::2", family: 6 },
    { address: "192.0.2.1", family: 4 },
  ] as never);
  expect(await resolveHost("both.test")).toEqual(["2001:db8::1", "192.0.2.1", "2001:db8::2"]);
});

test("an unknown host name is host-not-found", async () => {
  vi.mocked(lookup).mockRejectedValueOnce(Object.assign(new Error("getaddrinfo ENOTFOUND"), { code: "ENOTFOUND" }));
  await expect(resolveHost("no-such-host.invalid")).rejects.toMatchObject({
    code: "host-not-found",
    message:
      "The host name no-such-host.invalid has no address (the resolver knows no such name). " +
      "Check its spelling and the name server.",
  });
});

test("error codes cross in two words up to 2^62 - 1", () => {
  for (const code of [0n, 1n, 0xffff_ffffn, 0x1_0000_0000n, 0x1234_5678_9abc_def0n, maxErrorCode]) {
    expect(codeOf(highWord(code), lowWord(code))).toBe(code);
  }
  expect(codeOf(highWord(2 ** 40 + 7), lowWord(2 ** 40 + 7))).toBe(2n ** 40n + 7n);
  for (const code of [-1, 1.5, 2 ** 53, -1n, maxErrorCode + 1n]) expect(() => highWord(code)).toThrow("2^62 - 1");
});
