/** Where qlog goes: a directory, or a function of the application. */
import { createWriteStream, mkdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { messageOf, TransportError } from "../errors.ts";

/** Takes one connection's log, JSON text sequences (RFC 7464), in chunks of about 64 KiB at the most. */
export interface QlogSink {
  /** False: the chunk was not taken. Its events are counted, and the next chunk says how many were lost. */
  write(chunk: string): boolean | undefined;
  /** Nothing more comes. */
  end(): void;
}

/** What a sink is made for. */
export interface QlogConnection {
  readonly side: "client" | "server";
  /** Original destination connection id in hex: the same at both ends. */
  readonly connectionId: string;
  /** `CONNECTIONID_SIDE.sqlog`. */
  readonly fileName: string;
}

/**
 * Where the qlog of each connection goes: one file per connection in a directory, which is made if its parent exists, or the
 * sink that a function gives. A function that gives none leaves the connection out.
 */
export type QlogTarget = { readonly directory: string } | ((connection: QlogConnection) => QlogSink | undefined);

/** Bytes that wait for a slow disk; chunks that come above are lost. */
const maxWaitingBytes = 8 * 1024 * 1024;

/** The target as a function. Errors: `option-invalid` when the directory cannot be made. */
export function sinkMaker(target: QlogTarget): (connection: QlogConnection) => QlogSink | undefined {
  if (typeof target === "function") return target;
  const { directory } = target;
  try {
    // Not `recursive`: where a filesystem refuses every new directory (procfs), Node then never comes back.
    const found = statSync(directory, { throwIfNoEntry: false });
    if (found === undefined) mkdirSync(directory);
    else if (!found.isDirectory()) throw new Error(`${directory} is not a directory`);
  } catch (error) {
    throw new TransportError("option-invalid", { option: "qlog", detail: messageOf(error) }, { cause: error });
  }
  return ({ fileName }) => fileSink(join(directory, fileName));
}

/** Never waits for the disk. A file that fails is given up with a warning; the connection goes on. */
function fileSink(path: string): QlogSink {
  const file = createWriteStream(path);
  let failed = false;
  file.on("error", (error) => {
    if (!failed) process.emitWarning(`The qlog file ${path} is given up: ${error.message}`);
    failed = true;
  });
  return {
    write(chunk) {
      if (failed || file.writableLength > maxWaitingBytes) return false;
      file.write(chunk);
      return true;
    },
    end() {
      file.end();
    },
  };
}
