import { BroadcastProducer, TrackNamespace } from "@moqingbird/model";
import { start } from "@moqingbird/relay";
import { connect, protocolsOf } from "@moqingbird/session";
import { connect as dial, generateCertificate } from "@moqingbird/transport";

// A relay on a free UDP port; its clients trust its fresh certificate by fingerprint.
const certificate = await generateCertificate({ names: ["localhost"] });
const relay = await start({ host: "127.0.0.1", port: 0, certificate });
const trust = { sha256: [certificate.sha256] };
const join = async () => connect(await dial({ ...relay.address, host: "localhost", alpn: protocolsOf(), trust }));

// A publisher: a broadcast, a track in it, a group in that, an object in that.
const lounge = TrackNamespace.of("radio", "lounge");
const broadcast = new BroadcastProducer();
const notes = broadcast.createTrack("notes").appendGroup().subgroup(0);
notes.writeObject(new TextEncoder().encode("Hello over QUIC"));
const publisher = await join();
await publisher.publish(lounge, broadcast.consume()).ready;

// A viewer who comes later and starts with the newest group.
const viewer = await join();
for await (const { payload } of viewer.consume(lounge).track("notes").objects()) {
  console.log(new TextDecoder().decode(payload));
  break;
}
await relay.close();
