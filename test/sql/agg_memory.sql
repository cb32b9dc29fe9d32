--
-- agg: the memory of a step depends on the largest group, not on how many there are.
--
SET client_min_messages = warning;
DROP EXTENSION checkpoint CASCADE;
CREATE EXTENSION checkpoint;
CREATE SCHEMA agg_memory;
SET search_path = agg_memory;
\set VERBOSITY terse
SET checkpoint.progress_interval = 0;

-- what this process has for itself, kB, at one group of a thousand
CREATE FUNCTION memory(k int) RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
	RETURN CASE WHEN k % 1000 = 0 THEN (SELECT sum(total_bytes) / 1024 FROM pg_backend_memory_contexts) END;
END $$;

-- Many groups of one row, and of a few, in one long transaction: from the tenth part on, nothing grows.
SET checkpoint.commit_interval = '1h';
SELECT 1 FROM checkpoint.begin_job('many');
CALL checkpoint.agg('one', 'SELECT i AS k, md5(i::text) AS t FROM generate_series(1, 50000) i', 'min(t) AS t, memory(k) AS kb', 'k');
CALL checkpoint.agg('few', 'SELECT i % 20000 AS k, md5(i::text) AS t FROM generate_series(1, 100000) i', 'array_agg(t) AS t, memory(k) AS kb', 'k');
SELECT checkpoint.output('one') AS one, checkpoint.output('few') AS few \gset
SELECT count(*), max(kb) - min(kb) < 1024 AS bounded FROM :one WHERE k % 1000 = 0 AND k > 5000;
SELECT count(*), max(kb) - min(kb) < 1024 AS bounded FROM :few WHERE k % 1000 = 0 AND k > 2000;

-- One group of many rows: its values are there as an array, and little else.
CREATE FUNCTION memory_now() RETURNS bigint LANGUAGE sql VOLATILE AS 'SELECT sum(total_bytes)::bigint / 1024 FROM pg_backend_memory_contexts';
CREATE FUNCTION largest(s bigint, x bigint) RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
	RETURN CASE WHEN x % 50000 = 1 THEN greatest(s, agg_memory.memory_now()) ELSE s END;
END $$;
CREATE AGGREGATE memory_of_rows(bigint) (SFUNC = largest, STYPE = bigint, INITCOND = '0');
CALL checkpoint.agg('small group', 'SELECT i AS x FROM generate_series(1, 10::bigint) i', 'memory_of_rows(x) AS kb', '');
CALL checkpoint.agg('large group', 'SELECT i AS x FROM generate_series(1, 500000::bigint) i', 'memory_of_rows(x) AS kb', '');
SELECT checkpoint.output('small group') AS small, checkpoint.output('large group') AS large \gset
-- 500,000 values of 8 bytes
SELECT l.kb - s.kb < 2 * 500000 * 8 / 1024 AS bounded FROM :large l, :small s;
SELECT 1 FROM checkpoint.end_job();

-- Groups are sorted on disk where they are more than fits into work_mem.
SET work_mem = '64kB';
SELECT 1 FROM checkpoint.begin_job('spilled');
CALL checkpoint.agg('s', 'SELECT i * 7919 % 20000 AS k, i AS x FROM generate_series(1, 60000) i', 'count(*) AS n, sum(x) AS s', 'k', workers => 2);
SELECT checkpoint.output('s') AS s \gset
SELECT count(*), sum(n) AS n, sum(s) AS s, bool_and(k = sys__id * 7919 % 20000) AS in_order FROM :s;
SELECT 1 FROM checkpoint.end_job();

DROP SCHEMA agg_memory CASCADE;
