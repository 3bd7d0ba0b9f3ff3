/** Bundled for a page, never run: what a page imports of ours must not need Node. */
import { BroadcastProducer } from "@moqingbird/model";
import { connect, overWebTransport } from "@moqingbird/session";
import { connectWebSocket } from "@moqingbird/transport/browser";

export const parts = [BroadcastProducer, connect, overWebTransport, connectWebSocket];
