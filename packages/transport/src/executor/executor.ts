/**
 * The executor: one packet loop per thread, in four phases.
 *
 *   ready          once, when the loop first runs: from now on it may arm its Node timer
 *   after_receive  packets are in the engine and its events told: run tasks, fire due timers
 *   after_send     packets are built and given to the socket: run tasks, fire due timers
 *   time_check     how long to wait: 0 if work is left, else until the next deadline, at most 200 ms
 *
 * Nothing here polls: a packet, a task, a timer or a message of another thread wakes the loop, and one turn handles all
 * that has come until then. Receiving goes before timers, or a late wake-up would fire loss timers for packets whose
 * acknowledgement lies in the socket buffer. Work per turn is bounded; what is left gets the next turn, after other I/O.
 */
import type { MessagePort } from "node:worker_threads";
import { type LoopClock, type LoopTimeout, type LoopTimers, systemClock, systemTimers } from "./clock.ts";
import { defaultTraceTurns, LoopTrace, type WakeReason } from "./loop-trace.ts";
import { TaskPort } from "./task-port.ts";

/** The phases in the order of a turn; `ready` comes once. */
export type LoopPhase = "ready" | "after_receive" | "after_send" | "time_check";

/** What a turn did and decided, told to {@link ExecutorOptions.trace}. */
export interface LoopStep {
  readonly phase: LoopPhase;
  /** What woke this turn first. */
  readonly reason: WakeReason;
  /** Clock at the phase, µs. */
  readonly nowMicros: number;
  /** time_check only: how long the loop will wait at most, µs; -1 until something wakes it. */
  readonly waitMicros?: number;
}

/** What the executor drives: the engine and its sockets, or a stand-in in tests. */
export interface PacketLoop {
  /** Hands absorbed packets to the engine; returns how many. */
  ingest(nowMicros: number): number;
  /** Tells the engine's events to their owners, bounded per call. Due timers come back by {@link Executor.fire}. */
  dispatch(): void;
  /** Fires what is due in the engine's wheel. */
  timers(nowMicros: number): void;
  /** Builds and sends packets, bounded per call; returns how many. */
  pump(nowMicros: number): number;
  /** Work is left that did not fit in this turn. */
  readonly pending: boolean;
  /** Received packets lost because more came at once than one turn takes. */
  readonly droppedPackets: number;
  /** When `timers` wants to run next, µs; -1 for never. */
  nextDeadline(): number;
  /** Puts a one-shot timer on the wheel; returns its handle. */
  armTimer(deadlineMicros: number): number;
  /** Takes a timer off the wheel. */
  cancelTimer(timer: number): void;
  /** A step of the turn threw. The loop goes on with whatever `failed` leaves in place. */
  failed(error: unknown): void;
}

/** Options of {@link Executor}. */
export interface ExecutorOptions {
  readonly clock?: LoopClock;
  /** Default: Node's. */
  readonly timers?: LoopTimers;
  /** Called in every phase; for tests. */
  readonly trace?: (step: LoopStep) => void;
}

/** Counters since the start; lag is the time from the wake-up (or deadline) to the turn. */
export interface ExecutorCounters {
  readonly turns: number;
  readonly tasks: number;
  readonly timers: number;
  readonly packetsReceived: number;
  readonly packetsSent: number;
  /** Received and thrown away: more came at once than a turn takes (2560). */
  readonly packetsDropped: number;
  /** Most packets taken in, or sent, by one turn. */
  readonly maxPacketsPerTurn: number;
  /** Time spent in turns, µs. */
  readonly busyMicros: number;
  readonly lastLagMicros: number;
  readonly maxLagMicros: number;
}

/** A timer that may be cancelled. */
export interface ScheduledTask {
  /** Takes the task back; false when it has run or was cancelled already. */
  cancel(): boolean;
  /** Lets the process end although the task waits. */
  unref(): this;
}

/** Longest sleep of the loop while deadlines exist, µs. A lost wake-up would cost no more than this. */
export const longestWaitMicros = 200_000;
/** Tasks of one phase; the rest waits for the next phase or turn. */
const tasksPerPhase = 1024;
/** Timers of Node tick in milliseconds; a nearer deadline is met by setImmediate. */
const nodeTickMicros = 1000;

/** The loop of one thread. Apps get it by `executor()`; a new one is for tests. */
export class Executor {
  readonly #loop: PacketLoop;
  readonly #clock: LoopClock;
  readonly #eventLoop: LoopTimers;
  readonly #trace: ((step: LoopStep) => void) | undefined;
  readonly #timers = new Map<number, Timer>();
  readonly #port = new TaskPort((task) => this.add(task));
  readonly #traces = new Set<LoopTrace>();
  #tasks: (() => void)[] = [];
  #immediate: object | undefined;
  #timeout: LoopTimeout | undefined;
  #timeoutAt = 0;
  #holds = 0;
  #running = false;
  #ready = false;
  #reason: WakeReason = "start";
  #wokenAt = 0;
  #turns = 0;
  #taskCount = 0;
  #timerCount = 0;
  #received = 0;
  #sent = 0;
  #maxPackets = 0;
  #busy = 0;
  #lag = 0;
  #maxLag = 0;

  constructor(loop: PacketLoop, options: ExecutorOptions = {}) {
    this.#loop = loop;
    this.#clock = options.clock ?? systemClock;
    this.#eventLoop = options.timers ?? systemTimers;
    this.#trace = options.trace;
  }

  /** Runs `task` in the loop's next phase, at once: the loop is woken. What it throws becomes an uncaught exception. */
  add(task: () => void): void {
    this.#tasks.push(task);
    this.wake("task");
  }

  /**
   * Runs `task` after `delayMs` milliseconds (0 or more, fractions allowed) on the engine's timer wheel. A waiting task
   * keeps the process alive, as setTimeout does, until it is cancelled or `unref`ed.
   */
  schedule(delayMs: number, task: () => void): ScheduledTask {
    const deadline = this.#clock.micros() + Math.ceil(Math.max(0, delayMs) * 1000);
    const timer: Timer = { deadline, task, handle: this.#loop.armTimer(deadline), held: true };
    this.#timers.set(timer.handle, timer);
    this.#hold(1);
    if (!this.#running) this.#arm(deadline);
    const scheduled: ScheduledTask = {
      cancel: () => this.#cancel(timer),
      unref: () => {
        this.#release(timer);
        return scheduled;
      },
    };
    return scheduled;
  }

  /**
   * Names a task that other threads may post. Closures do not cross threads: they send the name and cloneable
   * arguments. Throws when the name is taken; returns a function that gives it back.
   */
  register(name: string, task: (...args: never[]) => void): () => void {
    return this.#port.register(name, task);
  }

  /**
   * A port for another thread (put it in `transferList`), which posts with `postTask(port, name, ...args)`. The posted
   * task runs at once. The port does not keep the process alive.
   */
  openPort(): MessagePort {
    return this.#port.open();
  }

  /**
   * Records every turn from now on, until the trace is stopped: why the loop ran, how late, with how many packets, tasks and
   * timers. Keeps the newest `turns` (default 4096, at most 2^20) of about 72 bytes each. Costs nothing while none is open.
   */
  trace(turns: number = defaultTraceTurns): LoopTrace {
    const trace = new LoopTrace(
      turns,
      () => this.#clock.micros(),
      () => this.#traces.delete(trace),
    );
    this.#traces.add(trace);
    return trace;
  }

  /** A snapshot of the counters. */
  get counters(): ExecutorCounters {
    return {
      turns: this.#turns,
      tasks: this.#taskCount,
      timers: this.#timerCount,
      packetsReceived: this.#received,
      packetsSent: this.#sent,
      packetsDropped: this.#loop.droppedPackets,
      maxPacketsPerTurn: this.#maxPackets,
      busyMicros: this.#busy,
      lastLagMicros: this.#lag,
      maxLagMicros: this.#maxLag,
    };
  }

  /** Sees to it that a turn comes as soon as the event loop gets to it. Cheap when one is due already. */
  wake(reason: WakeReason): void {
    if (this.#immediate !== undefined || this.#running) return;
    this.#reason = reason;
    this.#wokenAt = this.#clock.micros();
    this.#immediate = this.#eventLoop.setImmediate(this.#turn, this.#wokenAt);
  }

  /** The wheel says that this timer is due. */
  fire(handle: number): void {
    const timer = this.#timers.get(handle);
    if (timer === undefined) return;
    this.#timers.delete(handle);
    this.#release(timer);
    this.#timerCount++;
    this.#call(timer.task);
  }

  /** Puts every waiting timer on a new wheel: the engine that held the old one is gone. */
  rearm(): void {
    const waiting = [...this.#timers.values()];
    this.#timers.clear();
    for (const timer of waiting) {
      timer.handle = this.#loop.armTimer(timer.deadline);
      this.#timers.set(timer.handle, timer);
    }
    this.wake("engine");
  }

  /** Tasks that wait for a timer. */
  get scheduled(): number {
    return this.#timers.size;
  }

  readonly #turn = (): void => {
    const loop = this.#loop;
    const start = this.#clock.micros();
    this.#immediate = undefined;
    this.#running = true;
    this.#turns++;
    const reason = this.#reason;
    const tasks = this.#taskCount;
    const timers = this.#timerCount;
    let received = 0;
    let sent = 0;
    this.#lag = Math.max(0, start - this.#wokenAt);
    if (this.#lag > this.#maxLag) this.#maxLag = this.#lag;
    if (!this.#ready) {
      this.#ready = true;
      this.#tell("ready", start);
    }
    try {
      received = loop.ingest(start);
      loop.dispatch();
      this.#received += received;
      this.#phase("after_receive", start);
      sent = loop.pump(this.#clock.micros());
      this.#sent += sent;
      this.#maxPackets = Math.max(this.#maxPackets, received, sent);
      this.#phase("after_send", this.#clock.micros());
    } catch (error) {
      loop.failed(error);
    }
    this.#running = false;
    const now = this.#clock.micros();
    this.#busy += now - start;
    const waitMicros = this.#timeCheck(now);
    if (this.#traces.size === 0) return;
    const turn = {
      reason,
      startMicros: start,
      lagMicros: this.#lag,
      busyMicros: now - start,
      packetsReceived: received,
      packetsSent: sent,
      tasks: this.#taskCount - tasks,
      timers: this.#timerCount - timers,
      waitMicros,
    };
    for (const trace of this.#traces) trace.record(turn);
  };

  #phase(phase: LoopPhase, now: number): void {
    this.#tell(phase, now);
    this.#drain();
    this.#loop.timers(now);
    this.#loop.dispatch();
  }

  #drain(): void {
    const tasks = this.#tasks;
    if (tasks.length === 0) return;
    // What tasks add waits for the next phase, so that a task which re-adds itself cannot hold the loop.
    const now = tasks.length <= tasksPerPhase ? tasks : tasks.slice(0, tasksPerPhase);
    this.#tasks = tasks.length <= tasksPerPhase ? [] : tasks.slice(tasksPerPhase);
    for (const task of now) this.#call(task);
    this.#taskCount += now.length;
  }

  /** Arms the next turn; returns how long that may take. */
  #timeCheck(now: number): number {
    let wait: number;
    let reason: WakeReason = "rest";
    try {
      if (this.#tasks.length > 0 || this.#loop.pending) wait = 0;
      else {
        const deadline = this.#loop.nextDeadline();
        reason = "timer";
        wait = deadline < 0 ? -1 : Math.min(Math.max(0, deadline - now), longestWaitMicros);
      }
    } catch (error) {
      this.#loop.failed(error);
      reason = "engine";
      wait = 0;
    }
    this.#tell("time_check", now, wait);
    if (wait === 0) this.wake(reason);
    else if (wait > 0) this.#arm(now + wait);
    return wait;
  }

  /** One Node timer for all deadlines, armed anew only when the deadline moves nearer. */
  #arm(deadline: number): void {
    if (this.#immediate !== undefined) return;
    if (!this.#ready) {
      this.wake("start");
      return;
    }
    if (this.#timeout !== undefined) {
      if (this.#timeoutAt <= deadline) return;
      this.#eventLoop.clearTimeout(this.#timeout);
      this.#timeout = undefined;
    }
    const wait = deadline - this.#clock.micros();
    if (wait < nodeTickMicros) {
      this.#soon(deadline);
      return;
    }
    this.#timeoutAt = deadline;
    this.#timeout = this.#eventLoop.setTimeout(this.#expired, Math.floor(wait / 1000));
    if (this.#holds === 0) this.#timeout.unref();
  }

  readonly #expired = (): void => {
    this.#timeout = undefined;
    if (this.#immediate !== undefined) return;
    this.#soon(Math.min(this.#timeoutAt, this.#clock.micros()));
  };

  /** By setImmediate also when a timer woke us: sockets are read before it runs, and receiving goes before timers. */
  #soon(dueMicros: number): void {
    this.#reason = "timer";
    this.#wokenAt = dueMicros;
    this.#immediate = this.#eventLoop.setImmediate(this.#turn, this.#wokenAt);
  }

  #cancel(timer: Timer): boolean {
    if (!this.#timers.delete(timer.handle)) return false;
    this.#loop.cancelTimer(timer.handle);
    this.#release(timer);
    return true;
  }

  #release(timer: Timer): void {
    if (!timer.held) return;
    timer.held = false;
    this.#hold(-1);
  }

  #hold(change: 1 | -1): void {
    this.#holds += change;
    if (this.#holds === 0) this.#timeout?.unref();
    else this.#timeout?.ref();
  }

  #call(task: () => void): void {
    try {
      task();
    } catch (error) {
      // The loop outlives a faulty task; the fault is nobody's to swallow.
      queueMicrotask(() => {
        throw error;
      });
    }
  }

  #tell(phase: LoopPhase, nowMicros: number, waitMicros?: number): void {
    this.#trace?.({ phase, reason: this.#reason, nowMicros, ...(waitMicros === undefined ? {} : { waitMicros }) });
  }
}

interface Timer {
  readonly deadline: number;
  readonly task: () => void;
  handle: number;
  held: boolean;
}
