"""A job with SQLAlchemy 2."""
from sqlalchemy import create_engine, text


def nightly(engine):
    with engine.connect().execution_options(isolation_level='AUTOCOMMIT') as conn:
        job = conn.execute(text("SELECT checkpoint.begin_job('nightly')")).scalar()
        try:
            conn.execute(text("CALL checkpoint.map('embedded', :input, :udf)"),
                         {'input': 'SELECT id, body FROM docs', 'udf': 'embed(body) AS dims'})
            conn.execute(text("CALL checkpoint.save('public.embeddings', 'SELECT * FROM embedded')"))
            conn.execute(text('SELECT checkpoint.end_job()'))
        except BaseException as error:      # the session goes back to the pool
            conn.execute(text('SELECT checkpoint.fail_job(:reason, :job)'), {'reason': str(error), 'job': job})
            raise


if __name__ == '__main__':
    import sys
    sys.path.insert(0, '..')
    from traps import raises

    engine = create_engine('postgresql+psycopg://')
    raises('no vector for text 13', nightly, engine)
    with engine.begin() as conn:
        conn.execute(text('CALL mend()'))
    nightly(engine)

    with engine.connect() as conn:          # begins a transaction
        conn.execute(text("SELECT checkpoint.begin_job('in a transaction')"))
        raises('cannot run inside a transaction block', conn.execute,
               text("CALL checkpoint.map('m', 'SELECT 1 AS a', 'a AS b')"))
    with engine.connect().execution_options(isolation_level='AUTOCOMMIT') as conn:
        conn.execute(text("SELECT checkpoint.begin_job('colons')"))
        # :x is a parameter, also within quotes; \:x is not, nor is ::
        raises('required for bind parameter', conn.execute,
               text("CALL checkpoint.map('m', 'SELECT ''at :x'' AS a', 'a AS b')"))
        conn.execute(text(r"CALL checkpoint.map('m', 'SELECT ''at \:x''::text AS a', 'a AS b')"))
        conn.execute(text('SELECT checkpoint.end_job()'))
        # the pool does not reset what a session has begun
        conn.execute(text("SELECT checkpoint.begin_job('left')"))
    with engine.connect() as conn:
        assert conn.execute(text("SELECT current_setting('checkpoint.job', true)")).scalar()
