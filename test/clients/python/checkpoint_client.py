"""Puts a Python function into a step: processes compute, the database keeps the account.

run(dsn, step, fn, workers, input=, output=) begins or continues the step, has
that many processes call fn(row) for the rows that are left, and finishes it.
For a map fn returns a tuple, for a gen any number of them.  A row for which fn
raises is recorded in checkpoint.errors; the next run tries it again.
doc/clients.md has the protocol.
"""
import multiprocessing
import time
from types import SimpleNamespace

import psycopg
from psycopg.rows import namedtuple_row
from tqdm import tqdm


def run(dsn, step, fn, workers=4, *, input, output, kind='map', job=None, code_version=None, rows=100, lease='5 min'):
    with connect(dsn) as conn:
        conn.execute('SELECT checkpoint.begin_job(%s)', (job or step,))
        columns = ', '.join(f'{name} {type}' for name, type in output.items())
        opened = conn.execute(
            'SELECT checkpoint_id, state, input_table::text, output_table::text, total, remaining'
            ' FROM checkpoint.open(%s, %s, %s, %s, code_version => %s)',
            (step, kind, input, columns, code_version)).fetchone()
        if opened.state != 'final':
            arguments = (dsn, SimpleNamespace(**opened._asdict()), kind, list(output), fn, rows, lease)
            # spawn: a forked process would keep this session's socket open
            processes = [multiprocessing.get_context('spawn').Process(target=work, args=arguments, daemon=True)
                         for _ in range(workers)]
            for process in processes:
                process.start()
            with tqdm(total=opened.total, initial=opened.total - opened.remaining, desc=step) as bar:
                while any(process.is_alive() for process in processes):
                    time.sleep(0.2)
                    for row in conn.execute('SELECT rows_done FROM checkpoint.progress WHERE step = %s', (step,)):
                        bar.update(row.rows_done - bar.n)
            conn.execute('SELECT checkpoint.finish(%s)', (opened.checkpoint_id,))
        conn.execute('SELECT checkpoint.end_job()')


def connect(dsn):
    return psycopg.connect(dsn, autocommit=True, row_factory=namedtuple_row)


def work(dsn, opened, kind, columns, fn, rows, lease):
    """Claims and computes rows until none is left that nobody has done."""
    checkpoint = opened.checkpoint_id
    with connect(dsn) as conn:
        while True:
            batch = conn.execute(f'SELECT * FROM checkpoint.claim(NULL::{opened.input_table}, %s, %s::interval)',
                                 (rows, lease)).fetchall()
            if batch:
                store(conn, opened, kind, columns, *compute(kind, fn, batch))
            elif conn.execute('SELECT FROM checkpoint.claims WHERE checkpoint_id = %s', (checkpoint,)).fetchall():
                time.sleep(0.2)         # others may die, and leave us their rows
            else:
                return


def compute(kind, fn, batch):
    """Returns the output, the ids of its rows' inputs, and those that failed with their errors."""
    output, done, failed = [], [], []
    for row in batch:
        try:
            results = [fn(row)] if kind == 'map' else list(fn(row))
            output += [(row.sys__id, *result) for result in results]
            done.append(row.sys__id)
        except Exception as error:
            failed.append((row.sys__id, f'{type(error).__name__}: {error}'))
    return output, done, failed


def store(conn, opened, kind, columns, output, done, failed):
    """Keeps rows and the record of what is processed, in one short transaction."""
    names = ', '.join(['sys__id' if kind == 'map' else 'sys__input_id', *columns])
    try:
        with conn.transaction(), conn.cursor() as cursor:
            with cursor.copy(f'COPY {opened.output_table} ({names}) FROM STDIN') as copy:
                for row in output:
                    copy.write_row(row)
            cursor.execute('SELECT checkpoint.mark_processed(%s, %s::bigint[])', (opened.checkpoint_id, done))
            for id, message in failed:
                cursor.execute("SELECT checkpoint.record_error(%s, %s, 'P0001', %s)",
                               (opened.checkpoint_id, id, message))
    except psycopg.errors.UniqueViolation:
        # Our lease had ended, and another was first: nothing of ours is stored.
        conn.execute('SELECT checkpoint.release(%s)', (opened.checkpoint_id,))
