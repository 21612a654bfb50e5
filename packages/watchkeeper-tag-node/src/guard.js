/** Whether a statement would wait for a transaction of the same task: nobody would ever break that wait. */

import { Lock } from './statements.js'

const MOST_VALUE = 200
const ROWS = new Set([Lock.KEY_SHARE, Lock.SHARE, Lock.NO_KEY_UPDATE, Lock.UPDATE])
const ROW_CONFLICTS = new Map([
  [Lock.KEY_SHARE, new Set([Lock.UPDATE])],
  [Lock.SHARE, new Set([Lock.NO_KEY_UPDATE, Lock.UPDATE])],
  [Lock.NO_KEY_UPDATE, new Set([Lock.SHARE, Lock.NO_KEY_UPDATE, Lock.UPDATE])],
  [Lock.UPDATE, ROWS],
])

/**
 * A statement was not sent: it would have waited for a transaction that the same task holds open.
 *
 * Without this error it waits for ever. Use the client that the task already has, or commit first.
 */
export class NestedWriteError extends Error {
  name = 'NestedWriteError'
}

/** The claim of one execution: an access whose pins are `row`, a Map from column to the value that was given. */
export function resolve(access, values) {
  const row = new Map()
  for (const pin of access.pins) {
    const value = pin.place === undefined ? pin.value : textOf(values?.[pin.place])
    if (value !== null) row.set(pin.column, value)
  }
  return { table: access.table, lock: access.lock, row, columns: access.columns, waits: access.waits }
}

/** Whether PostgreSQL lets `wanted` wait for `held`, in another transaction, as far as texts can tell. */
export function wouldWait(wanted, held) {
  if (!wanted.waits || wanted.table !== held.table) return false
  const [one, other] = [wanted.lock, held.lock]
  if (one === Lock.ADVISORY || other === Lock.ADVISORY) return one === other && isEqual(wanted.row, held.row)
  if (one === Lock.TABLE || other === Lock.TABLE) return true
  if (one === Lock.INSERT && other === Lock.INSERT) return wanted.row.size > 0 && isEqual(wanted.row, held.row)
  if (!ROWS.has(one) || !ROWS.has(other) || areDistinct(wanted.row, held.row)) return false
  return ROW_CONFLICTS.get(one).has(other)
}

/** Whether both may be about one row of one table. */
export function isSameRows(wanted, held) {
  return wanted.table !== '' && wanted.table === held.table && !areDistinct(wanted.row, held.row)
}

/** Both sides in a sentence. */
export function nestedWords(wanted, site, held) {
  const what = wanted.table || 'an advisory lock'
  const here = site.shown || 'this statement'
  const there = held.site.shown || 'an earlier statement'
  return (
    `${here} (${site.symbol || 'unknown'}) locks ${what} over a second connection while the same task holds it ` +
    `uncommitted since ${there} (${held.site.symbol || 'unknown'}): it would wait for ever`
  )
}

function isEqual(one, other) {
  return one.size === other.size && [...one].every(([column, value]) => other.get(column) === value)
}

function areDistinct(one, other) {
  return [...one].some(([column, value]) => other.has(column) && other.get(column) !== value)
}

/** A value that is no plain one pins nothing. */
function textOf(value) {
  if (!['string', 'number', 'bigint', 'boolean'].includes(typeof value)) return null
  const text = String(value)
  return text.length > MOST_VALUE ? null : text
}
