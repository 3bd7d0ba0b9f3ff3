/** Two engines in one process, passing packets by hand: the whole loop a host has to run. */
import { createEngine, type Engine, EVENT_WORDS, EventKind, prepared } from "@moqingbird/engine";
import { selfSigned } from "@moqingbird/testing";

const { chain, key, sha256 } = await selfSigned(["localhost"]);
const hello = new TextEncoder().encode("hello");
let now = 0; // microseconds; a real host reads performance.now()

/** Both addresses are made up: what counts is the number the engine gave them. */
const address = Uint8Array.of(127, 0, 0, 1);

const client = createEngine({
  prepare: (_connection, _stream, offset) => {
    client.memory.set(hello, offset); // a real host writes at most `max` bytes of this stream
    return prepared(hello.length, true, false);
  },
});
const server = createEngine({ prepare: () => prepared(0, false, false) });

const config = server.addServerConfig({ certificateChain: chain, privateKey: key, alpn: ["hello"] });
const serverSocket = server.openEndpoint(config);
const clientSocket = client.openEndpoint(-1);
const trusting = client.addClientConfig({ alpn: ["hello"], trust: { sha256: [sha256] } });
client.connect(clientSocket, trusting, client.internPeer(address, 4433), "localhost", now);

let received = "";

function handleEvents(engine: Engine): void {
  for (let count = engine.events(); count > 0; count = engine.events()) {
    for (let at = 0; at < count * EVENT_WORDS; at += EVENT_WORDS) {
      const [kind, , connection = 0, stream = 0, , , pointer = 0, length = 0] = engine.eventWords.subarray(at, at + 8);
      if (kind === EventKind.CONNECTED && engine === client) {
        client.activate(client.openStream(connection, 1, 0, 0, 0, 0));
      } else if (kind === EventKind.DATA) {
        received += new TextDecoder().decode(engine.memory.subarray(pointer, pointer + length));
        engine.credit(stream, length);
      }
    }
  }
}

/** One turn of `from`; its packets land in the receive slots of `to`. */
function turn(from: Engine, arrived: number, to: Engine, toSocket: number, fromPort: number): number {
  from.ingest(arrived, now);
  from.timers(now);
  handleEvents(from);
  const count = from.pump(now, 64);
  for (let i = 0; i < count; i++) {
    const slot = from.txSlot(i);
    to.rxView(i).set(from.txView(slot).subarray(0, from.txLength(i)));
    to.rx(i, from.txLength(i), toSocket, to.internPeer(address, fromPort), 0);
    from.releaseTx(slot);
  }
  return count;
}

let toClient = 0;
while (received === "") {
  const toServer = turn(client, toClient, server, serverSocket, 1111);
  toClient = turn(server, toServer, client, clientSocket, 4433);
  now += 1000;
}
console.log(`the server received "${received}"`);
