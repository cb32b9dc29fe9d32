--
-- doc/postgres_exporter.yaml: each query runs, also for a role that only is a member
-- of the jobs' owner, and returns the columns that are listed as metrics.
--
SET client_min_messages = warning;
DROP EXTENSION checkpoint CASCADE;
CREATE EXTENSION checkpoint;
DROP ROLE IF EXISTS exporter_etl, exporter_monitoring, exporter_other;
CREATE ROLE exporter_etl;
CREATE ROLE exporter_monitoring IN ROLE exporter_etl;
CREATE ROLE exporter_other;
\set VERBOSITY terse

SELECT regexp_split_to_table(pg_read_file(current_setting('test.dir') || '/../doc/postgres_exporter.yaml'),
	'\n(?=checkpoint_)') AS part INTO TEMPORARY parts;
DELETE FROM parts WHERE part LIKE '#%';
CREATE TEMPORARY TABLE metrics AS
SELECT substring(part, '^(\w+):') AS name,
	substring(part, 'query: \|\n(.*?)\n  (?:cache_seconds|metrics)') AS query,
	ARRAY(SELECT m[1] FROM regexp_matches(part, '\n    - (\w+):\n        usage: "(?:LABEL|GAUGE)"\n        description: "[^"]+"', 'g') m) AS metrics,
	ARRAY(SELECT m[1] FROM regexp_matches(part, '\n    - (\w+):', 'g') m) AS items
FROM parts;
GRANT SELECT ON metrics TO PUBLIC;
SELECT name, metrics, metrics = items AS described FROM metrics;
-- the columns that a query returns
CREATE FUNCTION pg_temp.columns(query text) RETURNS name[] LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('CREATE TEMPORARY VIEW query AS %s', query);
	RETURN (SELECT array_agg(attname ORDER BY attnum) FROM pg_attribute WHERE attrelid = 'query'::regclass);
END $$;

BEGIN;
SELECT name, pg_temp.columns(query) = metrics::name[] AS same FROM metrics WHERE name = 'checkpoint_progress';
ROLLBACK;

SET ROLE exporter_etl;
SELECT checkpoint.begin_job('nightly');
CALL checkpoint.map('m', 'SELECT x FROM generate_series(1, 5) AS x', '1 / (x - 3) AS y', on_error => 'skip');
SELECT checkpoint.end_job();
SELECT checkpoint.begin_job('hourly');
CALL checkpoint.map('m', 'SELECT x FROM generate_series(1, 5) AS x', '1 / (x - 4) AS y');
RESET ROLE;

-- as one JSON object for each row, without what is measured
CREATE FUNCTION pg_temp.run(name text, query text) RETURNS SETOF jsonb LANGUAGE plpgsql AS $$
BEGIN
	RETURN QUERY EXECUTE format('SELECT (SELECT jsonb_object_agg(key, CASE WHEN key ~ ''seconds$|bytes''
		THEN to_jsonb((value #>> ''{}'')::float8 >= 0) ELSE value END) FROM jsonb_each(to_jsonb(q))) FROM (%s) q', query);
END $$;
SET ROLE exporter_monitoring;
SELECT name, pg_temp.run(name, query) AS row FROM metrics ORDER BY 1, 2;
-- others see nothing
SET ROLE exporter_other;
SELECT name, pg_temp.run(name, query) AS row FROM metrics ORDER BY 1, 2;
RESET ROLE;

DROP EXTENSION checkpoint CASCADE;
CREATE EXTENSION checkpoint;
SET client_min_messages = error;
DROP OWNED BY exporter_etl, exporter_monitoring, exporter_other;
DROP ROLE exporter_monitoring, exporter_etl, exporter_other;
