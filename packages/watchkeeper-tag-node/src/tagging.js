/** What one process does with its statements: tags them, keeps what is written, and stops what would wait for itself. */

import { realpathSync } from 'node:fs'

import { publish, renderState } from './answering.js'
import { NestedWriteError, isSameRows, nestedWords, resolve, wouldWait } from './guard.js'
import { Journal } from './journal.js'
import { findRevision, findRoot } from './revision.js'
import { Lock, readText } from './statements.js'
import { renderTag } from './tag.js'
import { currentTask, followRequests, givenSite } from './tasks.js'
import { Finder } from './where.js'

const MOST_TAGS = 20_000
const MOST_STATEMENT = 500
const MODES = ['warn', 'raise', 'off']
const WITH = /^\s*with\b/i // the rows that it gives are not those that it wrote
const LOCK_ERRORS = { '55P03': 'lock-timeout', 57014: 'lock-timeout', '40P01': 'deadlock' }

/** Of one application; one for all its pools and clients. Never throws into it, but for the guard. */
export class Tagging {
  journal = new Journal()
  #tags = new Map()
  #warn
  #answering = null

  constructor({ root, revision = '', mode = 'warn', publish: isPublished = true, warn = process.emitWarning } = {}) {
    if (!MODES.includes(mode)) throw new TypeError(`mode is one of ${MODES.join(', ')}, not ${mode}`)
    this.root = root === undefined ? findRoot(process.cwd()) : realpathSync(root)
    this.revision = findRevision(this.root, revision)
    this.mode = mode
    this.finder = new Finder(this.root)
    this.#warn = warn
    followRequests()
    if (isPublished) this.#answering = publish((backends) => this.state(backends))
  }

  get events() {
    return this.journal.events
  }

  state(backends = []) {
    return renderState(this, new Set(backends))
  }

  close() {
    this.#answering?.close()
    this.#answering = null
  }

  /**
   * Called with each statement before it is sent; gives what was sent, its `tag` with it. `caller`: the function whose
   * caller is the application. Throws: NestedWriteError, in mode `raise` alone.
   */
  before(link, text, values, caller) {
    const task = currentTask()
    const site = givenSite() ?? this.finder.find(caller)
    const parts = readText(text)
    const claims = parts.flatMap((part) => part.accesses.map((access) => resolve(access, values)))
    const sent = { site, parts, claims, text, at: Date.now(), tag: '' }
    if (link.task !== task) {
      link.task?.letGo(link)
      link.task = task
    }
    if (this.mode !== 'off') this.#guard(link, sent)
    sent.tag = this.#tag(site, task.keep(link))
    link.last = { site, at: sent.at }
    link.running += 1
    return sent
  }

  /** Called when it was executed; `rows`: how many it wrote or gave, -1 where that is not known. */
  after(link, sent, rows) {
    link.running -= 1
    for (const { control } of sent.parts) if (control) link.steer(control)
    if (sent.claims.length > 0) this.#keep(link, sent, sent.parts.length === 1 ? rows : -1)
    link.settle()
  }

  /** Called when it failed, with the SQLSTATE: a wait that a timeout ended is told, with both sides if known. */
  failed(link, sent, code) {
    link.running -= 1
    const kind = LOCK_ERRORS[code]
    if (kind !== undefined && sent.claims.length > 0) {
      const held = this.journal.others(link).flatMap((other) => other.held)
      const blocking = held.filter((write) => sent.claims.some((claim) => wouldWait(claim, write.claim)))
      this.#tell(kind, `${code} in ${sent.site.symbol || sent.site.shown}`, link, sent, blocking, sent.claims[0].table)
    }
    link.settle()
  }

  /**
   * Called when a task asks a pool for a connection: one that has one already is told of, once for each place. As many
   * of them as the pool has connections wait for each other, on different rows, without any lock.
   */
  nested(pool, task, site) {
    const holder = this.journal.heldBy(task).find((each) => each.running === 0)
    if (holder === undefined || pool.told.has(site)) return
    pool.told.add(site)
    const there = holder.held[0]?.site ?? holder.last.site
    this.journal.tell(
      'nested-checkout',
      `${site.shown} asks for a second connection of ${pool.name} while its task has one, since ${there.shown}`,
      { backend: holder.backend, sites: [site.shown, there.shown], symbol: site.symbol, table: '' },
    )
  }

  #guard(link, sent) {
    if (sent.claims.length === 0) return
    for (const other of this.journal.others(link)) {
      for (const claim of sent.claims) {
        const held = other.held.find((write) => wouldWait(claim, write.claim)) ?? readBefore(other, claim)
        if (held === undefined) continue
        this.#object(link, claim, sent, held)
        break
      }
    }
  }

  #object(link, claim, sent, held) {
    const words = nestedWords(claim, sent.site, held)
    this.#tell('nested-write', words, link, sent, [held], claim.table)
    if (this.mode === 'raise') throw new NestedWriteError(words)
    this.#warn(words, 'WatchkeeperWarning')
  }

  #tag(site, slot) {
    const key = `${slot} ${site.shown} ${site.symbol}`
    let tag = this.#tags.get(key)
    if (tag === undefined) {
      if (this.#tags.size >= MOST_TAGS) this.#tags.clear()
      tag = renderTag({ revision: this.revision, site, process: process.pid, slot })
      this.#tags.set(key, tag)
    }
    return tag
  }

  #keep(link, { claims, site, at, text }, rows) {
    const writes = claims
      .filter((claim) => claim.lock !== Lock.READ)
      .map((claim) => ({ claim, site, at, statement: text.slice(0, MOST_STATEMENT) }))
    const isNothing = rows === 0 && writes.length > 0 && !WITH.test(text) // no row, no lock but the table's
    if (isNothing) this.#findLost(link, writes[0])
    const read = claims.filter((claim) => claim.lock === Lock.READ || (isNothing && claim.table))
    link.keep(isNothing ? [] : writes, read.map((claim) => claim.table), at)
  }

  /** It met no row, and its own task has that row uncommitted on another connection: its value is lost. */
  #findLost(link, write) {
    if (!write.claim.writes || write.claim.lock === Lock.INSERT || write.claim.row.size === 0) return
    const held = this.journal.others(link).flatMap((other) => other.held)
    const lost = held.find((each) => each.claim.lock === Lock.INSERT && isSameRows(write.claim, each.claim))
    if (lost === undefined) return
    const words =
      `${write.site.shown} wrote no row of ${lost.claim.table}, which the same task has inserted at ` +
      `${lost.site.shown} over another connection and not committed`
    this.#tell('lost-update', words, link, write, [lost], lost.claim.table)
  }

  #tell(kind, words, link, { site }, others, table) {
    const sites = [site.shown, ...others.map((each) => each.site.shown)]
    this.journal.tell(kind, words, { backend: link.backend, sites, symbol: site.symbol, table })
  }
}

/** All of a table waits for those too that have only read it. */
function readBefore(other, claim) {
  if (claim.lock !== Lock.TABLE || !claim.waits || !other.reads.has(claim.table)) return undefined
  return { claim, site: other.last.site }
}
