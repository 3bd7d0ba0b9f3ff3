/** OpenSSL's client asks for names and protocols on the TCP port: which certificate it is shown, before and after a change. */
import { X509Certificate } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { createAuthority, writeCertificate } from "@moqingbird/testing";
import { listen, watchCertificates } from "@moqingbird/transport";
import { expect, onTestFinished } from "vitest";
import { type Lab, test } from "../../src/lab/lab.ts";

interface Shown {
  /** Serial number of the leaf, hexadecimal. */
  readonly serial: string;
  /** The protocol agreed on by ALPN. */
  readonly protocol: string;
}

/** What OpenSSL is shown when it asks for `name`. It checks the chain, and that the certificate is for `verified`. */
async function asked(lab: Lab, port: number, name: string, verified = name): Promise<Shown> {
  const question = ["-connect", `127.0.0.1:${port}`, "-servername", name, "-alpn", "h2,http/1.1"];
  const checks = ["-CAfile", lab.file("root.pem"), "-verify_hostname", verified, "-verify_return_error"];
  const args = ["s_client", ...question, ...checks];
  const client = lab.start({ name: "openssl", program: "openssl", args });
  client.stdin.end(); // it leaves when all is said
  expect(await client.exits()).toEqual({ code: 0, signal: null });
  const pem = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/.exec(client.text)?.[0] ?? "";
  const protocol = /^ALPN protocol: (.*)$/m.exec(client.text)?.[1] ?? "";
  return { serial: new X509Certificate(pem).serialNumber, protocol };
}

test("OpenSSL gets the certificate of the name it asks for, and the new one once the files have changed", async ({
  lab,
}) => {
  const authority = await createAuthority();
  await writeFile(lab.file("root.pem"), authority.root);
  const renew = async (...names: string[]) => {
    const folder = lab.file(names[0] as string);
    await mkdir(folder, { recursive: true });
    const certificate = await authority.issue(names);
    const files = await writeCertificate(folder, certificate);
    return { files, serial: new X509Certificate(certificate.chain).serialNumber };
  };
  const first = await renew("first.example");
  const second = await renew("second.example", "*.second.example");
  const certificate = await watchCertificates([first.files, second.files]);
  onTestFinished(() => certificate.close());
  const listener = await listen({
    host: "127.0.0.1",
    certificate,
    webSocket: true,
    fetch: () => new Response("ok\n"),
  });
  onTestFinished(() => listener.close());
  const { port } = listener.address;

  expect(await asked(lab, port, "first.example")).toEqual({ serial: first.serial, protocol: "http/1.1" });
  expect((await asked(lab, port, "second.example")).serial).toBe(second.serial);
  expect((await asked(lab, port, "deep.second.example")).serial).toBe(second.serial);
  expect((await asked(lab, port, "unknown.example", "first.example")).serial).toBe(first.serial);

  const renewed = await renew("second.example");
  expect(await certificate.reload()).toBe(true);
  expect((await asked(lab, port, "second.example")).serial).toBe(renewed.serial);
  expect((await asked(lab, port, "first.example")).serial).toBe(first.serial);
});
