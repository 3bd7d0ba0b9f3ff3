/**
 * What `node:diagnostics_channel` subscribers can watch. Costs nothing while nobody does.
 *
 *   moqingbird.transport.open       { connection }          a handshake is done, on either side
 *   moqingbird.transport.close      { connection, info }    a connection is over
 *   moqingbird.transport.rejected   { remoteAddress, info } a handshake failed on the server's side (info without error)
 *   moqingbird.transport.crash      { error, listeners }    the engine of this thread trapped; so many listeners go on
 */
import { channel } from "node:diagnostics_channel";

export const openChannel = channel("moqingbird.transport.open");
export const closeChannel = channel("moqingbird.transport.close");
export const rejectedChannel = channel("moqingbird.transport.rejected");
export const crashChannel = channel("moqingbird.transport.crash");
