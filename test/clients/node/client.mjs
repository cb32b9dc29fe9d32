// Each processes its share of a step: node client.mjs CHECKPOINT INPUT_TABLE OUTPUT_TABLE
// Claims rows, commits, computes, and keeps result and record in one transaction.
// Connects as PGHOST and the like say.
import pg from 'pg'

const [checkpoint, input, output] = process.argv.slice(2)
const compute = row => Number(row.num) ** 2

const client = new pg.Client()
await client.connect()
for (;;) {
  const { rows } = await client.query(`SELECT sys__id, num FROM checkpoint.claim(NULL::${input}, 100)`)
  if (rows.length === 0) break
  const ids = rows.map(row => row.sys__id)      // bigint comes as a string
  const squares = rows.map(compute)
  try {
    await client.query('BEGIN')
    await client.query(`INSERT INTO ${output} (sys__id, square) SELECT * FROM unnest($1::bigint[], $2::bigint[])`,
      [ids, squares])
    await client.query('SELECT checkpoint.mark_processed($1, $2)', [checkpoint, ids])
    await client.query('COMMIT')
  } catch (error) {
    await client.query('ROLLBACK')
    if (error.code !== '23505') throw error     // another had our rows after our lease, and was first
    await client.query('SELECT checkpoint.release($1)', [checkpoint])
  }
}
await client.end()
