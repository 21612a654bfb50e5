"use strict";
// Microseconds a statement in each round, plain and tagged in turn: run by benchmarks/tag_cost.py.

const path = require("node:path");
const pg = require("pg");
const { install } = require("..");

const STATEMENTS = 200;
const TEXT = "SELECT a FROM content WHERE id = $1";

async function main(rounds) {
  const { query } = pg.Client.prototype;
  const plain = new pg.Client({ connectionString: process.env.PGURL });
  plain.query = query; // what comes later is on the prototype
  install(pg, { root: path.join(__dirname, ".."), revision: "feed", publish: false });
  const tagged = new pg.Client({ connectionString: process.env.PGURL });
  const took = { node: [], node_tagged: [] };
  const clients = { node: plain, node_tagged: tagged };
  for (const each of Object.values(clients)) await each.connect();
  for (let round = 0; round < rounds; round++) {
    for (const [name, client] of Object.entries(clients)) {
      const began = process.hrtime.bigint();
      for (let row = 0; row < STATEMENTS; row++) await client.query(TEXT, [row % 10]);
      took[name].push(Number(process.hrtime.bigint() - began) / STATEMENTS / 1e3);
    }
  }
  for (const each of Object.values(clients)) await each.end();
  console.log(JSON.stringify(took));
}

main(Number(process.argv[2]));
