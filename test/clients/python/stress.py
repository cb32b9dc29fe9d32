"""Eight clients over a step's rows while they are killed, stopped beyond their lease and cut off.

In the end there must be exactly one result for each row.  SEED=... draws other
faults, ROWS=... says how many rows.
"""
import multiprocessing
import os
import random
import signal
import sys
import time
from types import SimpleNamespace

from checkpoint_client import connect, work

DSN = ''
ROWS = int(os.environ.get('ROWS', 100000))
LEASE = 1.0             # seconds


def triple(row):
    if random.random() < 0.001:
        time.sleep(0.3)
    return 3 * row.num,


def fault(conn, processes, stopped):
    """Does something bad to one of the processes."""
    victim = random.choice(processes)
    kind = random.choice(['kill', 'stop', 'cut off'])
    if kind == 'kill':
        victim.kill()
    elif kind == 'stop' and victim not in stopped and victim.is_alive():
        os.kill(victim.pid, signal.SIGSTOP)
        stopped[victim] = time.monotonic() + 2 * LEASE
    else:
        conn.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                     " WHERE application_name = 'stress client' ORDER BY random() LIMIT 1")


def main():
    seed = int(os.environ.get('SEED', random.randrange(10000)))
    random.seed(seed)
    with connect(DSN) as conn:
        conn.execute(f'CREATE TABLE stress_numbers AS SELECT num FROM generate_series(1, {ROWS}) AS num')
        conn.execute("SELECT checkpoint.begin_job('stress')")
        opened = conn.execute(
            'SELECT checkpoint_id, state, input_table::text, output_table::text, total, remaining'
            " FROM checkpoint.open('stress', 'map', 'SELECT num FROM stress_numbers', 'triple bigint')").fetchone()
        arguments = ("application_name='stress client'", SimpleNamespace(**opened._asdict()), 'map',
                     ['triple'], triple, 50, f'{LEASE} s')
        processes, stopped, faults, complete = [], {}, 0, False
        while processes or not complete:
            for process in [process for process in stopped if stopped[process] < time.monotonic()]:
                if process.is_alive():
                    os.kill(process.pid, signal.SIGCONT)
                del stopped[process]
            # one that ended by itself found nothing left to do
            complete = complete or any(process.exitcode == 0 for process in processes)
            processes = [process for process in processes if process.is_alive()]
            while not complete and len(processes) < 8:
                processes.append(multiprocessing.get_context('spawn').Process(target=work, args=arguments, daemon=True))
                processes[-1].start()
            time.sleep(0.05)
            done = conn.execute("SELECT coalesce(max(rows_done), 0) FROM checkpoint.progress WHERE step = 'stress'").fetchone()[0]
            # a hundred faults, however fast the machine is
            if not complete and done >= faults * ROWS / 100:
                fault(conn, processes, stopped)
                faults += 1
        conn.execute('SELECT checkpoint.finish(%s)', (opened.checkpoint_id,))
        conn.execute('SELECT checkpoint.end_job()')
        rows, ids, right = conn.execute(
            'SELECT count(*), count(DISTINCT sys__id) AS ids, bool_and(triple = 3 * num)'
            f' FROM {opened.output_table}').fetchone()
    good = rows == ids == ROWS and right
    print(f"{'ok' if good else 'not ok'} - one result for each of {ROWS} rows after {faults} faults (SEED={seed})")
    sys.exit(not good)


if __name__ == '__main__':
    main()
