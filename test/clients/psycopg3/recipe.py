"""A job with psycopg 3."""
import psycopg


def nightly(conn):
    job = conn.execute("SELECT checkpoint.begin_job('nightly')").fetchone()[0]
    try:
        conn.execute("CALL checkpoint.map('embedded', 'SELECT id, body FROM docs', 'embed(body) AS dims')")
        conn.execute("CALL checkpoint.save('public.embeddings', 'SELECT * FROM embedded')")
        conn.execute('SELECT checkpoint.end_job()')
    except BaseException as error:          # the session may go back to a pool
        conn.execute('SELECT checkpoint.fail_job(%s, %s)', (str(error), job))
        raise


if __name__ == '__main__':
    import sys
    sys.path.insert(0, '..')
    from traps import raises

    with psycopg.connect(autocommit=True) as conn:
        raises('no vector for text 13', nightly, conn)
        conn.execute('CALL mend()')
        nightly(conn)

        def in_block():
            with conn.transaction():
                conn.execute("CALL checkpoint.map('m', 'SELECT 1 AS a', 'a AS b')")
        raises('cannot run inside a transaction block', in_block)
        # a % of its own, in a text that also has parameters
        raises('placeholder', conn.execute, "SELECT %s, 'a%'", (1,))
    with psycopg.connect() as conn:
        raises('cannot run inside a transaction block', conn.execute,
               "CALL checkpoint.map('m', 'SELECT 1 AS a', 'a AS b')")
