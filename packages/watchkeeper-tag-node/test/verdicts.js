/**
 * What the guard says of statements, for a test that asks Python's guard the same: each line that comes in is a list of
 * `[text, values]`, each that goes out what was read and, by row, whether a statement would wait for each. Not a test.
 */

import { createInterface } from 'node:readline'

import { resolve, wouldWait } from '../src/guard.js'
import { readText } from '../src/statements.js'

const claimsOf = ([text, values]) =>
  readText(text).flatMap(({ accesses }) => accesses.map((each) => resolve(each, values)))

const shown = ({ table, lock, row, columns, waits, writes, unique }) => ({
  table, lock, row: [...row], columns, waits, writes, unique,
})

for await (const line of createInterface({ input: process.stdin })) {
  const claims = JSON.parse(line).map(claimsOf)
  const says = (wanted, held) => wanted.some((one) => held.some((other) => wouldWait(one, other)))
  const waits = claims.map((wanted) => claims.map((held) => says(wanted, held)))
  process.stdout.write(`${JSON.stringify({ claims: claims.map((each) => each.map(shown)), waits })}\n`)
}
