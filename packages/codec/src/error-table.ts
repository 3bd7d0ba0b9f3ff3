/** One code a peer can send, its name in the draft, and what it says in a sentence. */
export interface ErrorRow {
  readonly code: number;
  readonly name: string;
  readonly says: string;
}

/** The codes of one family in one version. */
export type ErrorTable = readonly ErrorRow[];

/** The error families of a version. Names are those of the newest draft that has the family's message. */
export interface ErrorTables {
  /** Why a session ends. */
  readonly session: ErrorTable;
  readonly subscribe: ErrorTable;
  /** Why a subscription ended: the status of PUBLISH_DONE. */
  readonly publishDone: ErrorTable;
  readonly publish: ErrorTable;
  readonly fetch: ErrorTable;
  /** PUBLISH_NAMESPACE_ERROR and PUBLISH_NAMESPACE_CANCEL. */
  readonly publishNamespace: ErrorTable;
  readonly subscribeNamespace: ErrorTable;
  /** RESET_STREAM of data streams. */
  readonly streamReset: ErrorTable;
}

/** The row of a code a peer sent; undefined when the table does not know it. */
export function errorByCode(table: ErrorTable, code: number | bigint): ErrorRow | undefined {
  return table.find((row) => row.code === code);
}

/** The row of a name, for code that speaks several versions; undefined when this version has no such error. */
export function errorByName(table: ErrorTable, name: string): ErrorRow | undefined {
  return table.find((row) => row.name === name);
}
