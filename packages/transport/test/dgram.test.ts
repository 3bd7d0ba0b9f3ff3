import { createSocket } from "node:dgram";
import { afterEach, expect, test, vi } from "vitest";
import type { TransportError } from "../src/errors.ts";
import type { UdpBackend, UdpOptions, UdpOwner } from "../src/udp/backend.ts";
import { openDgram } from "../src/udp/dgram.ts";

class Recorder implements UdpOwner {
  readonly packets: string[] = [];
  readonly free: number[] = [];
  refusals = 0;
  unreachables = 0;
  onEvent: () => void = () => {};
  received(packet: Uint8Array): void {
    this.packets.push(Buffer.from(packet).toString());
    this.onEvent();
  }
  released(slot: number): void {
    this.free.push(slot);
  }
  refused(): void {
    this.refusals++;
    this.onEvent();
  }
  unreachable(): void {
    this.unreachables++;
    this.onEvent();
  }
  async until(done: () => boolean): Promise<void> {
    while (!done()) await new Promise<void>((resolve) => (this.onEvent = resolve));
  }
}

const open: UdpBackend[] = [];
const bytes = (text: string) => new TextEncoder().encode(text);

async function socket(options: Partial<UdpOptions> = {}): Promise<{ backend: UdpBackend; owner: Recorder }> {
  const owner = new Recorder();
  const backend = await openDgram({ port: 0, bufferBytes: 262_144, ...options }, owner);
  open.push(backend);
  return { backend, owner };
}

afterEach(async () => {
  vi.restoreAllMocks();
  await Promise.all(open.splice(0).map((backend) => backend.close()));
});

test("packets of both families arrive at a socket bound to all addresses, and their slots are free at once", async () => {
  const server = await socket();
  const { port } = server.backend.local;
  const clients = await Promise.all(["127.0.0.1", "::1"].map((address) => socket({ peer: { address, port } })));
  clients.forEach(({ backend }, i) => {
    backend.push(7 + i, bytes(`client ${i}`), "", 0, 0);
    expect(backend.flush()).toBe(true);
  });
  expect(clients.map(({ owner }) => owner.free)).toEqual([[7], [8]]);
  await server.owner.until(() => server.owner.packets.length === 2);
  expect(server.owner.packets.sort()).toEqual(["client 0", "client 1"]);
});

test("an unconnected socket sends without waiting for a name look-up", async () => {
  const to = await socket({ address: "127.0.0.1" });
  const from = await socket({ address: "127.0.0.1" });
  for (let slot = 0; slot < 20; slot++) from.backend.push(slot, bytes("x"), "127.0.0.1", to.backend.local.port, 0);
  expect(from.owner.free).toHaveLength(20);
  await to.owner.until(() => to.owner.packets.length === 20);
});

test("slots stay leased, in order, while libuv holds their packets", async () => {
  const to = await socket({ address: "127.0.0.1" });
  const from = await socket({ address: "127.0.0.1" });
  const held = vi.spyOn(Object.getPrototypeOf(createSocket("udp4").unref()), "getSendQueueCount");
  const send = (slot: number) => from.backend.push(slot, bytes("x"), "127.0.0.1", to.backend.local.port, 0);
  held.mockReturnValue(1);
  send(1);
  held.mockReturnValue(2);
  send(2);
  expect(from.owner.free).toEqual([]);
  expect(from.backend.flush()).toBe(false);
  held.mockReturnValue(1);
  expect(from.backend.flush()).toBe(false);
  expect(from.owner.free).toEqual([1]);
  send(3); // behind another packet: leased even if the count should fall meanwhile
  held.mockReturnValue(0);
  expect(from.backend.flush()).toBe(true);
  expect(from.owner.free).toEqual([1, 2, 3]);
});

test("without a send queue count, as in Deno, callbacks free the slots", async () => {
  const prototype = Object.getPrototypeOf(createSocket("udp4").unref());
  const { getSendQueueCount } = prototype;
  prototype.getSendQueueCount = undefined;
  try {
    const to = await socket({ address: "127.0.0.1" });
    const from = await socket({ address: "127.0.0.1" });
    for (const slot of [4, 5, 6]) from.backend.push(slot, bytes("x"), "127.0.0.1", to.backend.local.port, 0);
    expect(from.owner.free).toEqual([]);
    expect(from.backend.flush()).toBe(false);
    await to.owner.until(() => to.owner.packets.length === 3);
    expect(from.owner.free).toEqual([4, 5, 6]);
    expect(from.backend.flush()).toBe(true);
  } finally {
    prototype.getSendQueueCount = getSendQueueCount;
  }
});

test("a connected socket hears that nothing listens there", async () => {
  const probe = await socket({ address: "127.0.0.1" });
  const { port } = probe.backend.local;
  await probe.backend.close();
  const { backend, owner } = await socket({ peer: { address: "127.0.0.1", port } });
  backend.push(0, bytes("anybody?"), "", 0, 0);
  backend.push(1, bytes("anybody?"), "", 0, 0);
  await owner.until(() => owner.refusals > 0);
});

test("a port in use is address-in-use and names the address", async () => {
  const { backend } = await socket({ address: "127.0.0.1" });
  const { port } = backend.local;
  const error = await socket({ address: "127.0.0.1", port }).catch((error: TransportError) => error);
  expect(error).toMatchObject({ code: "address-in-use" });
  expect((error as Error).message).toBe(
    `Another program already listens at 127.0.0.1:${port}. Stop it or choose another port.`,
  );
});

const sharesPorts = process.platform === "linux" && Number(process.versions.node.split(".")[0]) >= 24;
test.runIf(sharesPorts)("several sockets may share a port if all ask for it", async () => {
  const first = await socket({ address: "127.0.0.1", reusePort: true });
  const { port } = first.backend.local;
  const second = await socket({ address: "127.0.0.1", port, reusePort: true });
  expect(second.backend.local.port).toBe(port);
  await expect(socket({ address: "127.0.0.1", port })).rejects.toMatchObject({ code: "address-in-use" });
});

test("an address of another host cannot be bound", async () => {
  await expect(socket({ address: "192.0.2.1" })).rejects.toMatchObject({
    code: "address-invalid",
    message: "Cannot use the address 192.0.2.1:0: this host has no such address.",
  });
});

test("a host without IPv6 falls back to 0.0.0.0", async () => {
  const prototype = Object.getPrototypeOf(createSocket("udp4").unref());
  const bind = prototype.bind;
  vi.spyOn(prototype, "bind").mockImplementation(function (this: { emit(name: string, error: Error): void }, ...args) {
    const [options] = args as [{ address: string }];
    if (options.address !== "::") return bind.apply(this, args);
    process.nextTick(() => this.emit("error", Object.assign(new Error("bind EAFNOSUPPORT"), { code: "EAFNOSUPPORT" })));
  });
  const { backend } = await socket();
  expect(backend.local.address).toBe("0.0.0.0");
});

test("socket buffers tell what was asked for and what the kernel granted", async () => {
  const { backend } = await socket({ bufferBytes: 131_072 });
  expect(backend.buffers.receive.asked).toBe(131_072);
  expect(backend.buffers.receive.granted).toBeGreaterThanOrEqual(65_536);
  expect(backend.buffers.send.granted).toBeGreaterThanOrEqual(65_536);
});

test("a packet for a closed socket only frees its slot", async () => {
  const { backend, owner } = await socket();
  await backend.close();
  await backend.close();
  backend.push(3, bytes("late"), "127.0.0.1", 9, 0);
  expect(owner.free).toEqual([3]);
});
