/** Whether a statement would wait for a transaction of the same task: nobody would ever break that wait. */

import { Lock } from './statements.js'

const MOST_VALUE = 200
const TABLES = new Set([Lock.TABLE, Lock.EXCLUSIVE, Lock.WRITERS])
const ROWS = new Set([Lock.KEY_SHARE, Lock.SHARE, Lock.NO_KEY_UPDATE, Lock.UPDATE])
const ROW_CONFLICTS = new Map([
  [Lock.KEY_SHARE, new Set([Lock.UPDATE])],
  [Lock.SHARE, new Set([Lock.NO_KEY_UPDATE, Lock.UPDATE])],
  [Lock.NO_KEY_UPDATE, new Set([Lock.SHARE, Lock.NO_KEY_UPDATE, Lock.UPDATE])],
  [Lock.UPDATE, ROWS],
])
const ID = [['id']]

/**
 * A statement was not sent: it would have waited for a transaction that the same task holds open.
 *
 * Without this error it waits for ever. Use the client that the task already has, or commit first.
 */
export class NestedWriteError extends Error {
  name = 'NestedWriteError'
}

/**
 * The claim of one execution: an access whose pins are `row`, a Map from column to the value that was given. Where
 * nothing says what is unique in the table, `id` is taken for its key.
 */
export function resolve(access, values) {
  const row = new Map()
  for (const pin of access.pins) {
    const value = pin.place === undefined ? pin.value : textOf(values?.[pin.place])
    if (value !== null) row.set(pin.column, value)
  }
  const { table, lock, columns, waits, writes, unique } = access
  return { table, lock, row, columns, waits, writes, unique: unique.length > 0 ? unique : ID }
}

/** Whether PostgreSQL lets `wanted` wait for `held`, in another transaction, as far as texts can tell. */
export function wouldWait(wanted, held) {
  if (wanted.table !== held.table) return false
  const [one, other] = [wanted.lock, held.lock]
  if (!wanted.waits && !(ROWS.has(one) && TABLES.has(other))) return false // tables are waited for all the same
  if (one === Lock.READ || other === Lock.READ) return one === Lock.TABLE || other === Lock.TABLE
  if (one === Lock.ADVISORY || other === Lock.ADVISORY) return one === other && isEqual(wanted.row, held.row)
  if (one === Lock.TABLE || other === Lock.TABLE) return true
  if (one === Lock.EXCLUSIVE || other === Lock.EXCLUSIVE) return true
  if (one === Lock.WRITERS && other === Lock.WRITERS) return wanted.writes || held.writes
  if (one === Lock.WRITERS || other === Lock.WRITERS) return one === Lock.WRITERS ? held.writes : wanted.writes
  // Of a key that another transaction has just taken, given up, or is about to change.
  if (one === Lock.INSERT) return held.writes && hasSameKey(wanted, held)
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

function hasSameKey(wanted, held) {
  const isSame = (column) => wanted.row.has(column) && wanted.row.get(column) === held.row.get(column)
  return [...wanted.unique, ...held.unique].some((key) => key.length > 0 && key.every(isSame))
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
