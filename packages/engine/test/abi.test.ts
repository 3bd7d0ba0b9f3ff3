import { beforeAll, expect, test } from "vitest";
import { compiledModule } from "../src/loader.ts";
import { type Certificates, connected, createCertificates } from "./connected.ts";
import { seededBytes, seededEntropy } from "./random.ts";

let certificates: Certificates;
beforeAll(async () => {
  certificates = await createCertificates();
});

/** Without the hash that wasm-bindgen appends. */
const bare = (name: string) => name.replace(/^__wbg_/, "").replace(/_[0-9a-f]{16}$/, "");

/** Our one import, and what wasm-bindgen, getrandom and web-time bring: clock, entropy and object helpers. */
const imports = [
  "__wbindgen_generic",
  "__wbindgen_init_externref_table",
  "__wbindgen_is_function",
  "__wbindgen_is_object",
  "__wbindgen_is_string",
  "__wbindgen_is_undefined",
  "__wbindgen_throw",
  "call",
  "crypto",
  "getRandomValues",
  "length",
  "msCrypto",
  "new_with_length",
  "node",
  "now",
  "performance",
  "prepare",
  "process",
  "prototypesetcall",
  "randomFillSync",
  "require",
  "static_accessor_GLOBAL",
  "static_accessor_GLOBAL_THIS",
  "static_accessor_SELF",
  "static_accessor_WINDOW",
  "subarray",
  "versions",
];

const hotExports =
  "activate arm_timer cancel_timer credit events ingest intern_peer max_datagram_size open_stream pump " +
  "reset send_datagram set_key stop stream_id timers";
const setupExports =
  "add_client_config add_server_config await_datagram_room close_connection close_endpoint connect connection_alpn connection_early_data connection_peer " +
  "connection_resumed connection_server_name connection_side connection_stats export_keying_material free_config last_error layout memory_in_use memory_stats open_endpoint " +
  "set_max_streams set_memory_budget set_receive_window set_server_config start update_keys";

test("the wasm imports nothing but prepare and its crates' glue", () => {
  const found = WebAssembly.Module.imports(compiledModule());
  expect([...new Set(found.map(({ name }) => bare(name)))].sort()).toEqual([...imports].sort());
  expect(new Set(found.map(({ module }) => module))).toEqual(new Set(["./engine_bg.js"]));
});

test("the wasm exports the calls of the ABI and no others", () => {
  const names = WebAssembly.Module.exports(compiledModule()).map(({ name }) => name);
  const ours = names.filter((name) => name !== "memory" && !name.startsWith("__") && !name.startsWith("ring_core"));
  expect(ours.sort()).toEqual(`${hotExports} ${setupExports}`.split(" ").sort());
});

test("after the handshake neither clock nor entropy is read", () => {
  let reads = 0;
  const { network, near } = connected(certificates, {
    wrapClock: (clock) => ({
      micros: () => {
        reads++;
        return clock.micros();
      },
      wallMillis: () => {
        reads++;
        return clock.wallMillis();
      },
    }),
    wrapEntropy: (seed) => {
      const entropy = seededEntropy(seed);
      return (target) => {
        reads++;
        entropy(target);
      };
    },
  });
  expect(reads).toBeGreaterThan(0);
  reads = 0;
  for (let i = 0; i < 20; i++) network.client.open(near, i % 2 === 0 ? 0 : 1, seededBytes(50_000, i));
  network.run(() => [...network.server.received.values()].filter((received) => received.finished).length === 20);
  network.pass(30_000);
  expect(reads).toBe(0);
});
