import { ByteReader, ByteWriter, connect, generateCertificate, listen } from "@moqingbird/transport";

// A server with a protocol of its own, "upper/1": one request for each stream, the answer in capitals.
const certificate = await generateCertificate({ names: ["localhost"] });
const server = await listen({
  certificate,
  alpn: ["upper/1"],
  onConnection: (connection) => {
    connection.handler = {
      stream: (stream) => {
        const request = new ByteReader();
        if (stream.direction === "bidirectional") {
          const answer = new ByteWriter();
          stream.setSource(answer);
          void request.bytes().then((bytes) => {
            answer.write(new TextEncoder().encode(new TextDecoder().decode(bytes).toUpperCase()));
            answer.finish();
          });
        }
        return request;
      },
    };
  },
});

// A client that believes this certificate and no other.
const connection = await connect({
  host: "localhost",
  port: server.address.port,
  alpn: ["upper/1"],
  trust: { sha256: [certificate.sha256] },
});

async function ask(text: string): Promise<string> {
  const [request, answer] = [new ByteWriter(), new ByteReader()];
  connection.openBidirectional(request, answer);
  request.write(new TextEncoder().encode(text));
  request.finish();
  return new TextDecoder().decode(await answer.bytes());
}

// All three are under way at the same time: no stream waits for another.
console.log(await Promise.all(["one", "two", "three"].map(ask)));
connection.close();
await server.close();
