/** Watches one broadcast: a session with the relay, fragmented MP4 from there into a video element. */
import { TrackNamespace } from "@moqingbird/model";
import type { Session } from "@moqingbird/session";
import { readCatalog } from "./catalog.ts";
import { dial } from "./dial.ts";
import { Player } from "./player.ts";

const wanted = new URLSearchParams(location.search);
const broadcast = wanted.get("broadcast") ?? "demo";
const relay = new URL(wanted.get("relay") ?? "/", `https://${location.host}/`);

element("broadcast").textContent = broadcast;
try {
  const session = await dial(relay);
  say("Connected");
  await Promise.race([watch(session), session.closed.then(({ reason }) => Promise.reject(new Error(reason)))]);
  say("The broadcast ended.");
} catch (error) {
  say(error instanceof Error ? error.message : String(error));
}

async function watch(session: Session): Promise<void> {
  const remote = session.consume(TrackNamespace.parse(broadcast));
  const catalog = readCatalog(await first(remote, ".catalog"));
  const init = await first(remote, catalog.initTrack);
  const player = await Player.open(
    element("picture") as HTMLVideoElement,
    catalog.tracks.map(({ codec }) => codec),
    init,
  );
  await Promise.race([
    Promise.all(catalog.tracks.map(({ name }, at) => play(remote, name, (fragment) => player.push(fragment, at)))),
    player.failed,
  ]);
}

async function play(
  remote: ReturnType<Session["consume"]>,
  track: string,
  push: (fragment: Uint8Array) => void,
): Promise<void> {
  let fragments = 0;
  for await (const { payload, group } of remote.track(track).objects()) {
    push(payload);
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
