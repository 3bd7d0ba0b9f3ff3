/** Subscribers of one track in a process of their own, so that all can be frozen at once. Prints how many bytes came, summed. */
import { RawClient, utf8 } from "./raw-client.ts";

const [port, name, count] = [Number(process.argv[2]), process.argv[3] as string, Number(process.argv[4])];
const window = 64 * 1024 * 1024;
const transport = { connectionReceiveWindow: window, streamReceiveWindow: window, maxUniStreams: 1000 };
const all: RawClient[] = [];
for (let i = 0; i < count; i++) {
  const client = await RawClient.open(port, { transport });
  client.subscribe([utf8(name)], utf8("track"));
  all.push(client);
}
setInterval(() => {
  const bytes = all.reduce((sum, { connection }) => sum + (connection.stats()?.receivedBytes ?? 0), 0);
  console.log(JSON.stringify({ bytes }));
}, 100);
