/** Our W3C WebTransport against webtransport-go, either side being the server: the interop runner's cases, codes, endings. */
import { type WebTransport, WebTransportError } from "@moqingbird/transport";
import { describe, expect } from "vitest";
import { type Lab, test } from "../../src/lab/lab.ts";
import type { Program } from "../../src/lab/program.ts";
import { casesWithClient, casesWithServer } from "../../src/webtransport/cases.ts";
import { openSession, startOurServer, startWebClient, startWebServer } from "../../src/webtransport/meeting.ts";
import { webTransportGo as stack } from "../../src/webtransport/webtransport-go.ts";

/** Stream codes where the mapping to HTTP/3 skips a reserved one, and the ends of the range. */
const streamCodes = [0, 1, 29, 30, 31, 0xffff_ffff];
const offered = ["first", "second", "third"];
const known = ["other", "third", "second"];

interface Pair {
  readonly session: WebTransport;
  readonly program: Program;
}

async function withServer(lab: Lab): Promise<Pair> {
  const { program, url } = await startWebServer(lab, stack, { protocols: known });
  return { program, session: await openSession(lab, url("/"), offered) };
}

async function withClient(lab: Lab): Promise<Pair> {
  const server = await startOurServer(lab, known);
  const program = await startWebClient(lab, stack, server.url("/"), { protocols: offered });
  return { program, session: await server.session() };
}

/** Opens a stream both ways whose first line is the order. */
async function order({ session }: Pair, line: string) {
  const { readable, writable } = await session.createBidirectionalStream();
  const writer = writable.getWriter();
  await writer.write(new TextEncoder().encode(`${line}\n`));
  return { reader: readable.getReader(), writer };
}

const codeOf = (promise: Promise<unknown>): Promise<number | null | string> =>
  promise.then(
    () => "no error",
    (error: WebTransportError) => error.streamErrorCode,
  );

for (const [who, meet, cases] of [
  ["server", withServer, casesWithServer],
  ["client", withClient, casesWithClient],
] as const) {
  describe(`webtransport-go is the ${who}`, () => {
    cases(stack);

    test("handshake: the client's first protocol that the server has", async ({ lab }) => {
      const { session, program } = await meet(lab);
      expect(session.protocol).toBe("second");
      await program.line(/^session protocol="second"$/);
    });

    test("stream codes arrive both ways", async ({ lab }) => {
      const pair = await meet(lab);
      for (const code of streamCodes) {
        expect(await codeOf((await order(pair, `RESET ${code}`)).reader.read())).toBe(code);
        expect(await codeOf((await order(pair, `STOP ${code}`)).writer.closed)).toBe(code);

        const reset = await order(pair, "ECHO");
        await reset.writer.write(new TextEncoder().encode("until here"));
        expect(Buffer.from((await reset.reader.read()).value ?? []).toString()).toBe("until here");
        await reset.writer.abort(new WebTransportError("", { streamErrorCode: code }));
        await pair.program.line(new RegExp(`^reset ${code}$`));

        const stop = await order(pair, "ECHO");
        await stop.writer.write(new TextEncoder().encode("no more"));
        await stop.reader.read();
        await stop.reader.cancel(new WebTransportError("", { streamErrorCode: code }));
        await pair.program.line(new RegExp(`^stopped ${code}$`));
      }
    });

    test("the peer's close code and words arrive", async ({ lab }) => {
      const pair = await meet(lab);
      await order(pair, "CLOSE 4294967295 that was all, añadió");
      expect(await pair.session.closed).toEqual({ closeCode: 0xffff_ffff, reason: "that was all, añadió" });
    });

    test("our close code and words arrive", async ({ lab }) => {
      const { session, program } = await meet(lab);
      session.close({ closeCode: 0xffff_ffff, reason: "goodbye, señora" });
      await program.line(/^closed remote=true 4294967295 goodbye, señora$/);
    });
  });
}

test("webtransport-go refuses a session: its status is told", async ({ lab }) => {
  const { url } = await startWebServer(lab, stack);
  await expect(openSession(lab, url("/refused"))).rejects.toMatchObject({
    cause: { code: "session-rejected", status: 403 },
  });
});

test("we refuse a session of webtransport-go's: it is told the status", async ({ lab }) => {
  const server = await startOurServer(lab);
  const program = await startWebClient(lab, stack, server.url("/refused"));
  await program.line(/^status 403$/);
});
