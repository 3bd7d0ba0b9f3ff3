import { X509Certificate } from "node:crypto";
import { createAuthority, selfSigned } from "@moqingbird/testing";
import { expect, test } from "vitest";

test("an issued leaf is signed by its authority, names its hosts and is no authority itself", async () => {
  const authority = await createAuthority();
  const root = new X509Certificate(authority.root);
  const leaf = new X509Certificate((await authority.issue(["relay.test", "127.0.0.1"])).chain);
  expect(leaf.checkIssued(root)).toBe(true);
  expect(leaf.verify(root.publicKey)).toBe(true);
  expect(leaf.checkHost("relay.test")).toBe("relay.test");
  expect(leaf.checkIP("127.0.0.1")).toBe("127.0.0.1");
  expect([root.ca, leaf.ca]).toEqual([true, false]);
});

test("a self-signed leaf has the fingerprint that is told and its own key", async () => {
  const certificate = await selfSigned();
  const leaf = new X509Certificate(certificate.chain);
  expect(leaf.fingerprint256.replaceAll(":", "").toLowerCase()).toBe(Buffer.from(certificate.sha256).toString("hex"));
  expect(leaf.verify(leaf.publicKey)).toBe(true);
  expect(leaf.ca).toBe(false);
});
