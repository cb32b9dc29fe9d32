"""Puts a Python function into a step: processes compute, the database keeps the account (see doc/clients.md)."""
import contextlib
import functools
import multiprocessing
import os
import socket
import time
import types

import psycopg
import tqdm
from psycopg.rows import namedtuple_row

connect = functools.partial(psycopg.connect, autocommit=True, row_factory=namedtuple_row, prepare_threshold=None)


def run(dsn, step, fn, workers=4, **arguments):
    """Has processes call fn(row), which returns a tuple for a map, and any number of tuples for a gen."""
    with open_step(dsn, step, **arguments) as opened, connect(dsn) as conn, tqdm.tqdm(total=opened.total) as bar:
        spawn = multiprocessing.get_context('spawn')    # a forked process would keep the job's connection open
        processes = [spawn.Process(target=work, args=(dsn, opened, fn), daemon=True) for _ in range(workers)]
        for process in processes:
            process.start()
        while any(process.is_alive() for process in processes):
            time.sleep(0.2)
            for row in conn.execute('SELECT rows_done FROM checkpoint.progress WHERE step = %s', (step,)):
                bar.update(row.rows_done - bar.n)


@contextlib.contextmanager
def open_step(dsn, step, *, input, output, kind='map', job=None, code_version=None, rows=100, lease='5 min', pooled=False):
    """Begins or continues a step, for any processes that call work() meanwhile; finishes it at the end."""
    with connect(dsn) as conn:
        conn.execute('SELECT checkpoint.begin_job(%s)', (job or step,))
        opened = conn.execute('SELECT * FROM checkpoint.open(%s, %s, %s, %s, %s)', (
            step, kind, input, ', '.join(map(' '.join, output.items())), code_version)).fetchone()
        columns = ', '.join(['sys__id' if kind == 'map' else 'sys__input_id', *output])
        yield types.SimpleNamespace(**opened._asdict(), kind=kind, columns=columns, rows=rows, lease=lease, pooled=pooled)
        if opened.state != 'final':
            conn.execute('SELECT checkpoint.finish(%s)', (opened.checkpoint_id,))
        conn.execute('SELECT checkpoint.end_job()')


def work(dsn, opened, fn):
    """Claims, computes and stores rows, until none is left that nobody has."""
    checkpoint = opened.checkpoint_id
    holder = f'{socket.gethostname()} {os.getpid()}' if opened.pooled else None    # else the session holds the rows
    with connect(dsn) as conn:
        while opened.remaining:
            batch = conn.execute(f'SELECT * FROM checkpoint.claim(NULL::{opened.input_table}, %s, %s, %s)',
                                 (opened.rows, opened.lease, holder)).fetchall()
            if not batch:
                if not conn.execute('SELECT FROM checkpoint.claims WHERE checkpoint_id = %s', (checkpoint,)).rowcount:
                    return
                time.sleep(0.2)     # others may die, and leave us their rows
                continue
            output, done, failed = [], [], []
            for row in batch:
                try:
                    results = [fn(row)] if opened.kind == 'map' else fn(row)
                    output += [(row.sys__id, *result) for result in results]
                    done.append(row.sys__id)
                except Exception as error:
                    failed.append((checkpoint, row.sys__id, 'P0001', repr(error)))
            try:
                with conn.transaction(), conn.cursor() as cursor:
                    with cursor.copy(f'COPY {opened.output_table} ({opened.columns}) FROM STDIN') as copy:
                        for row in output:
                            copy.write_row(row)
                    cursor.execute('SELECT checkpoint.mark_processed(%s, %s::bigint[])', (checkpoint, done))
                    for error in failed:
                        cursor.execute('SELECT checkpoint.record_error(%s, %s, %s, %s)', error)
            except psycopg.errors.UniqueViolation:      # our lease had ended, and another was first: nothing is kept
                conn.execute('SELECT checkpoint.release(%s, %s)', (checkpoint, holder))
