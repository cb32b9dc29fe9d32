--
-- A large input is read, numbered, hashed and written by several processes where the
-- server chooses to, and is the same: rows, ids without gaps in the order of pages,
-- content hash.
--
SET client_min_messages = warning;
DROP EXTENSION checkpoint CASCADE;
CREATE EXTENSION checkpoint;
RESET client_min_messages;
\set VERBOSITY terse

CREATE SCHEMA input_parallel;
SET search_path = input_parallel;
CREATE DOMAIN positive AS int CHECK (VALUE > 0);
CREATE TYPE pair AS (a int, b text);
CREATE TABLE source (
	gone int,
	x int,
	p positive,
	b text,
	double int GENERATED ALWAYS AS (x * 2) STORED,
	n numeric,
	c pair,
	r text[]
);
ALTER TABLE source DROP COLUMN gone;
INSERT INTO source (x, p, b, n, c, r)
SELECT g, g, NULLIF('text ' || g, 'text 7'), g * 1.5, CASE WHEN g % 3 = 0 THEN (g, 'b')::pair END,
	ARRAY[g::text, NULL]
FROM generate_series(1, 5000) g;
ALTER TABLE source ADD later int DEFAULT 17;
CREATE TABLE plain AS SELECT x, b FROM source WHERE b IS NOT NULL;
-- Compressed, out of line, out of line and compressed, and short ones among them.
CREATE TABLE long (x int, a text, b text);
ALTER TABLE long ALTER b SET STORAGE EXTERNAL;
INSERT INTO long SELECT g, CASE WHEN g % 10 = 0 THEN repeat(g::text, 5000) END,
	CASE g % 500 WHEN 0 THEN repeat('x', 9000) WHEN 1 THEN 'short' END
FROM generate_series(1, 3000) g;
ANALYZE;

-- All rows are read by workers.
SET parallel_leader_participation = off;
SET min_parallel_table_scan_size = 0;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0.1;
SET test.tell = on;
SELECT set_config('test.leader', pg_backend_pid()::text, false) <> '' AS set;
CREATE FUNCTION tells(x int) RETURNS boolean STABLE PARALLEL SAFE COST 1 LANGUAGE plpgsql AS $$
BEGIN
	IF x = 2 AND current_setting('test.tell') = 'on' THEN
		RAISE NOTICE 'read by %, as %', CASE pg_backend_pid()::text WHEN current_setting('test.leader') THEN 'the leader' ELSE 'a worker' END, current_user;
	END IF;
	RETURN true;
END $$;
-- A function that fails leaves the step's input for us to see.
CREATE FUNCTION fails(x int) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	RAISE 'fails';
END $$;

-- compares what steps have read, with one process and with two, with what the query returns.
CREATE FUNCTION compare(query text) RETURNS TABLE (processes text, state text, rows_total bigint, ids text, in_order boolean, rows_differ bigint, same_hash boolean)
LANGUAGE plpgsql SET test.tell = off AS $$
DECLARE
	t record;
BEGIN
	FOR t IN SELECT c.*, min(input_hash) OVER () = max(input_hash) OVER () AS same FROM checkpoint.checkpoints c WHERE c.job IN ('one', 'two') ORDER BY c.job LOOP
		processes := t.job;
		state := t.state;
		rows_total := t.rows_total;
		same_hash := t.same;
		EXECUTE format('SELECT min(sys__id) || '' to '' || max(sys__id) || '', '' || count(DISTINCT sys__id) || '' of '' || count(*) FROM %s', t.input_table) INTO ids;
		EXECUTE format('SELECT bool_and(s) FROM (SELECT sys__id > lag(sys__id, 1, 0::bigint) OVER (ORDER BY ctid) AS s FROM %s) s', t.input_table) INTO in_order;
		EXECUTE format('CREATE TEMP TABLE kept AS SELECT * FROM %s', t.input_table);
		ALTER TABLE kept DROP sys__id;
		EXECUTE format('SELECT count(*) FROM ((TABLE kept EXCEPT ALL (%1$s)) UNION ALL ((%1$s) EXCEPT ALL TABLE kept)) d', query) INTO rows_differ;
		DROP TABLE kept;
		RETURN NEXT;
	END LOOP;
END $$;
\pset footer off
\set run 'SELECT checkpoint.begin_job(\'one\') > 0 AS one; CALL checkpoint.map(\'m\', :\'query\', \'fails(x) AS y\', workers => 1); SELECT checkpoint.begin_job(\'two\') > 0 AS two; CALL checkpoint.map(\'m\', :\'query\', \'fails(x) AS y\', workers => 2); SELECT * FROM compare(:\'query\'); CALL checkpoint.drop_job(\'one\'); CALL checkpoint.drop_job(\'two\');'

-- Nulls, a domain, a generated column, composite values, arrays; a column that was
-- dropped, and one that older rows do not have.
\set query 'SELECT x, p, b, double, n, c, r, later FROM source WHERE tells(x)'
:run

-- Rows as they stand in the table.
\set query 'SELECT * FROM plain WHERE tells(x)'
:run

-- Long values, which only the session can write; it may read rows, too.
\set query 'SELECT x, a, b, repeat(b, 2) AS bb FROM long WHERE tells(x)'
:run
SET parallel_leader_participation = on;
\set query 'SELECT * FROM long'
:run
SET parallel_leader_participation = off;
-- They are the step's own: the source may go, and a copy does without the step.
CREATE TABLE gone (LIKE long INCLUDING STORAGE);
INSERT INTO gone TABLE long;
ANALYZE gone;
SELECT checkpoint.begin_job('own') > 0 AS begun;
CALL checkpoint.map('m', 'SELECT x, a, b FROM gone', 'fails(x) AS y', workers => 2);
DROP TABLE gone;
SELECT input_table FROM checkpoint.checkpoints WHERE job = 'own' \gset
CREATE TABLE copied AS SELECT * FROM :input_table;
CALL checkpoint.drop_job('own');
SELECT count(*) AS differ FROM ((SELECT x, a, b FROM copied EXCEPT ALL TABLE long) UNION ALL (TABLE long EXCEPT ALL SELECT x, a, b FROM copied)) d;
-- If most are long, it does not ask others.
CREATE TABLE longer AS SELECT g AS x, repeat('x', 1 + g % 2 * 9000) AS b FROM generate_series(1, 1000) g;
ALTER TABLE longer ALTER b SET STORAGE EXTERNAL;
UPDATE longer SET b = b || '';
\set query 'SELECT * FROM longer WHERE tells(x)'
:run

-- Rows that are older than some of their columns, and columns in another order.
CREATE TABLE old AS SELECT g AS x, g + 1 AS z FROM generate_series(1, 2000) g;
ALTER TABLE old ADD later int;
ANALYZE old;
\set query 'SELECT * FROM old'
:run
\set query 'SELECT later, z, x FROM old'
:run

-- Rows that fill a page, and have no room there with a number; what is longer than a
-- page when it is computed; and what is too long for any.
CREATE TABLE filling (x int, b text) WITH (toast_tuple_target = 8160);
ALTER TABLE filling ALTER b SET STORAGE EXTERNAL;
INSERT INTO filling SELECT g, CASE WHEN g % 100 = 0 THEN repeat('x', 8128) ELSE 'text ' || g END FROM generate_series(1, 3000) g;
ANALYZE filling;
\set query 'SELECT * FROM filling'
:run
\set query 'SELECT x, b || b AS b FROM filling'
:run
SELECT 'SELECT x, ' || string_agg(format('x + 1::bigint AS c%s', i), ', ') || ' FROM old' AS query FROM generate_series(1, 1100) i \gset
SELECT checkpoint.begin_job('too long') > 0 AS begun;
CALL checkpoint.map('m', :'query', 'fails(x) AS y', workers => 2);
CALL checkpoint.drop_job('too long');

-- Expressions, joins, sub-selects, views, and parts of tables.
CREATE TABLE parted (b text, x int) PARTITION BY LIST (x);
CREATE TABLE part_1 PARTITION OF parted FOR VALUES IN (1);
CREATE TABLE part_2 (x int, gone int, b text);
ALTER TABLE part_2 DROP gone;
ALTER TABLE parted ATTACH PARTITION part_2 FOR VALUES IN (2);
INSERT INTO parted SELECT 'part ' || g, 1 + g % 2 FROM generate_series(1, 3000) g;
ANALYZE parted;
CREATE VIEW joined AS
SELECT s.x, p.b || s.n AS text, (SELECT count(*) FROM parted WHERE b IS NOT NULL) AS rows, 1 AS one,
	CASE WHEN s.x % 2 = 0 THEN s.c END AS c
FROM source s JOIN plain p USING (x) WHERE tells(s.x);
\set query 'SELECT * FROM joined'
:run
\set query 'SELECT x, b FROM parted UNION ALL SELECT x, b FROM plain WHERE tells(x)'
:run
\set query 'SELECT * FROM parted WHERE b <> \'\''
:run

-- The order of rows counts where the query says so.
\set query 'SELECT x, b FROM plain WHERE tells(x) ORDER BY b'
:run
\set query '(SELECT x, b FROM plain WHERE tells(x) ORDER BY b) UNION ALL SELECT x, b FROM parted'
:run
\set query 'SELECT x, b FROM plain WHERE tells(x) LIMIT 10000'
:run

-- The session's settings say whether others may read.
SET max_parallel_workers_per_gather = 0;
\set query 'SELECT * FROM plain WHERE tells(x)'
:run
RESET max_parallel_workers_per_gather;

-- So does the number of workers: here the session is one of two.
CREATE FUNCTION alone(x int) RETURNS boolean STABLE PARALLEL SAFE COST 1 LANGUAGE plpgsql AS $$
BEGIN
	IF x % 1000 = 999 AND (SELECT count(DISTINCT pid) > 2 FROM pg_locks WHERE relation = 'plain'::regclass AND mode = 'AccessShareLock') THEN
		RAISE 'too many processes read';
	END IF;
	RETURN true;
END $$;
ALTER TABLE plain SET (parallel_workers = 2);
\set query 'SELECT x, b FROM plain WHERE alone(x)'
:run
ALTER TABLE plain RESET (parallel_workers);
\set query 'SELECT * FROM plain WHERE tells(x)'

-- No worker is to be had: the session does it all.
SET max_parallel_workers = 0;
:run
RESET max_parallel_workers;

-- An error comes as it is, and leaves no table behind.
CREATE FUNCTION refuses(x int) RETURNS int STABLE PARALLEL SAFE LANGUAGE plpgsql AS $$
BEGIN
	IF x = 4321 THEN
		RAISE 'refuses %', x USING ERRCODE = 'UR001', DETAIL = 'the detail', HINT = 'the hint';
	END IF;
	RETURN x;
END $$;
SELECT checkpoint.begin_job('refused') > 0 AS begun;
\set VERBOSITY default
CALL checkpoint.map('m', 'SELECT refuses(x) AS x FROM plain', 'x + 1 AS y', workers => 2);
\echo :LAST_ERROR_SQLSTATE
\set VERBOSITY terse
SELECT action, rows_total FROM checkpoint.steps;
SELECT count(*) FROM pg_class WHERE relnamespace = 'checkpoint_data'::regnamespace;

-- Functions that may be run in parallel may call others that run commands.
CREATE FUNCTION asks(x int) RETURNS int LANGUAGE plpgsql PARALLEL SAFE
AS 'BEGIN RETURN (SELECT max(p.x) FROM (SELECT 1 AS x) p) + x; END';
CREATE FUNCTION calls(x int) RETURNS int LANGUAGE plpgsql STABLE PARALLEL SAFE COST 1
AS 'BEGIN RETURN asks(x); END';
RESET parallel_leader_participation;
SELECT checkpoint.begin_job('commands') > 0 AS begun;
CALL checkpoint.map('two', 'SELECT calls(x) AS x FROM plain', 'x + 1 AS y', workers => 2);
CALL checkpoint.map('one', 'SELECT calls(x) AS x, 1 AS one FROM plain', 'x + 1 AS y');
SET parallel_leader_participation = off;
-- What is computed for a column that is not kept is computed all the same.
CALL checkpoint.map('left_out', 'SELECT x, 1 / (x - 5) AS sys__q FROM plain', 'x + 1 AS y', workers => 2);
CREATE VIEW failing AS SELECT x, 1 / (x - 5) AS sys__q FROM plain;
SELECT checkpoint.begin_job('left out') > 0 AS begun;
CALL checkpoint.map('m', 'SELECT x, sys__q FROM failing', 'x + 1 AS y', workers => 1);
SELECT checkpoint.begin_job('left out') > 0 AS begun;
CALL checkpoint.map('m', 'SELECT x, sys__q FROM failing', 'x + 1 AS y', workers => 2);
SELECT checkpoint.begin_job('left out') > 0 AS begun;
CALL checkpoint.map('m', 'SELECT x, x AS sys__q FROM plain UNION ALL SELECT x, 1 / (x - 5) FROM plain', 'x + 1 AS y', workers => 2);
-- (one that is a table's is not)
CREATE VIEW renamed AS SELECT b, x, x AS sys__q FROM plain;
SELECT checkpoint.begin_job('left out') > 0 AS begun;
CALL checkpoint.map('m', 'SELECT x, sys__q FROM renamed', 'x + 1 AS y', workers => 2);
SELECT checkpoint.end_job();

-- Whoever runs a step, workers are the job's owner, and read what the owner may read.
CREATE ROLE regress_reader;
GRANT USAGE ON SCHEMA input_parallel TO regress_reader;
GRANT SELECT ON plain TO regress_reader;
SET ROLE regress_reader;
SELECT checkpoint.begin_job('reader') AS job \gset
RESET ROLE;
CALL checkpoint.map('m', 'SELECT * FROM plain WHERE tells(x)', 'x + 1 AS y', workers => 2, job => :job);
CALL checkpoint.map('n', 'SELECT x FROM source WHERE tells(x)', 'x + 1 AS y', workers => 2, job => :job);
SELECT step, action, rows_output FROM checkpoint.steps WHERE job_id = :job ORDER BY step;

SET client_min_messages = warning;
DROP EXTENSION checkpoint CASCADE;
DROP SCHEMA IF EXISTS checkpoint_data CASCADE;
DROP SCHEMA input_parallel CASCADE;
DROP ROLE regress_reader;
CREATE EXTENSION checkpoint;
