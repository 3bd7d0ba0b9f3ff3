/** webtransport-go: a server of the newest release we know, and a client of the newest that takes our server. */
import { peerGo } from "../peers/provision.ts";
import type { WebStack } from "./meeting.ts";

export const webTransportGo: WebStack = {
  name: "webtransport-go",
  server: () => ({ program: peerGo("wtpeer-server"), args: [] }),
  client: () => ({ program: peerGo("wtpeer-client"), args: [] }),
};
