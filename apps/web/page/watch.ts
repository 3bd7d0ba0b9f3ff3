/** Watches one broadcast: WebTransport of the browser, our session on it, fragmented MP4 into a video element. */
import { TrackNamespace } from "@moqingbird/model";
import { connect, overWebTransport, type Session } from "@moqingbird/session";
import { readCatalog } from "./catalog.ts";
import { Player } from "./player.ts";

const wanted = new URLSearchParams(location.search);
const broadcast = wanted.get("broadcast") ?? "demo";
const relay = new URL(wanted.get("relay") ?? "/", `https://${location.host}/`);

element("broadcast").textContent = broadcast;
try {
  const session = await open();
  say("Connected");
  await Promise.race([watch(session), session.closed.then(({ reason }) => Promise.reject(new Error(reason)))]);
  say("The broadcast ended.");
} catch (error) {
  say(error instanceof Error ? error.message : String(error));
}

async function open(): Promise<Session> {
  const hash = await pinned();
  const options = hash === undefined ? {} : { serverCertificateHashes: [{ algorithm: "sha-256", value: hash }] };
  return connect(await overWebTransport(new WebTransport(relay, options)));
}

/** The fingerprint that the server of this page tells; undefined where it tells none, and authorities are asked. */
async function pinned(): Promise<Uint8Array<ArrayBuffer> | undefined> {
  const response = await fetch("/certificate.sha256");
  const digits = (await response.text()).trim();
  if (!response.ok || !/^[0-9a-f]{64}$/.test(digits)) return undefined;
  return Uint8Array.from({ length: 32 }, (_, i) => Number.parseInt(digits.slice(2 * i, 2 * i + 2), 16));
}

async function watch(session: Session): Promise<void> {
  const remote = session.consume(TrackNamespace.parse(broadcast));
  const catalog = readCatalog(await first(remote, ".catalog"));
  const init = await first(remote, catalog.initTrack);
  const player = await Player.open(
    element("picture") as HTMLVideoElement,
    catalog.tracks.map(({ codec }) => codec),
  );
  player.push(init);
  await Promise.all(catalog.tracks.map(({ name }) => play(remote, name, player)));
}

async function play(remote: ReturnType<Session["consume"]>, track: string, player: Player): Promise<void> {
  let fragments = 0;
  for await (const { payload, group } of remote.track(track).objects()) {
    player.push(payload);
    say(`Track ${track}: group ${group}, ${++fragments} fragments`);
  }
}

async function first(remote: ReturnType<Session["consume"]>, track: string): Promise<Uint8Array> {
  for await (const { payload } of remote.track(track).objects()) return payload;
  throw new Error(`Track ${track} of the broadcast is empty.`);
}

function say(text: string): void {
  element("status").textContent = text;
}

function element(id: string): HTMLElement {
  return document.getElementById(id) as HTMLElement;
}
