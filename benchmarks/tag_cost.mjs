// Microseconds a statement in each round, plain and tagged in turn, over `pg`: run by tag_cost.py.

import { createRequire } from 'node:module'
import { install } from '../packages/watchkeeper-tag-node/src/index.js'

const STATEMENTS = 200
const [rounds, modules] = process.argv.slice(2)
const pg = createRequire(`${modules}/`)('pg')

const clients = {}
const took = {}
for (const name of ['node', 'node_tagged']) {
  clients[name] = new pg.Client({ connectionString: process.env.PGURL })
  took[name] = []
  await clients[name].connect()
}
install(clients.node_tagged, { revision: 'feedfeedfeed', publish: false })
for (let round = 0; round < Number(rounds); round++) {
  for (const [name, client] of Object.entries(clients)) {
    const began = process.hrtime.bigint()
    for (let row = 0; row < STATEMENTS; row++) await client.query('SELECT a FROM content WHERE id = $1', [row % 10])
    took[name].push(Number(process.hrtime.bigint() - began) / STATEMENTS / 1e3)
  }
}
for (const each of Object.values(clients)) await each.end()
console.log(JSON.stringify(took))
