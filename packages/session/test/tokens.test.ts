/** Authorization tokens have no effect; their aliases follow the draft (moq-transport-14, section "AUTHORIZATION TOKEN Parameter"). */
import type { AuthorizationToken } from "@moqingbird/codec";
import { expect, test } from "vitest";
import { againstClient, fields, utf8 } from "./support/against.ts";

const value = utf8("let me in");

function subscribe(token: AuthorizationToken) {
  return {
    type: "subscribe",
    requestId: 0,
    namespace: fields("a"),
    trackName: utf8("t"),
    subscriberPriority: 128,
    groupOrder: "publisher",
    forward: true,
    filter: { type: "largestObject" },
    parameters: { authorizationTokens: [token] },
  } as const;
}

test("a token by value changes nothing", async () => {
  const { peer, session } = await againstClient();
  await peer.say(subscribe({ action: "useValue", tokenType: 0, value }));
  expect(peer.last("subscribeError")).toMatchObject({ requestId: 0, errorCode: 4 });
  expect(session.state).toBe("established");
});

test.each<[string, bigint, AuthorizationToken]>([
  ["registering one, for which there is no room", 0x13n, { action: "register", alias: 1, tokenType: 0, value }],
  ["using an alias that was not registered", 0x17n, { action: "useAlias", alias: 1 }],
  ["deleting an alias that was not registered", 0x17n, { action: "delete", alias: 1 }],
])("%s ends the session with its code", async (_, code, token) => {
  const { peer, session } = await againstClient();
  await peer.say(subscribe(token));
  expect(await session.closed).toMatchObject({ by: "local", code });
});
