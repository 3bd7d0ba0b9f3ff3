/** What `moqb relay` shows its clients: certificates of files, or one made for clients that pin it. */
import { type CertificateSource, renewCertificate, watchCertificates } from "@moqingbird/transport";
import type { Surroundings } from "./command.ts";
import { Failure } from "./failure.ts";

export interface CertificateValues {
  readonly tlsCert: readonly string[];
  readonly tlsKey: readonly string[];
  readonly tlsGenerate: readonly string[];
}

/** The certificates that the flags ask for; `onError` is told when new ones cannot be used. */
export async function relayCertificates(
  { tlsCert: chains, tlsKey: keys, tlsGenerate: names }: CertificateValues,
  { onReload }: Pick<Surroundings, "onReload">,
  onError: (error: unknown) => void,
): Promise<CertificateSource & Disposable> {
  if (names.length > 0) {
    if (chains.length > 0 || keys.length > 0) {
      throw new Failure("usage", "--tls-generate and --tls-cert exclude each other; give one of them");
    }
    return renewCertificate({ names, onError });
  }
  if (chains.length === 0 && keys.length === 0) {
    throw new Failure(
      "usage",
      "a relay needs a certificate; give --tls-cert FILE and --tls-key FILE, or --tls-generate NAME for a test",
    );
  }
  if (chains.length !== keys.length) {
    const [given, missing] = keys.length < chains.length ? ["--tls-cert", "--tls-key"] : ["--tls-key", "--tls-cert"];
    throw new Failure("usage", `${given} comes without ${missing}; give both`);
  }
  const files = chains.map((chain, index) => ({ chain, key: keys[index] as string }));
  const watched = await watchCertificates(files, { onError });
  const unhook = onReload?.(() => void watched.reload().catch(onError));
  return {
    get certificates() {
      return watched.certificates;
    },
    subscribe: (changed) => watched.subscribe(changed),
    [Symbol.dispose]: () => {
      unhook?.();
      watched.close();
    },
  };
}
