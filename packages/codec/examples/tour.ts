import { ControlDecoder, draft14, noExtensions, objectStatus, Writer } from "@moqingbird/codec";

// A control message, there and back.
const name = new TextEncoder();
const writer = new Writer();
draft14.encodeControl(writer, {
  type: "subscribe",
  requestId: 0,
  namespace: [name.encode("moq"), name.encode("chat")],
  trackName: name.encode("camera"),
  subscriberPriority: 128,
  groupOrder: "descending",
  forward: true,
  filter: { type: "largestObject" },
  parameters: {},
});
const control = new ControlDecoder(draft14);
control.push(writer.view(), 0, writer.length, (message) => console.log(`control: ${message.type}`));

// A subgroup stream: a header, then one object.
const payload = name.encode("hello");
const object = { id: 0, sizeBytes: payload.length, status: objectStatus.normal, extensions: noExtensions };
const header = { trackAlias: 7, group: 4, subgroup: 0, publisherPriority: 128, hasExtensions: false, endOfGroup: true };
const stream = new Uint8Array(64);
let length = draft14.encodeSubgroupHeader(stream, 0, stream.length, header);
length += draft14.encodeObjectHeader(stream, length, stream.length, -1, header.hasExtensions, object);
stream.set(payload, length);
length += payload.length;

// The same stream as a receiver sees it, in chunks of any size.
const decoder = draft14.createDataStreamDecoder();
for (let at = 0; at < length; at += 3) {
  decoder.push(stream, at, Math.min(length, at + 3), {
    subgroup: ({ trackAlias, group }) => console.log(`subgroup of track ${trackAlias}, group ${group}`),
    object: ({ id, sizeBytes }) => console.log(`object ${id} of ${sizeBytes} bytes`),
    fetch() {},
    fetchObject() {},
    payload: (bytes, start, end) => console.log(`payload: ${new TextDecoder().decode(bytes.subarray(start, end))}`),
  });
}
decoder.finish();
