/** Where things are: the checkout, and the cache beside it that every checkout of this user shares. */
import { homedir } from "node:os";
import { join, resolve } from "node:path";

/** The top of the checkout. */
export const root = resolve(import.meta.dirname, "../../..");

/** Kept between checkouts: tools built by cargo, the wasm sysroot, a fetched Node, other people's programs. */
export const cache = join(process.env.XDG_CACHE_HOME || join(homedir(), ".cache"), "moqingbird");

/** A path in the checkout. */
export const inRoot = (...parts: string[]): string => join(root, ...parts);

/** A path in the cache. */
export const inCache = (...parts: string[]): string => join(cache, ...parts);
