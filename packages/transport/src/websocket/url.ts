/** URLs of WebSockets, of browsers too: `https:` and `http:` name the same servers. */
import { TransportError } from "../errors.ts";

const schemes: Readonly<Record<string, string>> = { "wss:": "wss:", "https:": "wss:", "ws:": "ws:", "http:": "ws:" };

/** The `wss:` or `ws:` form of a URL, without its fragment. Errors: `option-invalid`. */
export function webSocketUrl(url: string | URL): URL {
  let target: URL;
  try {
    target = new URL(url);
  } catch {
    throw new TransportError("option-invalid", { option: "url", detail: `${JSON.stringify(String(url))} is no URL` });
  }
  const scheme = schemes[target.protocol];
  if (scheme === undefined) {
    const detail = `it begins with ${target.protocol}; wss:, ws:, https: and http: are taken`;
    throw new TransportError("option-invalid", { option: "url", detail });
  }
  const form = new URL(target);
  form.protocol = scheme;
  form.hash = "";
  return form;
}
