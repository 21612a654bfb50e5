/** What each open transaction of the process has written or locked, and where; and what its pools are waiting for. */

import { NOWHERE } from './where.js'

const MOST_WRITES = 200
const MOST_READS = 100
const MOST_EVENTS = 200
const IDLE = 'I'

/** One connection. Whoever uses it is its task; `held` are the writes of its open transaction. */
export class Link {
  held = []
  reads = new Set()
  task = null
  since = 0
  last = { site: NOWHERE, at: 0 }
  /** Statements that were sent and not answered yet. */
  running = 0
  /** What the server said last about its transaction; `''`: it was not heard, and the texts have to say. */
  status = ''
  #marks = []
  #begun = false

  constructor(client) {
    this.client = new WeakRef(client)
    this.database = `${client.host}:${client.port}/${client.database}`
  }

  get backend() {
    return this.client.deref()?.processID ?? 0
  }

  get isOpen() {
    return this.status ? this.status !== IDLE : this.#begun
  }

  get isHolding() {
    return this.held.length > 0 || this.reads.size > 0
  }

  /** A statement was done that has to do with the transaction itself. */
  steer({ kind, name }) {
    if (kind === 'begin') this.#begun = true
    else if (kind === 'end') this.#begun = false
    else if (kind === 'mark') this.#marks.push({ name, at: this.held.length })
    else this.#toMark(kind, name)
  }

  /** Forget what was held where the transaction is over; else it is the task's on. */
  settle() {
    if (!this.isOpen) {
      this.held = []
      this.reads.clear()
      this.#marks = []
      this.since = 0
    }
    if (this.running === 0 && !this.isOpen) this.task?.letGo(this)
  }

  /** These were done in its transaction. */
  keep(writes, reads, at) {
    this.since ||= at
    this.held.push(...writes)
    if (this.held.length > MOST_WRITES) this.held.splice(MOST_WRITES / 2, this.held.length - MOST_WRITES)
    for (const table of reads) if (this.reads.size < MOST_READS) this.reads.add(table)
  }

  /** Locks that were taken since a savepoint that is rolled back are given back; released, they are held on. */
  #toMark(kind, name) {
    const found = this.#marks.findLastIndex((mark) => mark.name === name)
    if (found < 0) return
    if (kind === 'back') this.held.length = Math.min(this.held.length, this.#marks[found].at)
    this.#marks.length = kind === 'back' ? found + 1 : found
  }
}

/** A pool as it is now. `waiting`: who asks for a connection, where, since when. */
export class PoolState {
  waiting = new Set()
  told = new Set()

  constructor(pool) {
    this.pool = new WeakRef(pool)
    this.name = pool.options?.database ?? 'pg'
  }

  get limit() {
    return this.pool.deref()?.options?.max ?? 0
  }

  get out() {
    const pool = this.pool.deref()
    return pool ? pool.totalCount - pool.idleCount : 0
  }
}

/** Of one process. */
export class Journal {
  links = new Set()
  pools = new Set()
  events = []

  /** Other connections to the same database whose transaction the same task has open, and which are at rest. */
  others(link) {
    // One with a statement on its way belongs to a branch that goes on by itself: its end is not waited for.
    return this.heldBy(link.task).filter(
      (each) => each !== link && each.database === link.database && each.running === 0,
    )
  }

  /** The connections whose transaction this task has open. */
  heldBy(task) {
    return [...this.links].filter((each) => each.task === task && each.isHolding)
  }

  /** Something was seen that no server shows. */
  tell(kind, text, { backend, sites, symbol, table }) {
    const found = { kind, at: Date.now(), backend, text: text.slice(0, 1000), sites: sites.filter(Boolean), symbol, table }
    if (this.events.push(found) > MOST_EVENTS) this.events.shift()
  }
}
