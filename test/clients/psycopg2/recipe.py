"""A job with psycopg2."""
import psycopg2


def nightly(conn):
    conn.autocommit = True                  # not "with conn:", which begins a transaction all the same
    with conn.cursor() as cursor:
        cursor.execute("SELECT checkpoint.begin_job('nightly')")
        cursor.execute("CALL checkpoint.map('embedded', %s, %s)",
                       ('SELECT id, body FROM docs', 'embed(body) AS dims'))
        cursor.execute("CALL checkpoint.save('public.embeddings', 'SELECT * FROM embedded')")
        cursor.execute('SELECT checkpoint.end_job()')


if __name__ == '__main__':
    import sys
    sys.path.insert(0, '..')
    from traps import raises

    conn = psycopg2.connect('')
    raises('no vector for text 13', nightly, conn)
    conn.cursor().execute('CALL mend()')
    nightly(conn)

    def with_conn():
        with conn:
            conn.cursor().execute("CALL checkpoint.map('m', 'SELECT 1 AS a', 'a AS b')")
    raises('cannot run inside a transaction block', with_conn)
    # several statements in one text are one transaction
    raises('cannot run inside a transaction block', conn.cursor().execute,
           "SELECT checkpoint.begin_job('two'); CALL checkpoint.map('m', 'SELECT 1 AS a', 'a AS b')")
    # but a ; within a text is none of SQL's
    cursor = conn.cursor()
    cursor.execute("SELECT checkpoint.begin_job('semicolon')")
    cursor.execute("CALL checkpoint.map('m', 'SELECT ''a;b'' AS a', 'a || '';'' AS b')")
    cursor.execute('SELECT checkpoint.end_job()')
