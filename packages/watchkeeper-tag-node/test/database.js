/** The server that the suite has started, and the driver that it has installed. Not a test. */

import { createRequire } from 'node:module'
import { connect } from 'node:net'

const modules = process.env.WATCHKEEPER_TEST_MODULES
const host = process.env.WATCHKEEPER_TEST_HOST
const database = process.env.WATCHKEEPER_TEST_DATABASE

export const REVISION = 'abcdef0123456789'
export const HERE = import.meta.dirname ?? new URL('.', import.meta.url).pathname
export const load = createRequire(`${modules ?? HERE}/`)
export const missing = modules && host && database ? false : 'no server: run it by tests/scenario/test_tag_node.py'
export const settings = { host, database, user: 'test' }

const ends = new WeakMap()

/** When the test is over, the last first: a pool ends when its clients are back. */
export function atEnd(t, end) {
  if (!ends.has(t)) {
    ends.set(t, [])
    t.after(async () => {
      for (const each of ends.get(t).reverse()) await each()
    })
  }
  ends.get(t).push(end)
}

/** A pool and a client that looks at it, both ended with the test. */
export function open(t, options = {}) {
  const pg = load('pg')
  const pool = new pg.Pool({ ...settings, max: 4, ...options })
  const looks = new pg.Pool({ ...settings, max: 1 })
  atEnd(t, () => Promise.all([pool.end(), looks.end()]))
  return { pg, pool, looks }
}

/** An empty table of the test's own, with the rows 1 and 2. */
export async function makeTable(looks, name) {
  await looks.query(`DROP TABLE IF EXISTS ${name}`)
  await looks.query(`CREATE TABLE ${name} (id int PRIMARY KEY, a int)`)
  await looks.query(`INSERT INTO ${name} VALUES (1, 0), (2, 0)`)
}

/** A connection with an open transaction; given back, rolled back, with the test. */
export async function begin(t, pool) {
  const client = await pool.connect()
  await client.query('BEGIN')
  atEnd(t, async () => {
    await client.query('ROLLBACK').catch(() => {})
    client.release()
  })
  return client
}

/** What the server shows of a backend's statement. */
export async function shown(looks, backend) {
  const { rows } = await looks.query('SELECT query FROM pg_stat_activity WHERE pid = $1', [backend])
  return rows[0].query
}

/** Until `condition` gives something true; the test's own timeout ends what never comes. */
export async function until(condition) {
  for (;;) {
    const found = await condition()
    if (found) return found
    await new Promise(setImmediate)
  }
}

/** One question over a socket. */
export function ask(path, question) {
  return new Promise((resolve, reject) => {
    let read = ''
    const asking = connect(path, () => asking.write(`${JSON.stringify(question)}\n`))
    asking.setEncoding('utf8').on('data', (part) => (read += part)).on('end', () => resolve(JSON.parse(read))).on('error', reject)
  })
}
