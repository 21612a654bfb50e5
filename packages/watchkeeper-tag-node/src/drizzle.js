/**
 * Drizzle: lines of the application for statements that are sent later. A query of Drizzle's is sent when it is awaited,
 * from a microtask whose stack the application is not on: the line is where it was made. So is the task, since one that
 * began in that microtask would end with it.
 */

import { AsyncResource } from 'node:async_hooks'

import { currentTask, runFor } from './tasks.js'

const STARTS = new Set([
  'select', 'selectDistinct', 'selectDistinctOn', 'insert', 'update', 'delete', 'execute', 'with', '$count',
  'refreshMaterializedView',
]) // prettier-ignore

/** The same `db`, whose statements know their lines; its pool is installed on with `tagging`. */
export function withLines(db, tagging) {
  return new Proxy(db, {
    get(target, name) {
      const value = Reflect.get(target, name, target)
      if (name === 'query') return relations(value, tagging)
      if (name === 'transaction') return transaction(target, value, tagging)
      return STARTS.has(name) ? following(target, value, tagging) : value
    },
  })
}

function relations(query, tagging) {
  if (query === null || typeof query !== 'object') return query
  return new Proxy(query, { get: (target, name) => builder(Reflect.get(target, name, target), tagging) })
}

/** BEGIN and COMMIT are of the line that asks for the transaction; what is done in it has lines of its own. */
function transaction(target, value, tagging) {
  return function begin(work, ...more) {
    const task = currentTask() // before the work is bound: it is of this task
    const inside = AsyncResource.bind((tx) => work(withLines(tx, tagging)))
    return runFor(task, tagging.finder.find(begin), () => Reflect.apply(value, target, [inside, ...more]))
  }
}

/** A builder's methods end, sooner or later, in a query that can be awaited. */
function builder(found, tagging) {
  if (found === null || typeof found !== 'object') return found
  return new Proxy(found, {
    get(target, name) {
      const value = Reflect.get(target, name, target)
      return typeof value === 'function' && name !== 'constructor' ? following(target, value, tagging) : value
    },
  })
}

function following(target, value, tagging) {
  return function made(...given) {
    const found = Reflect.apply(value, target, given)
    if (found === null || typeof found !== 'object' || found instanceof Promise) return found
    return typeof found.then === 'function' ? known(found, currentTask(), tagging.finder.find(made)) : builder(found, tagging)
  }
}

function known(query, task, site) {
  const { then } = query
  // Who waits goes on in his own context, not in the statement's.
  const value = (...callbacks) =>
    runFor(task, site, () => then.call(query, (result) => result)).then(...callbacks)
  return Object.defineProperty(query, 'then', { value, configurable: true, writable: true })
}
