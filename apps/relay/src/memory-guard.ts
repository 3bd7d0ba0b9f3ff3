/**
 * Holds the relay's memory under its bound. What the cache counts is not all a process takes: V8's garbage, packets under way
 * and the allocator's holes come on top, and grow with the load. So when the process nears the bound the cache makes room.
 */
import type { Cache } from "@moqingbird/model";

/** How often the process is looked at, in milliseconds. A look costs microseconds. */
const lookMs = 100;
/** And whenever so many bytes came into the cache: what a fast publisher sends in 100 ms is a tenth of the bound. */
const lookBytes = 2 * 1024 * 1024;
/** The part of the bound above which the cache makes room. */
const highMark = 0.75;
/** What the cache gives up for each byte above the mark: memory that is free to the process is not yet free to the system. */
const pressure = 2;
/** The part of its capacity that the cache keeps whatever happens. */
const leastShare = 1 / 8;

/** The bytes a cache may keep when the process takes `rssBytes` of `boundBytes`. */
export function cacheLimit(capacityBytes: number, rssBytes: number, boundBytes: number): number {
  const above = Math.max(0, rssBytes - boundBytes * highMark);
  return Math.max(capacityBytes * leastShare, capacityBytes - above * pressure);
}

/** Watches this process until stopped. Does not keep it alive. */
export function guardMemory(cache: Cache, boundBytes: number): { stop(): void } {
  const look = () => {
    cache.limitBytes = cacheLimit(cache.capacityBytes, process.memoryUsage.rss(), boundBytes);
  };
  const timer = setInterval(look, lookMs).unref();
  cache.onGrowth(lookBytes, look);
  return {
    stop: () => {
      clearInterval(timer);
      cache.onGrowth(Number.POSITIVE_INFINITY, look);
    },
  };
}
