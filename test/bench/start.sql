-- No contender pays for what another has left to be written.
CHECKPOINT;
SELECT clock_timestamp() AS started, cpu_ms() AS cpu_started, pg_current_wal_insert_lsn() AS wal_started \gset
