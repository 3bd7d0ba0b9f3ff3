/** Compiled, never run: our declarations beside those of browsers (lib.dom), and the class in the place of theirs. */
import { listen, WebTransport as Ours } from "@moqingbird/transport";

globalThis.WebTransport = Ours;
const session: WebTransport = new Ours("https://localhost/");
export const readers = [session.datagrams.readable.getReader(), session.incomingUnidirectionalStreams.getReader()];
export const serve = listen;
