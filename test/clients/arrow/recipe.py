"""The views through readers that make Arrow tables: ADBC and connectorx."""
import os

import adbc_driver_postgresql.dbapi
import connectorx

STEPS = """
SELECT job_id, job, step, action, rows_total, rows_computed,
    output_table::text, extract(epoch FROM ended_at - started_at)::float8 AS seconds, reason
FROM checkpoint.steps
"""
CHECKPOINTS = """
SELECT checkpoint_id, job, step, state, bytes, output_table::text,
    extract(epoch FROM retention)::float8 AS retention, rows_by_code::text
FROM checkpoint.checkpoints
"""
PROGRESS = """
SELECT job, step, phase, rows_done, rows_total, percent::float8,
    extract(epoch FROM time_left)::float8 AS seconds_left
FROM checkpoint.progress
"""

uri = 'postgresql://{PGUSER}@127.0.0.1:{PGPORT}/{PGDATABASE}'.format(**os.environ)
with adbc_driver_postgresql.dbapi.connect(uri, autocommit=True) as conn, conn.cursor() as cursor:
    cursor.execute('CALL mend()')
    for statement in ("SELECT checkpoint.begin_job('arrow')",
                      "CALL checkpoint.map('m', 'SELECT id, body FROM docs', 'embed(body) AS dims')",
                      'SELECT checkpoint.end_job()'):
        cursor.execute(statement)
    for query in STEPS, CHECKPOINTS, PROGRESS:
        cursor.execute(query)
        adbc = cursor.fetch_arrow_table()
        table = connectorx.read_sql(uri, query, return_type='arrow')
        assert adbc.column_names == table.column_names
        assert not any('extension' in str(column.type) for column in adbc.schema), adbc.schema
    # the views that need no casts
    for view in 'jobs', 'errors', 'given_up', 'published', 'claims':
        cursor.execute(f'SELECT * FROM checkpoint.{view}')
        cursor.fetch_arrow_table()
        connectorx.read_sql(uri, f'SELECT * FROM checkpoint.{view}', return_type='arrow')
