/**
 * The wasm module's own face (wasm/crates/abi), before it gets types: raw exports take and return numbers only, the
 * set-up calls go through wasm-bindgen. Both lists are pinned by a test. Only engine.ts calls these.
 */

/** Raw exports. A negative i32 is a status of `engineErrors`. */
export interface HotExports {
  ingest(count: number, now: number): number;
  timers(now: number): void;
  arm_timer(deadline: number): number;
  cancel_timer(timer: number): number;
  pump(now: number, budget: number): number;
  events(): number;
  intern_peer(family: number, w0: number, w1: number, w2: number, w3: number, port: number): number;
  open_stream(connection: number, direction: number, k3: number, k2: number, k1: number, k0: number): number;
  activate(stream: number): number;
  set_key(stream: number, k3: number, k2: number, k1: number, k0: number): number;
  reset(stream: number, high: number, low: number): number;
  stop(stream: number, high: number, low: number): number;
  credit(stream: number, bytes: number): number;
  stream_id(stream: number): number;
  send_datagram(
    connection: number,
    length: number,
    k3: number,
    k2: number,
    k1: number,
    k0: number,
    deadline: number,
  ): number;
  max_datagram_size(connection: number): number;
}

/** Set-up calls through wasm-bindgen. */
export interface SetupCalls {
  /** `limits`: connections, peers, bytes of memory. */
  start(
    nowMicros: number,
    wallMillis: number,
    seed: Uint8Array,
    keys: Uint8Array,
    limits: Uint32Array,
    crypto: number,
  ): number;
  layout(index: number): number;
  memory_in_use(): number;
  set_memory_budget(bytes: number): void;
  memory_stats(): Float64Array;
  last_error(): string;
  add_server_config(
    certificates: Uint8Array,
    alpn: Uint8Array,
    transport: Float64Array,
    earlyData: boolean,
    keyLog: number,
    trace: number,
  ): number;
  add_client_config(
    alpn: Uint8Array,
    trust: number,
    material: Uint8Array,
    transport: Float64Array,
    earlyData: boolean,
    keyLog: number,
    trace: number,
  ): number;
  free_config(config: number): number;
  /** `limits`: handshakes, connections, the same of one address; 0 for the default. */
  open_endpoint(serverConfig: number, limits: Uint32Array): number;
  set_server_config(endpoint: number, serverConfig: number): number;
  close_endpoint(endpoint: number, now: number): number;
  connect(endpoint: number, config: number, peer: number, serverName: string, now: number): number;
  close_connection(connection: number, high: number, low: number, reason: Uint8Array, now: number): number;
  connection_alpn(connection: number): string;
  connection_server_name(connection: number): string;
  connection_peer(connection: number): number;
  connection_side(connection: number): number;
  connection_resumed(connection: number): number;
  connection_early_data(connection: number): number;
  /** Empty when the handle is stale. */
  connection_stats(connection: number): Float64Array;
  /** Empty when there is none to be had; the sentence is in `last_error`. */
  export_keying_material(connection: number, label: Uint8Array, context: Uint8Array, length: number): Uint8Array;
  update_keys(connection: number): number;
  await_datagram_room(connection: number, below: number): number;
  set_max_streams(connection: number, direction: number, count: number): number;
  set_receive_window(connection: number, bytes: number): number;
}

/** What wasm-bindgen's `no-modules` output leaves behind: set-up calls, and the one that instantiates. */
export type Glue = SetupCalls & {
  initSync(input: { module: WebAssembly.Module }): HotExports & { readonly memory: WebAssembly.Memory };
};

/** The single import of our own beside wasm-bindgen's glue. */
export interface Host {
  prepare(connection: number, stream: number, offset: number, max: number): number;
}

/** 32-bit words of the status, after the f64 of the next deadline. Every call leaves them as they are after it. */
export const Status = {
  PUMP_END: 2,
  HAS_EVENTS: 3,
  /** Entries of TX_RETURNED; the one word that the host writes. */
  RETURNED: 4,
  WORDS: 5,
} as const;

/** Indices of `layout()`: where the arenas lie and how large they are. */
export const Layout = {
  RX_ARENA: 0,
  RX_RECORDS: 1,
  /** Table of the TX slots' addresses. */
  TX_ADDRESSES: 2,
  TX_RECORDS: 3,
  EVENT_RECORDS: 4,
  DATAGRAM: 5,
  RX_SLOTS: 6,
  TX_SLOTS: 7,
  SLOT_BYTES: 8,
  EVENT_SLOTS: 9,
  /** What a panic said: UTF-8 ended by a zero. */
  PANIC: 10,
  PANIC_BYTES: 11,
  STATUS: 12,
  /** Words, one per TX slot: those given back since the engine last took them. */
  TX_RETURNED: 13,
  /** A byte per TX slot: 1 while it is in that list. */
  TX_MARKS: 14,
} as const;
