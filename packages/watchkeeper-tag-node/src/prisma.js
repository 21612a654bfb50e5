/**
 * Prisma: lines of the application for statements that are sent later. A query of Prisma's is sent when it is awaited,
 * from a stack that the application is not on: the line is where it was made. So is the task, as with Drizzle.
 */

import { AsyncResource } from 'node:async_hooks'

import { currentTask, runFor } from './tasks.js'

const SENDS = new Set(['then', 'catch', 'finally', 'requestTransaction'])

/** The same client, whose statements know their lines; its adapter's pool is installed on with `tagging`. */
export function withLines(client, tagging) {
  return new Proxy(client, {
    get(target, name) {
      const value = Reflect.get(target, name, target)
      if (name === '$transaction') return transaction(target, value, tagging)
      if (name === '$extends') return (...given) => withLines(Reflect.apply(value, target, given), tagging)
      if (typeof value === 'function') return following(target, value, tagging)
      return isModel(name, value) ? model(value, tagging) : value
    },
  })
}

function isModel(name, value) {
  return typeof name === 'string' && !/^[$_]/.test(name) && value !== null && typeof value === 'object'
}

function model(found, tagging) {
  return new Proxy(found, {
    get(target, name) {
      const value = Reflect.get(target, name, target)
      return typeof value === 'function' && name !== 'constructor' ? following(target, value, tagging) : value
    },
  })
}

/** BEGIN and COMMIT are of the line that asks for the transaction; what is done in it has lines of its own. */
function transaction(target, value, tagging) {
  return function begin(work, ...more) {
    const task = currentTask() // before the work is bound: it is of this task
    const inside =
      typeof work === 'function' ? AsyncResource.bind((tx, ...rest) => work(withLines(tx, tagging), ...rest)) : work
    return runFor(task, tagging.finder.find(begin), () => Reflect.apply(value, target, [inside, ...more]))
  }
}

function following(target, value, tagging) {
  return function made(...given) {
    const found = Reflect.apply(value, target, given)
    if (found?.[Symbol.toStringTag] !== 'PrismaPromise') return found
    return known(found, currentTask(), tagging.finder.find(made), tagging)
  }
}

/** Sent in its own context, also within `$transaction([...])`; who waits goes on in his. */
function known(query, task, site, tagging) {
  return new Proxy(query, {
    get(target, name) {
      const value = Reflect.get(target, name, target)
      if (typeof value !== 'function') return value
      if (!SENDS.has(name)) return following(target, value, tagging) // a relation of what was asked for
      if (name === 'requestTransaction') return (...given) => runFor(task, site, () => Reflect.apply(value, target, given))
      return (...given) => runFor(task, site, () => target.then((result) => result))[name](...given)
    },
  })
}
