-- A pass over a table of three columns.  The middle of three.
SET max_parallel_workers_per_gather = 0;
CREATE TEMP TABLE taken (seconds float8);
SELECT clock_timestamp() AS started \gset
SELECT :what FROM :source s \gset ignored_
INSERT INTO taken SELECT extract(epoch FROM clock_timestamp() - :'started'::timestamptz);
SELECT clock_timestamp() AS started \gset
SELECT :what FROM :source s \gset ignored_
INSERT INTO taken SELECT extract(epoch FROM clock_timestamp() - :'started'::timestamptz);
SELECT clock_timestamp() AS started \gset
SELECT :what FROM :source s \gset ignored_
INSERT INTO taken SELECT extract(epoch FROM clock_timestamp() - :'started'::timestamptz);
SELECT 'seconds', percentile_cont(0.5) WITHIN GROUP (ORDER BY seconds) FROM taken;
