import { BroadcastProducer, TrackNamespace } from "@moqingbird/model";
import { accept, connect, protocolsOf } from "@moqingbird/session";
import { connect as dial, generateCertificate, listen } from "@moqingbird/transport";

const clock = TrackNamespace.of("example", "clock");

// A server that publishes a clock to whoever connects. Its track is made when somebody asks for it.
const broadcast = new BroadcastProducer();
broadcast.onTrackRequest = (request) => {
  if (request.name.toString() !== "seconds") return request.reject(0x4, "there are only seconds");
  const track = request.accept();
  const group = track.appendGroup();
  for (const time of ["12:00:00", "12:00:01", "12:00:02"]) group.writeObject(new TextEncoder().encode(time));
  group.finish();
  track.finish();
};
const certificate = await generateCertificate({ names: ["localhost"] });
const listener = await listen({
  certificate,
  alpn: protocolsOf(),
  onConnection: async (connection) => {
    const session = await accept(connection);
    session.publish(clock, broadcast.consume());
  },
});

// A client that subscribes to the track by its full name, announced or not.
const connection = await dial({
  host: "localhost",
  port: listener.address.port,
  alpn: protocolsOf(),
  trust: { sha256: [certificate.sha256] },
});
const session = await connect(connection);
console.log(`${session.version} with ${session.peer.implementation}`);

const seconds = session.subscribe(clock, "seconds");
for await (const object of seconds.objects({ timeoutMs: 5000 })) {
  console.log(`group ${object.group} object ${object.id}: ${new TextDecoder().decode(object.payload)}`);
}
seconds.close();

await session.close();
await listener.close();
