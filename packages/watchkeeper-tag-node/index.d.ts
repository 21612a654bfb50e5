/** What happens to a statement that would wait for its own task: sent after a warning, refused, or nothing. */
export type Mode = "warn" | "raise" | "off";

export interface Options {
  /** The top of the application's checkout; default: of the folder that the process was started in. */
  root?: string;
  /** The commit that runs; default: the variable WATCHKEEPER_REVISION, else the checkout's HEAD. */
  revision?: string;
  /** Default: "warn". */
  mode?: Mode;
  /** Other processes of the same user may ask for the journal over a socket; default: true. */
  publish?: boolean;
  /** Each request of an HTTP server is a task of its own; default: true. */
  requests?: boolean;
  /** Where warnings go; default: process.emitWarning. */
  warn?: (text: string) => void;
}

export interface Event {
  kind: "nested-write" | "nested-checkout" | "lock-timeout" | "deadlock" | "lost-update";
  at: number;
  backend: number;
  text: string;
  sites: string[];
  symbol: string;
  table: string;
}

/** A statement was not sent: it would have waited for a transaction that the same task holds open. */
export class NestedWriteError extends Error {}

export class Tagging {
  readonly root: string;
  readonly revision: string;
  readonly events: Event[];
  /** Run something as a task of its own: what it awaits belongs to it, until its promise settles. */
  run<T>(work: () => T): T;
  /**
   * The same query builder (Drizzle's database, Prisma's client) with the lines of who calls it: it sends when it is
   * awaited, and from there no line of the application can be seen.
   */
  sited<T extends object>(builder: T): T;
  /** What the socket answers. */
  state(backends?: number[]): object;
}

/** Tag what the clients and pools of `pg` send, those that are there and those that come. Twice is once. */
export function install(pg: object, options?: Options | Tagging): Tagging;
