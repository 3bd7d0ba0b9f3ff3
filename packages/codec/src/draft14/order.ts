/** Group Order, an 8-bit field (sections 9.7, 9.8 and 7). */
import { CodecError } from "../errors.ts";
import type { GroupOrder, RequestedGroupOrder } from "../messages.ts";
import type { Reader } from "../reader.ts";
import type { Writer } from "../writer.ts";

const field = "Group Order";
const orders = ["publisher", "ascending", "descending"] as const;

/** Group Order in a request, where 0 leaves it to the original publisher. */
export function readRequestedOrder(reader: Reader): RequestedGroupOrder {
  const offset = reader.offset;
  const value = reader.u8(field);
  const order = orders[value];
  if (order === undefined)
    throw new CodecError("value-undefined", field, offset, `It is ${value}; 0 to 2 are defined.`);
  return order;
}

/** Group Order in an answer or a PUBLISH, where 0 is a protocol error. */
export function readOrder(reader: Reader): GroupOrder {
  const offset = reader.offset;
  const order = readRequestedOrder(reader);
  if (order === "publisher")
    throw new CodecError("value-undefined", field, offset, "It is 0; 1 and 2 are allowed here.");
  return order;
}

/** Writes a group order. */
export function writeOrder(writer: Writer, order: RequestedGroupOrder): void {
  const value = orders.indexOf(order);
  if (value < 0) throw new CodecError("value-invalid", field, undefined, `It is "${order}".`);
  writer.u8(value, field);
}
