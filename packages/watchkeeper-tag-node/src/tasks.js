/**
 * Tasks told apart by the smallest free number, so that tags repeat and statements stay prepared.
 *
 * A task is what the async context says: what `run` was given, an HTTP request, else whatever follows from the first
 * statement of a context. They are the process's, as threads are: that is why this module has state of its own.
 */

import { AsyncLocalStorage, executionAsyncId } from 'node:async_hooks'
import diagnostics from 'node:diagnostics_channel'
import { isMainThread, threadId } from 'node:worker_threads'

const REQUEST = 'http.server.request.start'
const SCRIPT = 1 // the asyncId of the main script; 0 is a module's, and since Node 24 that of all that follows an await
const ARE_AWAITS_NUMBERED = Number(process.versions.node.split('.')[0]) < 24

const context = new AsyncLocalStorage()
const prefix = isMainThread ? '' : `${threadId}.` // workers have the process's number too, and slots of their own

/** The smallest numbers that are free. */
export class Slots {
  #taken = new Set()

  take() {
    let slot = 1
    while (this.#taken.has(slot)) slot += 1
    this.#taken.add(slot)
    return slot
  }

  giveBack(slot) {
    this.#taken.delete(slot)
  }
}

/** One task. It has a slot only while somebody keeps it: a statement on its way, an open transaction, a wait. */
export class Task {
  #slots
  #slot = 0
  #keepers = new Set()

  constructor(slots) {
    this.#slots = slots
  }

  /** Its slot as a tag has it; it is the keeper's until that lets go. */
  keep(keeper) {
    this.#keepers.add(keeper)
    if (this.#slot === 0) this.#slot = this.#slots.take()
    return this.slot
  }

  /** The slot is given away again with the last of them. */
  letGo(keeper) {
    this.#keepers.delete(keeper)
    if (this.#keepers.size > 0 || this.#slot === 0) return
    this.#slots.giveBack(this.#slot)
    this.#slot = 0
  }

  get slot() {
    return this.#slot === 0 ? '' : `${prefix}${this.#slot}`
  }
}

const slots = new Slots()
const main = new Task(slots)

/** Run `fn` as a task of its own. Gives what `fn` gives. */
export function run(fn) {
  return context.run({ task: new Task(slots), site: null }, fn)
}

/** Run `fn` for a statement whose line is known, on behalf of `task`: what the pool does for it has no such line. */
export function runFor(task, site, fn) {
  return context.run({ task, site }, fn)
}

/** The line that was given with `runFor`; null: the stack knows it. */
export function givenSite() {
  return context.getStore()?.site ?? null
}

/**
 * The running task. Where none was begun it begins here, for all that follows from here. Not for the main script: all
 * that it sets up, servers and timers, would be one task with it.
 */
export function currentTask() {
  const store = context.getStore()
  if (store !== undefined) return store.task
  const id = executionAsyncId()
  if (id === SCRIPT || (id === 0 && ARE_AWAITS_NUMBERED)) return main
  const task = new Task(slots)
  context.enterWith({ task, site: null })
  return task
}

/** From now on each HTTP request of a server in this process is a task. Idempotent. */
export function followRequests() {
  diagnostics.unsubscribe?.(REQUEST, beginRequest)
  diagnostics.subscribe?.(REQUEST, beginRequest)
}

function beginRequest() {
  context.enterWith({ task: new Task(slots), site: null })
}
