/** `pg`: a pool, a client, or all of them. Only here is the driver known. */

import { AsyncResource } from 'node:async_hooks'
import { createHash } from 'node:crypto'

import { NestedWriteError } from './guard.js'
import { Link, PoolState } from './journal.js'
import { Tagging } from './tagging.js'
import { currentTask, givenSite, runFor } from './tasks.js'

const MOST_NAME = 63 // bytes: the server cuts what is longer
const DIGITS = 8
const INSTALLED = Symbol.for('watchkeeper-tag')

/**
 * Tag what goes over `target`: a pool with all its clients, one client, or the module `pg` itself for every pool and
 * client of the process. `options` may be the tagging of another one: those of an application share it. Idempotent.
 * Throws: TypeError, where `target` is none of them.
 */
export function install(target, options = {}) {
  if (target[INSTALLED]) return target[INSTALLED]
  const tagging = options instanceof Tagging ? options : new Tagging(options)
  if (typeof target.Client === 'function' && typeof target.Pool === 'function') {
    new Wrapping(tagging).wrapModule(target)
  } else if (typeof target.connect === 'function' && typeof target.totalCount === 'number') {
    new Wrapping(tagging).wrapPool(target)
  } else if (typeof target.query === 'function' && 'processID' in target) {
    new Wrapping(tagging).wrapClient(target)
  } else {
    throw new TypeError('install takes a pg.Pool, a pg.Client, or the module pg')
  }
  Object.defineProperty(target, INSTALLED, { value: tagging })
  return tagging
}

/** Of one target. */
class Wrapping {
  #tagging
  #links = new WeakMap()
  #pools = new WeakMap()

  constructor(tagging) {
    this.#tagging = tagging
  }

  wrapModule(pg) {
    this.#wrapQuery(pg.Client.prototype)
    this.#wrapPoolMethods(pg.Pool.prototype)
  }

  wrapPool(pool) {
    this.#stateOf(pool)
    this.#wrapPoolMethods(pool)
    pool.prependListener('acquire', (client) => this.wrapClient(client))
  }

  wrapClient(client) {
    if (!this.#links.has(client)) this.#wrapQuery(client)
    this.#linkOf(client)
  }

  #wrapQuery(holder) {
    const wrapping = this
    const original = holder.query
    define(holder, 'query', function query(...given) {
      return wrapping.#query(this, original, given, query)
    })
  }

  #wrapPoolMethods(holder) {
    const wrapping = this
    const { connect: originalConnect, query: originalQuery } = holder
    define(holder, 'connect', function connect(callback) {
      return wrapping.#connect(this, originalConnect, callback, connect)
    })
    define(holder, 'query', function query(...given) {
      return wrapping.#poolQuery(this, originalQuery, given, query)
    })
  }

  // Statements

  #query(client, original, given, caller) {
    const call = readCall(given)
    if (call === null) return original.apply(client, given)
    const link = this.#linkOf(client)
    let sent
    try {
      sent = this.#tagging.before(link, call.text, call.values, caller)
    } catch (error) {
      if (error instanceof NestedWriteError) return refuse(error, call.callback)
      return original.apply(client, given) // a statement of the application is worth more than its tag
    }
    const done = (error, result) => {
      if (error) this.#tagging.failed(link, sent, String(error.code ?? ''))
      else this.#tagging.after(link, sent, rowsOf(result))
    }
    try {
      return sendObserved(client, original, tagged(call, sent.tag), done)
    } catch (error) {
      done(error)
      throw error
    }
  }

  #linkOf(client) {
    let link = this.#links.get(client)
    if (link === undefined) {
      link = new Link(client)
      this.#links.set(client, link)
      this.#tagging.journal.links.add(link)
      follow(client, link, () => this.#tagging.journal.links.delete(link))
    }
    return link
  }

  // Pools

  /** What a pool does for its `query` is done later and elsewhere: who has asked is known now. */
  #poolQuery(pool, original, given, caller) {
    const task = currentTask() // before callbacks are bound: they are of this task
    const bound = given.map((each, at) => (at > 0 && typeof each === 'function' ? AsyncResource.bind(each) : each))
    return runFor(task, givenSite() ?? this.#tagging.finder.find(caller), () => original.apply(pool, bound))
  }

  #connect(pool, original, callback, caller) {
    const state = this.#stateOf(pool)
    const task = currentTask()
    const asked = { task, site: givenSite() ?? this.#tagging.finder.find(caller), since: Date.now() }
    this.#tagging.nested(state, task, asked.site)
    const waitedBefore = pool.waitingCount
    const over = () => {
      state.waiting.delete(asked)
      task.letGo(asked)
    }
    const called = callback && AsyncResource.bind((...told) => (over(), callback(...told)))
    const result = original.call(pool, called)
    if (pool.waitingCount > waitedBefore) {
      task.keep(asked)
      state.waiting.add(asked)
    }
    return callback ? result : settled(result, over)
  }

  #stateOf(pool) {
    let state = this.#pools.get(pool)
    if (state === undefined) {
      state = new PoolState(pool)
      this.#pools.set(pool, state)
      this.#tagging.journal.pools.add(state)
    }
    return state
  }
}

/** The text, values and callback of a call of `query`; null: it is something that only the driver understands. */
function readCall([config, values, callback]) {
  if (typeof config === 'string') {
    const isCallback = typeof values === 'function'
    return { config: null, text: config, values: isCallback ? undefined : values, callback: isCallback ? values : callback }
  }
  if (config === null || typeof config !== 'object' || typeof config.submit === 'function') return null
  if (typeof config.text !== 'string') return null
  const isCallback = typeof values === 'function'
  return {
    config,
    text: config.text,
    values: (isCallback ? undefined : values) ?? config.values,
    callback: (isCallback ? values : callback) ?? config.callback,
  }
}

/** The same call with its tag. A prepared statement's name belongs to its text: another text has another name. */
function tagged({ config, text, values, callback }, tag) {
  const written = tag + text
  if (config === null) return { first: written, values, callback }
  const copy = Object.create(Object.getPrototypeOf(config), Object.getOwnPropertyDescriptors(config))
  define(copy, 'text', written) // of a class of templates it may be a getter
  if (config.name) define(copy, 'name', nameFor(config.name, tag))
  define(copy, 'callback', undefined)
  return { first: copy, values, callback }
}

function nameFor(name, tag) {
  const hash = createHash('sha1').update(`${tag}\0${name}`).digest('hex').slice(0, DIGITS)
  const kept = Buffer.from(name).subarray(0, MOST_NAME - DIGITS - 1).toString('latin1').replace(/[^\x20-\x7e]/g, '_')
  return `${kept}~${hash}`
}

function sendObserved(client, original, { first, values, callback }, done) {
  if (typeof callback !== 'function') return settled(original.call(client, first, values), (result) => done(null, result), done)
  return original.call(client, first, values, function observed(error, result) {
    done(error, result)
    return callback.call(this, error, result)
  })
}

/** The same promise, looked at. An async function, since errors then show the application's frames. */
function settled(promise, succeeded, failed = succeeded) {
  if (!(promise instanceof Promise)) {
    return promise?.then?.((result) => (succeeded(result), result), (error) => { failed(error); throw error }) ?? promise
  }
  return (async () => {
    let result
    try {
      result = await promise
    } catch (error) {
      failed(error)
      throw error
    }
    succeeded(result)
    return result
  })()
}

function refuse(error, callback) {
  if (typeof callback !== 'function') return Promise.reject(error)
  process.nextTick(callback, error)
  return undefined
}

function rowsOf(result) {
  return typeof result?.rowCount === 'number' ? result.rowCount : -1
}

/** What the server says of the transaction with each answer, and the end of the connection. */
function follow(client, link, ended) {
  // Before the client's own listener: that calls back whoever has sent the statement.
  client.connection?.prependListener?.('readyForQuery', (message) => {
    link.status = message?.status ?? ''
  })
  client.once?.('end', () => {
    link.status = 'I'
    link.running = 0
    link.settle()
    ended()
  })
}

function define(holder, name, value) {
  Object.defineProperty(holder, name, { value, writable: true, configurable: true, enumerable: true })
}
