/** What happens to a statement that would wait for its own task: a warning, `NestedWriteError` in its place, nothing. */
export type Mode = 'warn' | 'raise' | 'off'

export interface Options {
  /** The top of the checkout; what lies below it, outside `node_modules`, is the application. Default: found. */
  root?: string
  /** The commit that runs; else the variable `WATCHKEEPER_REVISION`, else the checkout's HEAD. */
  revision?: string
  /** Default: `warn`. */
  mode?: Mode
  /** Other processes of the same user may ask for the journal over a socket. Default: true. */
  publish?: boolean
  /** Where warnings go. Default: `process.emitWarning`. */
  warn?: (words: string) => void
}

export interface Site {
  readonly path: string
  readonly line: number
  readonly symbol: string
  readonly shown: string
}

export interface Happening {
  kind: 'nested-write' | 'nested-checkout' | 'lost-update' | 'lock-timeout' | 'deadlock'
  at: number
  backend: number
  text: string
  sites: string[]
  symbol: string
  table: string
}

/** Of one application: what its pools and clients share. */
export declare class Tagging {
  constructor(options?: Options)
  readonly root: string
  readonly revision: string
  readonly mode: Mode
  /** What was seen that no server shows, newest last. */
  readonly events: readonly Happening[]
  /** The journal as the socket gives it; `backends`: of these alone. */
  state(backends?: Iterable<number>): Record<string, unknown>
  /** Answer no longer over the socket. */
  close(): void
}

/** A statement was not sent: it would have waited for a transaction that the same task holds open. */
export declare class NestedWriteError extends Error {}

/**
 * Tag what goes over a `pg.Pool`, a `pg.Client`, or, where the module `pg` itself is given, over all of them.
 * Those of one application share one tagging: pass it in place of the options.
 */
export declare function install<T extends object>(target: T, options?: Options | Tagging): Tagging

/** Run `fn` as a task of its own: a job, a message, a branch of `Promise.all`. Gives what `fn` gives. */
export declare function run<R>(fn: () => R): R
