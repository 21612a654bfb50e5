/** A program that stands still in one way, until its input ends. Not a test: a watch looks at it from outside. */

import { install, run } from '../src/index.js'
import { HERE, load, REVISION, settings } from './database.js'

const { Pool } = load('pg')
const pool = new Pool({ ...settings, max: 2, connectionTimeoutMillis: 20_000, lock_timeout: 20_000 })
install(pool, { root: HERE, revision: REVISION, warn: () => {} })

async function setsStage(client) {
  await client.query('BEGIN')
  await client.query('UPDATE content SET stage = $1 WHERE id = $2', ['done', 1])
  await client.query('SELECT count(*) FROM content')
}

async function setsStatus(row) {
  await pool.query('UPDATE content SET status = $1 WHERE id = $2', ['new', row])
}

/** One task, two connections, one row: it waits for itself. */
async function nested() {
  await setsStage(await pool.connect())
  await setsStatus(1)
}

/** Two tasks: one holds the row and goes on some time, the other waits for it. */
async function apart() {
  await run(async () => setsStage(await pool.connect()))
  await run(() => setsStatus(1))
}

/** Each of as many tasks as the pool has connections asks for one more. */
async function exhausted() {
  let ready = 0
  const each = async (row) => {
    const client = await pool.connect()
    await client.query('BEGIN')
    await client.query('UPDATE content SET stage = $1 WHERE id = $2', ['done', row])
    ready += 1
    while (ready < 2) await new Promise(setImmediate)
    await setsStatus(row)
  }
  await Promise.all([run(() => each(1)), run(() => each(2))])
}

process.stdin.on('end', () => process.exit(0)).resume()
await { nested, apart, exhausted }[process.argv[2]]()
