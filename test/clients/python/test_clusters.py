"""Tries the recipes of doc/clients.md for engines that run functions on many machines: test_clusters.py ray|dask|spark"""
import os
import sys

import checkpoint_client
from checkpoint_client import connect, open_step, work

DSN = ''                # all from the environment
ROWS = 3000


def square(row):
    return row.num * row.num,


def on_ray(opened):
    import ray
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={'num_cpus': 2})
    cluster.add_node(num_cpus=2)
    ray.init(address=cluster.address, log_to_driver=False)
    cores = int(ray.cluster_resources()['CPU'])
    ray.get([ray.remote(work).remote(DSN, opened, square) for _ in range(cores)])
    nodes = len(ray.nodes())
    ray.shutdown()
    cluster.shutdown()
    return nodes == 2 and cores == 4


def on_dask(opened):
    from dask.distributed import Client, LocalCluster

    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster, Client(cluster) as client:
        cores = sum(client.nthreads().values())
        client.gather([client.submit(work, DSN, opened, square, pure=False) for _ in range(cores)])
    return cores == 2


def on_spark(opened):
    from pyspark.sql import SparkSession

    os.environ['PYSPARK_PYTHON'] = sys.executable
    spark = SparkSession.builder.master('local[2]').config('spark.ui.enabled', 'false').getOrCreate()
    spark.sparkContext.addPyFile(checkpoint_client.__file__)
    cores = spark.sparkContext.defaultParallelism
    spark.sparkContext.range(cores, numSlices=cores).foreachPartition(lambda _: work(DSN, opened, square))
    spark.stop()
    return cores == 2


def main(engine):
    with connect(DSN) as conn:
        conn.execute(f'CREATE TABLE numbers AS SELECT num FROM generate_series(1, {ROWS}) AS num')
        with open_step(DSN, engine, input='SELECT num FROM numbers', output={'square': 'bigint'}, rows=20) as opened:
            complete = {'ray': on_ray, 'dask': on_dask, 'spark': on_spark}[engine](opened)
        right = conn.execute(f'SELECT count(*) = {ROWS} AND count(DISTINCT num) = {ROWS} AND bool_and(square = num * num)'
                             f' FROM {opened.output_table}').fetchone()[0]
    good = complete and right
    print(f"{'ok' if good else 'not ok'} - {engine} has one result for each row")
    sys.exit(not good)


if __name__ == '__main__':
    main(*sys.argv[1:])
