"""Tries checkpoint_client: bad rows, a process killed half-way, all killed, reruns."""
import multiprocessing
import os
import signal
import sys
import threading
import time

import psycopg

from checkpoint_client import connect, open_step, run

DSN = ''                # all from the environment
ROWS = 3000


def wait_for_killer(step, row):
    """The last third of the rows waits until processes were killed, on a machine of whatever speed."""
    while row.num > 2 * ROWS / 3 and not os.path.exists(f'{step} killed'):
        time.sleep(0.01)


def square(row):
    wait_for_killer('squares', row)
    if row.num == 7 and not os.path.exists('fixed'):
        raise ValueError('cannot handle 7')
    return row.num * row.num,


def divisors(row):
    wait_for_killer('factors', row)
    return [(divisor,) for divisor in (2, 3, 5) if row.num % divisor == 0]


def value(query):
    with connect(DSN) as conn:
        return conn.execute(query).fetchone()[0]


def check(what, condition):
    print(('ok - ' if condition else 'not ok - ') + what, flush=True)
    if not condition:
        sys.exit(1)


def done(step):
    return value(f"SELECT coalesce(max(rows_done), 0) FROM checkpoint.progress WHERE step = '{step}'")


def kill_half_way(step, count):
    """In a thread: waits until a third of the rows is done, and kills so many workers."""
    def wait_and_kill():
        while done(step) < ROWS / 3 or len(multiprocessing.active_children()) < 4:
            time.sleep(0.05)
        for process in multiprocessing.active_children()[:count]:
            os.kill(process.pid, signal.SIGKILL)
        open(f'{step} killed', 'w').close()
    thread = threading.Thread(target=wait_and_kill, daemon=True)
    thread.start()
    return thread


def squares():
    run(DSN, 'squares', square, input='SELECT num FROM numbers', output={'square': 'bigint'}, rows=20)


def factors():
    run(DSN, 'factors', divisors, input='SELECT num FROM numbers', output={'divisor': 'int'}, kind='gen', rows=20)


def binary():
    """Computes a step over the binary protocol, with prepared statements."""
    with open_step(DSN, 'binary', input='SELECT num FROM numbers', output={'square': 'bigint'}) as opened, \
            psycopg.connect(DSN, autocommit=True) as conn, conn.cursor(binary=True) as cursor:
        while batch := cursor.execute(f'SELECT * FROM checkpoint.claim(NULL::{opened.input_table}, %b)', (100,), prepare=True).fetchall():
            with conn.transaction():
                with cursor.copy(f'COPY {opened.output_table} ({opened.columns}) FROM STDIN (FORMAT BINARY)') as copy:
                    copy.set_types(['int8', 'int8'])
                    for id, num in batch:
                        copy.write_row((id, num * num))
                cursor.execute('SELECT checkpoint.mark_processed(%b, %b::bigint[])',
                               (opened.checkpoint_id, [id for id, num in batch]), prepare=True)
    return value(f'SELECT count(*) = {ROWS} AND bool_and(square = num * num) FROM {opened.output_table}')


def main():
    with connect(DSN) as conn:
        conn.execute(f'CREATE TABLE numbers AS SELECT num FROM generate_series(1, {ROWS}) AS num')

    killer = kill_half_way('squares', 1)
    squares()
    killer.join()
    output = value("SELECT output_table::text FROM checkpoint.steps WHERE step = 'squares' ORDER BY job_id DESC LIMIT 1")
    check('a killed process costs no row and doubles none', value(
        f'SELECT count(*) = {ROWS - 1} AND count(DISTINCT num) = {ROWS - 1} AND bool_and(square = num * num) FROM {output}'))
    check('the bad row is recorded', value(
        "SELECT count(*) = 1 AND bool_and(message LIKE '%%cannot handle 7%%') FROM checkpoint.errors"))

    open('fixed', 'w').close()
    squares()
    output = value("SELECT output_table::text FROM checkpoint.steps WHERE step = 'squares' ORDER BY job_id DESC LIMIT 1")
    check('a rerun computes the bad row alone', value(
        "SELECT rows_computed = 1 FROM checkpoint.steps WHERE step = 'squares' ORDER BY job_id DESC LIMIT 1"))
    check('then there is one result for each row', value(
        f'SELECT count(*) = {ROWS} AND count(DISTINCT num) = {ROWS} AND bool_and(square = num * num) FROM {output}'))

    killer = kill_half_way('factors', 4)
    try:
        factors()
        check('a run whose processes are all killed fails', False)
    except psycopg.errors.ObjectNotInPrerequisiteState:
        check('a run whose processes are all killed fails', True)
    killer.join()
    factors()
    output = value("SELECT output_table::text FROM checkpoint.steps WHERE step = 'factors' ORDER BY job_id DESC LIMIT 1")
    check('its rerun finishes what is left', value(
        f"SELECT rows_kept >= {ROWS} / 3 AND rows_kept + rows_computed = {ROWS}"
        " FROM checkpoint.steps WHERE step = 'factors' ORDER BY job_id DESC LIMIT 1"))
    check('and a generator has each row once', value(
        f'SELECT count(*) = {ROWS // 2 + ROWS // 3 + ROWS // 5} AND count(DISTINCT (sys__input_id, divisor)) = count(*) FROM {output}'))
    check('binary format and prepared statements work', binary())


if __name__ == '__main__':
    main()
