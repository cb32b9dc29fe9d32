--
-- The query of an input is run once: rows that may be new are kept while they are
-- hashed, and dropped if they turn out to be known.
--
SET client_min_messages = warning;
DROP EXTENSION checkpoint CASCADE;
CREATE EXTENSION checkpoint;
\set VERBOSITY terse

CREATE SCHEMA input_once;
SET search_path = input_once;
CREATE TABLE t AS SELECT g AS a FROM generate_series(1, 4) g;
CREATE TABLE failing (a int);
CREATE FUNCTION twice(a int) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	IF EXISTS (SELECT FROM input_once.failing f WHERE f.a = twice.a) THEN
		RAISE EXCEPTION 'failing';
	END IF;
	RETURN 2 * a;
END $$;
-- counts the runs of a query, or its rows
CREATE SEQUENCE runs;
CREATE FUNCTION counted(a int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$
BEGIN
	PERFORM nextval('input_once.runs');
	RETURN a;
END $$;
-- what there is in the end: how often the query was run, and tables without a checkpoint
CREATE FUNCTION counts() RETURNS TABLE (runs bigint, tables_left bigint) LANGUAGE plpgsql AS $$
BEGIN
	runs := nextval('input_once.runs') - 1;
	PERFORM setval('input_once.runs', 1, false);
	SELECT count(*) INTO tables_left FROM pg_class c
	WHERE relnamespace = 'checkpoint_data'::regnamespace AND relkind = 'r'
		AND NOT EXISTS (SELECT FROM checkpoint.checkpoint p WHERE c.relname IN (p.input_table, p.output_table));
	RETURN NEXT;
END $$;

CREATE PROCEDURE run(kind text, query text) LANGUAGE plpgsql AS $$
BEGIN
	PERFORM checkpoint.begin_job(kind || ' of ' || left(md5(query), 4));
	IF kind = 'map' THEN
		CALL checkpoint.map('m', input => query, udf => 'twice(a) AS b');
	ELSE
		CALL checkpoint.query('q', query);
	END IF;
	PERFORM checkpoint.end_job();
END $$;
CREATE VIEW step AS SELECT action, reason, rows_kept AS kept, rows_computed AS computed
FROM checkpoint.steps ORDER BY job_id DESC LIMIT 1;

-- A query that cannot be recognised: first, unchanged, changed, changed back.
\set input 'SELECT t.a FROM t, (SELECT nextval(''runs'') OFFSET 0) r'
CALL run('query', :'input');
SELECT action, counts.* FROM step, counts();
CALL run('query', :'input');
SELECT action, counts.* FROM step, counts();
INSERT INTO t VALUES (5);
CALL run('query', :'input');
SELECT action, reason, counts.* FROM step, counts();
DELETE FROM t WHERE a = 5;
CALL run('query', :'input');
SELECT action, counts.* FROM step, counts();

-- The same with a function, which fails, is called again and goes on.
INSERT INTO failing VALUES (3);
CALL run('map', :'input');
SELECT action, computed, counts.* FROM step, counts();
CALL run('map', :'input');
SELECT action, kept, computed, counts.* FROM step, counts();
TRUNCATE failing;
CALL run('map', :'input');
SELECT action, kept, computed, counts.* FROM step, counts();
INSERT INTO t VALUES (6);
CALL run('map', :'input');
SELECT action, reason, kept, computed, counts.* FROM step, counts();
CALL run('map', :'input');
SELECT action, counts.* FROM step, counts();

-- A query that is recognised while its table has not changed; 5 rows, then 6.
VACUUM t;
\set input 'SELECT counted(a) AS a FROM t'
CALL run('map', :'input');
SELECT action, computed, counts.* FROM step, counts();
CALL run('map', :'input');
SELECT action, counts.* FROM step, counts();
INSERT INTO t VALUES (7);
CALL run('map', :'input');
SELECT action, kept, computed, counts.* FROM step, counts();
-- other pages, the same rows
UPDATE t SET a = a;
CALL run('map', :'input');
SELECT action, counts.* FROM step, counts();
CALL run('map', :'input');
SELECT action, counts.* FROM step, counts();

-- What was read to be known is right.
SELECT checkpoint.output('m', max(job_id)) AS output FROM checkpoint.steps WHERE step = 'm' \gset
SELECT a, b FROM :output ORDER BY a;

SET client_min_messages = warning;
DROP SCHEMA input_once CASCADE;
DROP EXTENSION checkpoint CASCADE;
CREATE EXTENSION checkpoint;
