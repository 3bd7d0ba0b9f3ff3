/**
 * The engine's typed face. One instance per thread serves all endpoints there; it does no I/O, reads no clock and starts
 * nothing by itself: the host feeds packets and time, and takes packets and events out.
 *
 * One turn: write packets to `rxView(i)` + `rx(i, …)`, `ingest(n, now)`, `timers(now)`, handle `events()` until 0,
 * `pump(now, budget)` and send each record, `releaseTx` each slot, sleep until `nextDeadline()`.
 *
 * What costs no call into the wasm: `timers` when nothing is due, `events` when there are none, `releaseTx`, `pumpPending`
 * and `nextDeadline`. A turn of a busy connection makes four: `ingest`, `events`, `pump` and, when the pump has caused some,
 * `events` again.
 */
import { type Glue, Layout, Status } from "./abi.ts";
import {
  checkedMemory,
  checkedStatus,
  concatenated,
  decodedEarlyData,
  decodedStats,
  encodedAlpn,
  encodedCertificates,
  encodedEndpointLimits,
  encodedTransport,
  encodedTrust,
} from "./encode.ts";
import { EngineError } from "./errors.ts";
import { EVENT_WORDS } from "./events.ts";
import { Instance } from "./instance.ts";
import type {
  ClientConfigOptions,
  ConnectionInfo,
  ConnectionStats,
  EndpointOptions,
  EngineOptions,
  MemoryStats,
  ServerConfigOptions,
} from "./options.ts";
import { SlotWatch } from "./slot-watch.ts";

/** Bit of a prepare answer: the bytes written are the last of the stream. */
export const PREPARED_FIN = 1 << 24;
/** Bit of a prepare answer: more bytes wait; without it (and FIN) the stream sleeps until `activate`. */
export const PREPARED_MORE = 1 << 25;

/** The answer of a prepare call. */
export function prepared(length: number, fin: boolean, more: boolean): number {
  return length | (fin ? PREPARED_FIN : 0) | (more ? PREPARED_MORE : 0);
}

/** The table index inside a handle (connections, streams, endpoints, timers): dense, reused, below 2^20. */
export function handleIndex(handle: number): number {
  return handle & 0xf_ffff;
}

/** A new instance with its own memory. Synchronous; throws `not-built` when the wasm is missing. */
export function createEngine(options: EngineOptions): Engine {
  return new Engine(options);
}

const checked = (status: number): number => checkedStatus(status, () => "");

/** One QUIC engine instance. Handles are positive integers; 0 is never one. */
export class Engine {
  /** All of the engine's memory. Its buffer never changes. Event pointers and prepare offsets index it. */
  readonly memory: Uint8Array;
  /** Event records, {@link EVENT_WORDS} words each; see events.ts. */
  readonly eventWords: Uint32Array;
  /** Where a datagram's payload is written before `sendDatagram`. */
  readonly datagramBuffer: Uint8Array;
  /** Packets one `ingest` takes at most. */
  readonly rxSlots: number;
  /** Packets that can be leased at once. */
  readonly txSlots: number;

  /** Calls into the wasm on the packet path so far, and on that of streams and datagrams. */
  calls = 0;

  readonly #instance: Instance;
  readonly #rxViews: Uint8Array[] = [];
  readonly #txViews: Uint8Array[] = [];
  readonly #rxRecords: Uint32Array;
  readonly #txRecords: Uint32Array;
  readonly #deadline: Float64Array;
  readonly #words: Uint32Array;
  readonly #returned: Uint32Array;
  readonly #marks: Uint8Array;
  readonly #slots: SlotWatch | undefined;

  constructor(options: EngineOptions) {
    const instance = new Instance(options);
    this.#instance = instance;
    const { buffer } = instance;
    const at = (index: number) => instance.at(index);
    const slotBytes = at(Layout.SLOT_BYTES);
    this.memory = new Uint8Array(buffer);
    this.rxSlots = at(Layout.RX_SLOTS);
    this.txSlots = at(Layout.TX_SLOTS);
    this.eventWords = new Uint32Array(buffer, at(Layout.EVENT_RECORDS), at(Layout.EVENT_SLOTS) * EVENT_WORDS);
    this.datagramBuffer = new Uint8Array(buffer, at(Layout.DATAGRAM), slotBytes);
    this.#rxRecords = new Uint32Array(buffer, at(Layout.RX_RECORDS), this.rxSlots * 4);
    this.#txRecords = new Uint32Array(buffer, at(Layout.TX_RECORDS), this.txSlots * 4);
    this.#deadline = new Float64Array(buffer, at(Layout.STATUS), 1);
    this.#words = new Uint32Array(buffer, at(Layout.STATUS), Status.WORDS);
    this.#returned = new Uint32Array(buffer, at(Layout.TX_RETURNED), this.txSlots);
    this.#marks = new Uint8Array(buffer, at(Layout.TX_MARKS), this.txSlots);
    for (let i = 0; i < this.rxSlots; i++) {
      this.#rxViews.push(new Uint8Array(buffer, at(Layout.RX_ARENA) + i * slotBytes, slotBytes));
    }
    for (const address of new Uint32Array(buffer, at(Layout.TX_ADDRESSES), this.txSlots)) {
      this.#txViews.push(new Uint8Array(buffer, address, slotBytes));
    }
    this.#slots = options.watchSlots ? new SlotWatch(this.#txViews) : undefined;
  }

  // --- Set-up calls: they may throw EngineError -----------------------------------------------------------------

  /** Throws certificate-invalid, key-invalid, key-mismatch, option-invalid. Free it with `freeConfig`. */
  addServerConfig(options: ServerConfigOptions): number {
    return this.#instance.setup((glue) =>
      glue.add_server_config(
        encodedCertificates(options),
        encodedAlpn(options.alpn),
        encodedTransport(options.transport),
        options.earlyData ?? false,
        options.keyLog ?? 0,
        options.trace ?? 0,
      ),
    );
  }

  /** Throws certificate-invalid (of a root), option-invalid. */
  addClientConfig(options: ClientConfigOptions): number {
    const { kind, material } = encodedTrust(options.trust);
    return this.#instance.setup((glue) =>
      glue.add_client_config(
        encodedAlpn(options.alpn),
        kind,
        concatenated(material),
        encodedTransport(options.transport),
        options.earlyData ?? false,
        options.keyLog ?? 0,
        options.trace ?? 0,
      ),
    );
  }

  /** Connections that use the configuration keep it. */
  freeConfig(config: number): void {
    this.#instance.setup((glue) => glue.free_config(config));
  }

  /** One endpoint per UDP socket. `serverConfig` -1: it only connects. */
  openEndpoint(serverConfig: number, options: EndpointOptions = {}): number {
    const limits = encodedEndpointLimits(options);
    return this.#instance.setup((glue) => glue.open_endpoint(serverConfig, limits));
  }

  /** Certificate hot reload: new connections use `serverConfig` (-1: none are accepted any more). */
  setServerConfig(endpoint: number, serverConfig: number): void {
    this.#instance.setup((glue) => glue.set_server_config(endpoint, serverConfig));
  }

  /**
   * Gives the endpoint up. Connections still open on it are closed with code 0: pump once more before closing the
   * socket if their CONNECTION_CLOSE shall leave. CLOSED and DRAINED follow for each.
   */
  closeEndpoint(endpoint: number, now: number): void {
    this.#instance.setup((glue) => glue.close_endpoint(endpoint, now));
  }

  /**
   * The index of a peer address, the same for the same address as long as it is remembered: for ever while a connection
   * uses it, and for at least 1024 further new addresses. A returned index may have been another address before.
   */
  internPeer(address: Uint8Array, port: number): number {
    const word = (i: number) =>
      (address[i]! << 24) | (address[i + 1]! << 16) | (address[i + 2]! << 8) | address[i + 3]!;
    const v4 = address.length === 4;
    if (!v4 && address.length !== 16) throw new EngineError("address-invalid");
    try {
      const { intern_peer } = this.#instance.wasm;
      const peer = v4
        ? intern_peer(4, word(0), 0, 0, 0, port)
        : intern_peer(6, word(0), word(4), word(8), word(12), port);
      return checked(peer);
    } catch (error) {
      return this.#instance.crash(error);
    }
  }

  /** Starts a handshake; CONNECTED or CLOSED follows. Streams may be opened before. Throws server-name-invalid, address-invalid, limit-reached. */
  connect(endpoint: number, clientConfig: number, peer: number, serverName: string, now: number): number {
    return this.#instance.setup((glue) => glue.connect(endpoint, clientConfig, peer, serverName, now));
  }

  /** Closes with a 62-bit code and reason bytes (cut to what one packet holds). CLOSED by LOCAL follows. */
  closeConnection(connection: number, codeHigh: number, codeLow: number, reason: Uint8Array, now: number): void {
    this.#instance.setup((glue) => glue.close_connection(connection, codeHigh, codeLow, reason, now));
  }

  connectionInfo(connection: number): ConnectionInfo {
    let info: Omit<ConnectionInfo, "peer"> | undefined;
    const peer = this.#instance.setup((glue) => {
      info = connectionInfo(glue, connection);
      return glue.connection_peer(connection);
    });
    return { peer, ...(info as Omit<ConnectionInfo, "peer">) };
  }

  /** Counters; of a connection that is over the last ones, until the `events` after its DRAINED. Throws stale-handle. */
  stats(connection: number): ConnectionStats {
    let numbers: Float64Array = new Float64Array();
    this.#instance.setup((glue) => {
      numbers = glue.connection_stats(connection);
      return numbers.length > 0 ? 0 : -1;
    });
    return decodedStats(numbers);
  }

  /**
   * Keying material of the TLS session (RFC 8446 section 7.5): the same `length` bytes, 1 to 8160, on both sides of a
   * connection. Throws stale-handle, and option-invalid before the handshake is done.
   */
  exportKeyingMaterial(connection: number, label: Uint8Array, context: Uint8Array, length: number): Uint8Array {
    let material: Uint8Array = new Uint8Array();
    this.#instance.setup((glue) => {
      material = glue.export_keying_material(connection, label, context, length);
      return material.length > 0 ? 0 : glue.connection_peer(connection);
    });
    if (material.length === 0) {
      throw new EngineError(
        "option-invalid",
        "keying material is there when the handshake is done, 8160 bytes at most.",
      );
    }
    return material;
  }

  /**
   * Encrypts from the next packet on with new keys (RFC 9001 section 6). Connections do so by themselves long before their
   * keys wear out; peers may at any time. Wait for an acknowledgement before the next time. Nothing before the handshake is done.
   */
  updateKeys(connection: number): void {
    this.#instance.setup((glue) => glue.update_keys(connection));
  }

  /** Asks for one DATAGRAM_ROOM event when fewer than `below` datagrams wait. A later call takes the place of this one. */
  awaitDatagramRoom(connection: number, below: number): void {
    this.#instance.setup((glue) => glue.await_datagram_room(connection, below));
  }

  /** Streams of `direction` (0 bidirectional, 1 unidirectional) the peer may have open, from now on. */
  setMaxStreams(connection: number, direction: 0 | 1, count: number): void {
    this.#instance.setup((glue) => glue.set_max_streams(connection, direction, count));
  }

  /** Unread bytes the peer may have under way on the whole connection, from now on. */
  setReceiveWindow(connection: number, bytes: number): void {
    this.#instance.setup((glue) => glue.set_receive_window(connection, bytes));
  }

  /** Bytes of the engine's memory in use. */
  memoryInUse(): number {
    return this.#instance.setup((glue) => glue.memory_in_use());
  }

  /** How full memory is, and what was done to keep to the budget. */
  memoryStats(): MemoryStats {
    let n: Float64Array = new Float64Array();
    const inUseBytes = this.#instance.setup((glue) => {
      n = glue.memory_stats();
      return glue.memory_in_use();
    });
    return {
      inUseBytes,
      budgetBytes: n[0]!,
      pressed: n[1] === 1,
      presses: n[2]!,
      closedConnections: n[3]!,
      droppedPackets: n[4]!,
      requests: n[5]!,
    };
  }

  /** Another budget, as the option `memoryBytes`; counts from the next packet on. Throws option-invalid. */
  setMemoryBytes(bytes: number): void {
    const checked = checkedMemory(bytes);
    this.#instance.setup((glue) => {
      glue.set_memory_budget(checked);
      return 0;
    });
  }

  // --- Receive --------------------------------------------------------------------------------------------------

  /** Where packet `slot` (0 … rxSlots - 1) of the next batch goes. */
  rxView(slot: number): Uint8Array {
    return this.#rxViews[slot]!;
  }

  /** Describes packet `slot` of the next batch. `ecn`: the two ECN bits, 0 where the backend cannot know. */
  rx(slot: number, lengthBytes: number, endpoint: number, peer: number, ecn: number): void {
    const records = this.#rxRecords;
    const at = slot * 4;
    records[at] = lengthBytes | (ecn << 16);
    records[at + 1] = endpoint;
    records[at + 2] = peer;
  }

  /** Takes the packets of slots 0 … count - 1; the slots are free again. */
  ingest(count: number, now: number): void {
    this.#slots?.verify(); // an answer without a connection is built while packets come in
    this.calls++;
    try {
      this.#instance.wasm.ingest(count, now);
    } catch (error) {
      this.#instance.crash(error);
    }
  }

  // --- Time -----------------------------------------------------------------------------------------------------

  /** Fires what is due (after `ingest`, before `events`). Returns {@link nextDeadline}. */
  timers(now: number): number {
    const next = this.nextDeadline();
    if (next < 0 || next > now) return next;
    this.calls++;
    try {
      this.#instance.wasm.timers(now);
    } catch (error) {
      this.#instance.crash(error);
    }
    return this.nextDeadline();
  }

  /** When `timers` wants to be called next, in µs; -1: never. May be early, never late. Ask it after the last `pump`. */
  nextDeadline(): number {
    this.#instance.check();
    return this.#deadline[0]!;
  }

  /** A one-shot application timer at `deadline` µs: a TIMER event comes from the first `timers` at or after it. */
  armTimer(deadline: number): number {
    this.calls++;
    try {
      return checked(this.#instance.wasm.arm_timer(deadline));
    } catch (error) {
      return this.#instance.crash(error);
    }
  }

  /** Returns false when it fired already or was cancelled. */
  cancelTimer(timer: number): boolean {
    this.calls++;
    try {
      return this.#instance.wasm.cancel_timer(timer) >= 0;
    } catch (error) {
      return this.#instance.crash(error);
    }
  }

  // --- Transmit -------------------------------------------------------------------------------------------------

  /**
   * Builds at most `budgetPackets` packets, asking `prepare` for stream bytes. Returns how many TX records to send now
   * (`txSlot(i)` …, i from 0); each slot stays leased until `releaseTx`.
   */
  pump(now: number, budgetPackets: number): number {
    this.#instance.throwPrepareError();
    this.#slots?.verify();
    this.calls++;
    try {
      const count = this.#instance.wasm.pump(now, budgetPackets);
      for (let i = 0; this.#slots !== undefined && i < count; i++) this.#slots.lease(this.txSlot(i));
      return count;
    } catch (error) {
      return this.#instance.crash(error);
    }
  }

  /** Why the last pump ended: 0 nothing left to send or blocked, 1 the budget, 2 no free TX slot. */
  pumpPending(): number {
    this.#instance.check();
    return this.#words[Status.PUMP_END]!;
  }

  txSlot(record: number): number {
    return this.#txRecords[record * 4]! & 0xffff;
  }

  txLength(record: number): number {
    return this.#txRecords[record * 4]! >>> 16;
  }

  txEndpoint(record: number): number {
    return this.#txRecords[record * 4 + 1]!;
  }

  txPeer(record: number): number {
    return this.#txRecords[record * 4 + 2]!;
  }

  /** Size of each packet when the slot holds several (GSO); 0 otherwise. */
  txSegmentBytes(record: number): number {
    return this.#txRecords[record * 4 + 3]! & 0xffff;
  }

  txEcn(record: number): number {
    return this.#txRecords[record * 4 + 3]! >>> 16;
  }

  /** The whole slot; the packet is its first `txLength` bytes. */
  txView(slot: number): Uint8Array {
    this.#slots?.check(slot);
    return this.#txViews[slot]!;
  }

  /** The kernel has copied the packet: the slot may be used again, from the next `ingest` or `pump` on. */
  releaseTx(slot: number): void {
    this.#instance.check();
    this.#slots?.release(slot);
    if (this.#marks[slot] !== 0) return; // released already, or no slot
    this.#marks[slot] = 1;
    this.#returned[this.#words[Status.RETURNED]!++] = slot;
  }

  // --- Events ---------------------------------------------------------------------------------------------------

  /**
   * Fills `eventWords` with up to 1024 records and returns how many; call again until 0. Engine calls are fine while
   * the records are handled; the bytes they point at live until the next call of `events` or `pump`.
   */
  events(): number {
    this.#instance.check();
    if (this.#words[Status.HAS_EVENTS] === 0) return 0;
    this.calls++;
    try {
      return this.#instance.wasm.events();
    } catch (error) {
      return this.#instance.crash(error);
    }
  }

  // --- Streams and datagrams: -1 means a stale handle -----------------------------------------------------------

  /**
   * A new outgoing stream (0 bidirectional, 1 unidirectional), asleep until `activate`. Never blocks: the id is taken at
   * its first `prepare`, and it waits in the engine for the peer's stream credit. Lowest key leaves first.
   * -1: stale connection, -6: the stream table is full.
   */
  openStream(connection: number, direction: 0 | 1, k3: number, k2: number, k1: number, k0: number): number {
    this.calls++;
    try {
      return this.#instance.wasm.open_stream(connection, direction, k3, k2, k1, k0);
    } catch (error) {
      return this.#instance.crash(error);
    }
  }

  /** Bytes (or the end) wait: prepare will be called when the stream's turn comes. */
  activate(stream: number): number {
    this.calls++;
    try {
      return this.#instance.wasm.activate(stream);
    } catch (error) {
      return this.#instance.crash(error);
    }
  }

  /** Moves the stream in the order; counts from the next packet on. */
  setKey(stream: number, k3: number, k2: number, k1: number, k0: number): number {
    this.calls++;
    try {
      return this.#instance.wasm.set_key(stream, k3, k2, k1, k0);
    } catch (error) {
      return this.#instance.crash(error);
    }
  }

  /** Abandons our sending side with a 62-bit code. Before its first byte this costs nothing on the wire. */
  reset(stream: number, codeHigh: number, codeLow: number): number {
    this.calls++;
    try {
      return this.#instance.wasm.reset(stream, codeHigh, codeLow);
    } catch (error) {
      return this.#instance.crash(error);
    }
  }

  /** Asks the peer to stop sending; no further DATA comes. */
  stop(stream: number, codeHigh: number, codeLow: number): number {
    this.calls++;
    try {
      return this.#instance.wasm.stop(stream, codeHigh, codeLow);
    } catch (error) {
      return this.#instance.crash(error);
    }
  }

  /** The consumer has taken this many bytes of DATA: as many more may be delivered. */
  credit(stream: number, bytes: number): number {
    this.calls++;
    try {
      return this.#instance.wasm.credit(stream, bytes);
    } catch (error) {
      return this.#instance.crash(error);
    }
  }

  /** The QUIC stream id; -1 before the first byte left or when stale. */
  streamId(stream: number): number {
    this.calls++;
    try {
      return this.#instance.wasm.stream_id(stream);
    } catch (error) {
      return this.#instance.crash(error);
    }
  }

  /**
   * Queues `length` bytes of `datagramBuffer`. `deadline` in µs, 0 for none. Returns how many wait with it; 0: it can
   * never fit and was dropped; -1: stale connection.
   */
  sendDatagram(
    connection: number,
    length: number,
    k3: number,
    k2: number,
    k1: number,
    k0: number,
    deadline: number,
  ): number {
    this.calls++;
    try {
      return this.#instance.wasm.send_datagram(connection, length, k3, k2, k1, k0, deadline);
    } catch (error) {
      return this.#instance.crash(error);
    }
  }

  /** Largest payload now; 0 when the peer takes none; -1 when stale. Changes with the path's MTU. */
  maxDatagramSize(connection: number): number {
    this.calls++;
    try {
      return this.#instance.wasm.max_datagram_size(connection);
    } catch (error) {
      return this.#instance.crash(error);
    }
  }
}

function connectionInfo(glue: Glue, connection: number): Omit<ConnectionInfo, "peer"> {
  return {
    alpn: glue.connection_alpn(connection),
    serverName: glue.connection_server_name(connection),
    side: glue.connection_side(connection) === 0 ? "client" : "server",
    resumed: glue.connection_resumed(connection) === 1,
    earlyData: decodedEarlyData(glue.connection_early_data(connection)),
  };
}
