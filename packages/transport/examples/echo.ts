import { ByteReader, ByteWriter, connect, generateCertificate, listen } from "@moqingbird/transport";

// A server that sends every stream back to where it came from.
const certificate = await generateCertificate({ names: ["localhost"] });
const listener = await listen({
  certificate,
  alpn: ["echo"],
  onConnection: (connection) => {
    connection.handler = {
      stream: (stream) => {
        const reader = new ByteReader();
        if (stream.direction === "bidirectional") {
          const writer = new ByteWriter();
          stream.setSource(writer);
          copy(reader, writer).catch((error) => console.error(error.message));
        }
        return reader;
      },
    };
  },
});

async function copy(reader: ByteReader, writer: ByteWriter): Promise<void> {
  for await (const chunk of reader) if (!writer.write(chunk)) await writer.drained();
  writer.finish();
}

// A client that trusts exactly this certificate.
const connection = await connect({
  host: "localhost",
  port: listener.address.port,
  alpn: ["echo"],
  trust: { sha256: [certificate.sha256] },
});
const writer = new ByteWriter();
const reader = new ByteReader();
connection.openBidirectional(writer, reader);
writer.write(new TextEncoder().encode("hello over QUIC"));
writer.finish();
console.log(new TextDecoder().decode(await reader.bytes()));

connection.close({ reason: "done" });
await listener.close();
