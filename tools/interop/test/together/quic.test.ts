/** Our transport against quic-go and quiche on raw QUIC, either side being the server: codes, datagrams, endings, ciphers. */
import {
  ByteReader,
  ByteWriter,
  type Connection,
  type EarlyConnection,
  type TransportError,
} from "@moqingbird/transport";
import { describe, expect } from "vitest";
import { test } from "../../src/lab/lab.ts";
import {
  connectTo,
  echoed,
  meet,
  order,
  quicGo,
  quiche,
  type Role,
  startClient,
  startListening,
  startServer,
} from "../../src/quic/meeting.ts";

const roles: readonly Role[] = ["client", "server"];
/** The largest code a QUIC varint holds. */
const maxCode = 2n ** 62n - 1n;
/** The largest that quiche's Node package can send, and can tell of a close. */
const quicheMaxCode = 2n ** 32n - 1n;
/** RFC 9001 section 4.8 and RFC 8446 section 6: CRYPTO_ERROR with the alert no_application_protocol. */
const noApplicationProtocol = 0x100 + 120;

/** Ends a connection when it has brought its tickets, which follow the handshake. */
async function tickets(connection: Connection): Promise<void> {
  expect(await echoed(connection, Buffer.from("up"))).toEqual(Buffer.from("up"));
  connection.close();
  await connection.closed;
}

const codeOf = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => "no error",
    (error: TransportError) => `${error.code}: ${error.message}`,
  );

for (const role of roles) {
  describe(`we are the ${role}, quic-go is the other side`, () => {
    const stack = quicGo;

    test("reset and stop codes up to 2^62-1 arrive both ways", async ({ lab }) => {
      const { connection, program } = await meet(lab, { stack, role });
      for (const code of [0n, 1n, 2n ** 32n, maxCode]) {
        expect(await codeOf(order(connection, `reset ${code}`).reader.bytes())).toContain(`code ${code}.`);
        expect(await codeOf(order(connection, `stop ${code}`).writer.acknowledged())).toContain(`(code ${code})`);

        const reset = order(connection, "echo");
        reset.writer.write(Buffer.from("until here"));
        expect(Buffer.from((await reset.reader.read()) ?? []).toString()).toBe("until here");
        reset.writer.reset(code);
        await program.line(new RegExp(`^reset ${code}$`));

        const stop = order(connection, "echo");
        stop.writer.write(Buffer.from("no more"));
        await stop.reader.read();
        stop.reader.stop(code);
        await program.line(new RegExp(`^stopped ${code}$`));
      }
      expect(await echoed(connection, Buffer.from("unharmed"))).toEqual(Buffer.from("unharmed"));
    });

    test("the peer's close code and reason arrive as they were sent", async ({ lab }) => {
      const { connection } = await meet(lab, { stack, role });
      order(connection, `close ${maxCode} that was all, añadió`);
      expect(await connection.closed).toMatchObject({
        by: "peer-application",
        code: maxCode,
        reason: "that was all, añadió",
      });
    });

    test("our close code and reason arrive as they were sent", async ({ lab }) => {
      const { connection, program } = await meet(lab, { stack, role });
      await echoed(connection, Buffer.from("up"));
      connection.close({ code: maxCode, reason: "goodbye, señora" });
      await program.line(new RegExp(`^closed application remote=true ${maxCode} goodbye, señora$`));
    });

    test("a certificate and ChaCha20-Poly1305 or AES-128-GCM carry bytes both ways", async ({ lab }) => {
      for (const [suite, env] of [
        // Go prefers ChaCha20 where it believes the processor has no AES, and offers AES alone in its FIPS mode.
        ["TLS_CHACHA20_POLY1305_SHA256", { GODEBUG: "cpu.aes=off" }],
        ["TLS_AES_128_GCM_SHA256", { GODEBUG: "fips140=on" }],
      ] as const) {
        const { connection, program } = await meet(lab, { stack, role, env });
        await program.line(new RegExp(`^connected alpn=test suite=${suite}$`));
        const bytes = Buffer.alloc(100_000, suite);
        expect(Buffer.compare(await echoed(connection, bytes), bytes), suite).toBe(0);
      }
    });

    test("bytes go on over key updates", async ({ lab }) => {
      const { connection, program } = await meet(lab, { stack, role });
      // quic-go updates its keys after 100 packets, quinn-proto after a number it draws from 10 to 1000: whoever is first
      // has made the first update, and the other follows.
      const bytes = Buffer.alloc(1_000_000, "key");
      expect(Buffer.compare(await echoed(connection, bytes), bytes)).toBe(0);
      await program.line(/^key updated to phase 1, (local|remote)_update$/);
    });

    test("one-way streams of every small size come back whole", async ({ lab }) => {
      const returned: Promise<Uint8Array>[] = [];
      const handler = {
        stream: () => {
          const reader = new ByteReader();
          returned.push(reader.bytes());
          return reader;
        },
      };
      const { connection } = await meet(lab, { stack, role, handler });
      const sizes = [0, 1, 2, 63, 64, 1000, 1199, 1200, 1201, 16_383, 16_384];
      for (const size of sizes) {
        const writer = ByteWriter.open(connection);
        writer.write(Buffer.alloc(size, "x"));
        writer.finish();
      }
      await expect.poll(() => returned.length, { timeout: 10_000 }).toBe(sizes.length);
      const lengths = (await Promise.all(returned)).map((bytes) => bytes.length);
      expect(lengths.sort((a, b) => a - b)).toEqual(sizes);
    });
  });
}

for (const stack of [quicGo, quiche]) {
  for (const role of roles) {
    describe(`we are the ${role}, ${stack.name} is the other side`, () => {
      test("datagrams come back, up to the largest that fits", async ({ lab }) => {
        const inbox: string[] = [];
        const handler = {
          datagram: (bytes: Uint8Array, start: number, end: number) => {
            inbox.push(Buffer.from(bytes.subarray(start, end)).toString());
          },
        };
        const { connection } = await meet(lab, { stack, role, handler });
        await echoed(connection, Buffer.from("up"));
        for (const size of [1, 10, 1000, connection.maxDatagramSize]) {
          const payload = "d".repeat(size);
          // A datagram may be lost even here, so one that stays away is sent again.
          await expect
            .poll(
              () => {
                if (!inbox.includes(payload)) expect(connection.sendDatagram(Buffer.from(payload))).toBe(true);
                return inbox.includes(payload);
              },
              { timeout: 5_000, interval: 50, message: `${size} bytes` },
            )
            .toBe(true);
        }
        expect(connection.sendDatagram(new Uint8Array(connection.maxDatagramSize + 1))).toBe(false);
      });

      test("no common application protocol is said in those words", async ({ lab }) => {
        const options = { stack, role, alpn: "other" };
        if (role === "client") {
          const { port } = await startServer(lab, options);
          expect(await codeOf(connectTo(lab, port, {}))).toMatch(/^no-common-alpn: /);
        } else {
          const { port } = await startListening(lab, {});
          const program = startClient(lab, port, options);
          await program.line(new RegExp(`^closed (transport remote=true )?${noApplicationProtocol} `));
        }
      });

      test("a peer that falls silent is given up after the idle time-out", async ({ lab }) => {
        const { connection, program } = await meet(lab, {
          stack,
          role,
          transport: { idleTimeoutMs: 1_000, keepAliveMs: 300 },
        });
        await echoed(connection, Buffer.from("up"));
        const silentFrom = performance.now();
        program.signal("SIGSTOP");
        try {
          expect(await connection.closed).toMatchObject({ by: "idle", code: 0n });
        } finally {
          program.signal("SIGCONT");
        }
        expect(performance.now() - silentFrom).toBeGreaterThan(600);
        expect(performance.now() - silentFrom).toBeLessThan(5_000);
      });
    });
  }
}

for (const role of roles) {
  describe(`we are the ${role}, quiche is the other side`, () => {
    const stack = quiche;

    test("reset codes arrive both ways", async ({ lab }) => {
      const { connection, program } = await meet(lab, { stack, role });
      for (const code of [1n, quicheMaxCode]) {
        expect(await codeOf(order(connection, `reset ${code}`).reader.bytes())).toContain(`code ${code}.`);
      }
      for (const code of [1n, maxCode]) {
        const { writer } = order(connection, "echo");
        await expect.poll(() => writer.queuedBytes).toBe(0); // a stream reset before its first byte left would cost nothing
        writer.reset(code);
        await program.line(new RegExp(`^reset ${code}$`));
      }
    });

    test("close codes and reasons arrive both ways", async ({ lab }) => {
      const theirs = await meet(lab, { stack, role });
      order(theirs.connection, `close ${quicheMaxCode} that was all`);
      expect(await theirs.connection.closed).toMatchObject({
        by: "peer-application",
        code: quicheMaxCode,
        reason: "that was all",
      });
      const ours = await meet(lab, { stack, role });
      await echoed(ours.connection, Buffer.from("up"));
      ours.connection.close({ code: quicheMaxCode, reason: "goodbye" });
      await ours.program.line(new RegExp(`^closed ${quicheMaxCode} goodbye$`));
    });
  });
}

describe("we are the server of quic-go", () => {
  test("a returning client resumes its session, and its token spares it the Retry", async ({ lab }) => {
    // With room for one handshake, whoever has not proved its address must.
    const { port, connections } = await startListening(lab, { limits: { maxHandshakes: 1 } });
    const program = startClient(lab, port, { stack: quicGo, role: "server", flags: ["-times", "3"] });
    for (const resumed of [false, true, true]) {
      const { value: connection } = await connections.next();
      expect(await echoed(connection, Buffer.from("up"))).toEqual(Buffer.from("up"));
      expect(connection.resumed).toBe(resumed);
      connection.close();
    }
    expect(await program.matches(/^resumed /, 3)).toEqual(["resumed false", "resumed true", "resumed true"]);
    expect(program.lines.filter((line) => line === "received retry")).toHaveLength(1);
  });

  test("what a returning client says in 0-RTT is there when the handshake is done", async ({ lab }) => {
    const said: Promise<string>[] = [];
    const { port, connections } = await startListening(lab, {
      earlyData: true,
      handler: {
        stream: () => {
          const reader = new ByteReader();
          said.push(reader.bytes().then((bytes) => Buffer.from(bytes).toString()));
          return reader;
        },
      },
    });
    const flags = ["-early", "-times", "3"];
    const program = startClient(lab, port, { stack: quicGo, role: "server", flags });
    for (const earlyData of ["none", "accepted", "accepted"]) {
      const { value: connection } = await connections.next();
      expect(connection.earlyData).toBe(earlyData);
      expect(await echoed(connection, Buffer.from("up"))).toEqual(Buffer.from("up"));
      connection.close();
    }
    expect(await Promise.all(said)).toEqual(["early", "early", "early"]);
    expect(await program.matches(/^used 0rtt /, 3)).toEqual(["used 0rtt false", "used 0rtt true", "used 0rtt true"]);
  });

  test("a client that moves to another port is followed there", async ({ lab }) => {
    const { connection, program } = await meet(lab, { stack: quicGo, role: "server" });
    const before = connection.remoteAddress.port;
    order(connection, "move");
    const [, port] = await program.line(/^moved (\d+)$/);
    const bytes = Buffer.alloc(300_000, "moved");
    expect(Buffer.compare(await echoed(connection, bytes), bytes)).toBe(0);
    expect(connection.remoteAddress.port).toBe(Number(port));
    expect(connection.remoteAddress.port).not.toBe(before);
  });
});

describe("we are the client of quic-go", () => {
  test("Retry is answered, and the address counts as verified", async ({ lab }) => {
    const { connection, program } = await meet(lab, { stack: quicGo, role: "client", flags: ["-retry"] });
    await program.line(/^client verified=true$/);
    expect(program.lines.filter((line) => line === "client verified=false")).toEqual([]);
    expect(await echoed(connection, Buffer.from("up"))).toEqual(Buffer.from("up"));
  });

  test("a session is resumed by the ticket of the one before it", async ({ lab }) => {
    const { program, port } = await startServer(lab, { stack: quicGo, role: "client" });
    for (const resumed of [false, true, true]) {
      const connection = await connectTo(lab, port, {});
      expect(await echoed(connection, Buffer.from("up"))).toEqual(Buffer.from("up")); // tickets follow the handshake
      expect(connection.resumed).toBe(resumed);
      connection.close();
      await connection.closed;
    }
    expect(await program.matches(/^resumed /, 3)).toEqual(["resumed false", "resumed true", "resumed true"]);
  });

  test("what we say in 0-RTT is answered; by a server that took none of it, what we say after the handshake", async ({
    lab,
  }) => {
    const options = { stack: quicGo, role: "client", flags: ["-early"] } as const;
    const { program, port } = await startServer(lab, options);
    await tickets(await connectTo(lab, port, { onEarlyData: () => {} }));
    let answer: Promise<Buffer> | undefined;
    const onEarlyData = (connection: EarlyConnection) => {
      answer = echoed(connection, Buffer.from("early"));
    };
    const connection = await connectTo(lab, port, { onEarlyData });
    expect(connection).toMatchObject({ earlyData: "accepted", resumed: true });
    expect(await answer).toEqual(Buffer.from("early"));
    await program.matches(/^used 0rtt true$/, 1);
    await program.matches(/^asked before the handshake$/, 1);
    await tickets(connection);

    const other = await startServer(lab, options); // under the same name, with other keys
    const rejected = await connectTo(lab, other.port, { onEarlyData });
    expect(rejected).toMatchObject({ earlyData: "rejected", resumed: false });
    await expect(answer).rejects.toMatchObject({ code: "early-data-rejected" });
    expect(await echoed(rejected, Buffer.from("again"))).toEqual(Buffer.from("again"));
    await other.program.line(/^used 0rtt false$/);
  });

  test("a token spares us the Retry of the next connection", async ({ lab }) => {
    const { program, port } = await startServer(lab, { stack: quicGo, role: "client", flags: ["-retry"] });
    for (let round = 0; round < 2; round++) {
      const connection = await connectTo(lab, port, {});
      expect(await echoed(connection, Buffer.from("up"))).toEqual(Buffer.from("up"));
      connection.close();
    }
    await program.matches(/^client verified=true$/, 2);
    expect(program.lines.filter((line) => line === "sent retry")).toHaveLength(1);
  });

  test("the peer's shorter idle time-out counts, and keep-alive holds a connection beyond it", async ({ lab }) => {
    const { program, port } = await startServer(lab, { stack: quicGo, role: "client", flags: ["-idle", "1s"] });
    const idle = await connectTo(lab, port, { transport: { keepAliveMs: 0 } });
    const kept = await connectTo(lab, port, { transport: { keepAliveMs: 250 } });
    expect(await idle.closed).toMatchObject({ by: "idle" });
    await program.line(/^closed idle$/);
    expect(await echoed(kept as Connection, Buffer.from("alive"))).toEqual(Buffer.from("alive"));
  });
});

describe("we meet quiche again", () => {
  test("its client resumes a session of our server's", async ({ lab }) => {
    const { port, connections } = await startListening(lab, {});
    startClient(lab, port, { stack: quiche, role: "server", flags: ["-times", "2"] });
    for (const resumed of [false, true]) {
      const { value: connection } = await connections.next();
      expect(await echoed(connection, Buffer.from("up"))).toEqual(Buffer.from("up"));
      expect(connection.resumed).toBe(resumed);
      connection.close();
    }
  });

  test("our client resumes a session of its server's", async ({ lab }) => {
    const { port } = await startServer(lab, { stack: quiche, role: "client" });
    for (const resumed of [false, true]) {
      const connection = await connectTo(lab, port, {});
      expect(await echoed(connection, Buffer.from("up"))).toEqual(Buffer.from("up"));
      expect(connection.resumed).toBe(resumed);
      connection.close();
    }
  });
});
