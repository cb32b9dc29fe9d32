"""Eight clients over a step's rows while they are killed, stopped beyond their lease and cut off.

In the end there must be exactly one result for each row.  ROWS=... says how many
rows, SEED=... draws other faults; POOLER=... is where clients connect to, behind a
pooler in transaction mode.
"""
import multiprocessing
import os
import random
import signal
import sys
import time

from checkpoint_client import connect, open_step, work

ROWS = int(os.environ.get('ROWS') or 100000)
POOLER = os.environ.get('POOLER', '')
LEASE = 1.0             # seconds


def triple(row):
    if random.random() < 0.001:
        time.sleep(0.3)
    return 3 * row.num,


def client(opened):
    try:
        work(POOLER + " application_name='stress client'", opened, triple)
    except Exception as error:      # cut off; of a result behind the error psycopg makes a ValueError
        print(f'client ends: {error!r}', flush=True)


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


def stress(conn, opened):
    """Has eight clients, at any time, until all rows are done; returns how many faults there were."""
    spawn = multiprocessing.get_context('spawn')
    processes, stopped, faults, done = [], {}, 0, 0
    try:
        while done < ROWS:
            for process in [process for process in stopped if stopped[process] < time.monotonic()]:
                if process.is_alive():
                    os.kill(process.pid, signal.SIGCONT)
                del stopped[process]
            processes = [process for process in processes if process.is_alive()]
            while len(processes) < 8:
                processes.append(spawn.Process(target=client, args=(opened,), daemon=True))
                processes[-1].start()
            time.sleep(0.05)
            done = conn.execute("SELECT max(rows_done) FROM checkpoint.progress WHERE step = 'stress'").fetchone()[0]
            # one in a thousand rows, however fast the machine is
            if done >= faults * 1000:
                fault(conn, processes, stopped)
                faults += 1
    finally:
        for process in processes:   # zombies, which wake up when all is done, and none is left asleep
            if process.is_alive():
                os.kill(process.pid, signal.SIGCONT)
    for process in processes:
        process.join()
    return faults


def main():
    seed = int(os.environ.get('SEED') or random.randrange(10000))
    random.seed(seed)
    started = time.monotonic()
    with connect() as conn:
        conn.execute(f'CREATE TABLE IF NOT EXISTS stress_numbers AS SELECT num FROM generate_series(1, {ROWS}) AS num')
        with open_step('', 'stress', input=f'SELECT num, {seed} AS seed FROM stress_numbers', output={'triple': 'bigint'},
                       rows=50, lease=f'{LEASE} s', pooled=POOLER != '') as opened:
            faults = stress(conn, opened)
        rows, ids, right = conn.execute(
            'SELECT count(*), count(DISTINCT sys__id) AS ids, bool_and(triple = 3 * num)'
            f' FROM {opened.output_table}').fetchone()
    good = rows == ids == ROWS and right
    print(f"{'ok' if good else 'not ok'} - one result for each of {ROWS} rows after {faults} faults"
          f' in {time.monotonic() - started:.0f} s (SEED={seed})')
    sys.exit(not good)


if __name__ == '__main__':
    main()
