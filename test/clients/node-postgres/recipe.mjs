// A job with node-postgres.
import assert from 'node:assert/strict'
import pg from 'pg'

async function nightly(pool) {
	const client = await pool.connect()		// not pool.query: each may be on another connection
	let job
	try {
		job = (await client.query("SELECT checkpoint.begin_job('nightly') AS job")).rows[0].job
		await client.query('CALL checkpoint.map($1, $2, $3)',
			['embedded', 'SELECT id, body FROM docs', 'embed(body) AS dims'])
		await client.query("CALL checkpoint.save('public.embeddings', 'SELECT * FROM embedded')")
		await client.query('SELECT checkpoint.end_job()')
	} catch (error) {
		if (job) await client.query('SELECT checkpoint.fail_job($1, $2)', [error.message, job])
		throw error
	} finally {
		client.release()
	}
}

const pool = new pg.Pool({ max: 2 })
await assert.rejects(nightly(pool), /no vector for text 13/)
await pool.query('CALL mend()')
await nightly(pool)

// several statements in one text are one transaction
const client = await pool.connect()
await assert.rejects(client.query("SELECT checkpoint.begin_job('two'); CALL checkpoint.map('m', 'SELECT 1 AS a', 'a AS b')"),
	/cannot run inside a transaction block/)

// query_timeout gives the promise up, not the step; statement_timeout cancels it
const slow = "CALL checkpoint.map('s', 'SELECT g FROM generate_series(1, 40) g', '(SELECT g FROM pg_sleep(0.05 + g * 0)) AS x')"
const status = async name =>
	(await pool.query('SELECT status FROM checkpoint.jobs WHERE name = $1', [name])).rows[0].status
const hasty = new pg.Client({ query_timeout: 500 })
await hasty.connect()
await hasty.query("SELECT checkpoint.begin_job('hasty')")
await assert.rejects(hasty.query(slow), /timeout/)
assert.equal(await status('hasty'), 'running')
hasty.on('error', () => {})
hasty.connection.stream.destroy()
await client.query("SELECT checkpoint.begin_job('patient')")
await client.query("SET statement_timeout = '500ms'")
await assert.rejects(client.query(slow), /statement timeout/)
await client.query('RESET statement_timeout')
assert.equal(await status('patient'), 'failed')
client.release()
await pool.end()
