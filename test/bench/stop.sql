SELECT clock_timestamp() AS stopped, cpu_ms() AS cpu_stopped, pg_current_wal_insert_lsn() AS wal_stopped \gset
SELECT 'seconds', extract(epoch FROM :'stopped'::timestamptz - :'started'::timestamptz);
SELECT 'cpu_ms', :cpu_stopped - :cpu_started;
SELECT 'wal_bytes', :'wal_stopped'::pg_lsn - :'wal_started'::pg_lsn;
-- What the contender has left to be written, and does not pay for above.
CHECKPOINT;
SELECT 'seconds_and_checkpoint', extract(epoch FROM clock_timestamp() - :'started'::timestamptz);
