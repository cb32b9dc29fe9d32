"""A job with asyncpg."""
import asyncio

import asyncpg


async def nightly(pool):
    async with pool.acquire() as conn:      # one connection for the whole job
        await conn.execute("SELECT checkpoint.begin_job('nightly')")
        await conn.execute("CALL checkpoint.map('embedded', 'SELECT id, body FROM docs', 'embed(body) AS dims')")
        await conn.execute("CALL checkpoint.save('public.embeddings', 'SELECT * FROM embedded')")
        await conn.execute('SELECT checkpoint.end_job()')


async def raises(message, awaitable):
    try:
        await awaitable
    except Exception as error:
        assert message in str(error), error
    else:
        raise AssertionError(f'no error: {message}')


async def main():
    async with asyncpg.create_pool(min_size=1, max_size=1) as pool:
        await raises('no vector for text 13', nightly(pool))
        await pool.execute('CALL mend()')
        await nightly(pool)

        # each call of the pool gives its connection back, which is reset: the job is gone
        await pool.execute("SELECT checkpoint.begin_job('by the pool')")
        await raises('session has no job', pool.execute("CALL checkpoint.map('m', 'SELECT 1 AS a', 'a AS b')"))
        assert await pool.fetchval("SELECT status FROM checkpoint.jobs WHERE name = 'by the pool'") == 'interrupted'

        async with pool.acquire() as conn:
            await conn.execute("SELECT checkpoint.begin_job('in a transaction')")

            async def block():
                async with conn.transaction():
                    await conn.execute("CALL checkpoint.map('m', 'SELECT 1 AS a', 'a AS b')")
            await raises('cannot run inside a transaction block', block())

            # a timeout cancels the step: what it has computed is kept
            try:
                await conn.execute(
                    "CALL checkpoint.map('s', 'SELECT g FROM generate_series(1, 1000) g',"
                    " '(SELECT g FROM pg_sleep(0.05 + g * 0)) AS x')", timeout=1)
                raise AssertionError('no timeout')
            except asyncio.TimeoutError:
                pass
            assert await conn.fetchval("SELECT status FROM checkpoint.jobs WHERE name = 'in a transaction'") == 'cancelled'


if __name__ == '__main__':
    asyncio.run(main())
