--
-- The rows of an input are copied wherever they are not those of an output as it stands.
--
SET client_min_messages = warning;
DROP EXTENSION checkpoint CASCADE;
CREATE EXTENSION checkpoint;
CREATE SCHEMA input_copied;
SET search_path = input_copied;

CREATE TYPE mood AS ENUM ('good', 'bad');
CREATE TABLE source AS SELECT i AS id, 'v' || i AS txt FROM generate_series(1, 100) i;
CREATE TABLE other AS SELECT * FROM source;
CREATE TABLE moods AS SELECT i AS id, 'good'::mood AS mood FROM generate_series(1, 10) i;
CREATE FUNCTION f(x int) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	IF x = current_setting('test.bad', true)::int THEN
		RAISE 'cannot do %', x;
	END IF;
	RETURN x * 2;
END $$;
-- tells what the input of an unfinished map is
CREATE FUNCTION kind_of_input(step text) RETURNS text LANGUAGE sql AS $$
SELECT CASE relkind WHEN 'v' THEN 'view' WHEN 'r' THEN 'table' END FROM pg_class WHERE oid = checkpoint.input(step)
$$;

SET test.bad = 1;
SELECT checkpoint.begin_job('forms');
CALL checkpoint.map('one', 'SELECT * FROM source', 'id + 1 AS y');
CREATE PROCEDURE try(query text) LANGUAGE plpgsql AS $$
DECLARE
	step text := 's' || (SELECT count(*) FROM checkpoint.steps);
BEGIN
	CALL checkpoint.map(step, query, 'input_copied.f(id) AS z', on_error => 'skip');
	RAISE NOTICE '%: %', input_copied.kind_of_input(step), query;
END $$;
SET client_min_messages = notice;
-- only the extension's columns make no difference
CALL try('SELECT * FROM one');
CALL try('TABLE one');
CALL try('SELECT o.id, txt, y FROM one o');
CALL try('SELECT sys__id, * FROM one');
-- columns
CALL try('SELECT id, txt FROM one');
CALL try('SELECT id, y, txt FROM one');
CALL try('SELECT id, txt, y AS yy FROM one');
CALL try('SELECT id + 0 AS id, txt, y FROM one');
CALL try('SELECT id, txt, y::bigint FROM one');
CALL try('SELECT id, txt COLLATE "C" AS txt, y FROM one');
CALL try('SELECT *, 1 AS n FROM one');
CALL try('SELECT id, txt, (SELECT max(y) FROM one) AS y FROM one');
CALL try('SELECT id, txt, CASE WHEN y > 0 THEN y END AS y FROM one');
-- rows
CALL try('SELECT * FROM one WHERE id > 0');
CALL try('SELECT * FROM one ORDER BY id DESC');
CALL try('SELECT * FROM one LIMIT 10');
CALL try('SELECT * FROM one OFFSET 0');
CALL try('SELECT DISTINCT * FROM one');
CALL try('SELECT id, txt, y FROM one GROUP BY id, txt, y');
CALL try('SELECT * FROM one UNION ALL SELECT * FROM one');
CALL try('SELECT one.* FROM one JOIN other USING (id)');
CALL try('SELECT one.* FROM one, other WHERE one.id = other.id');
CALL try('SELECT id, txt, y FROM one, generate_series(1, 2)');
CALL try('SELECT * FROM (SELECT * FROM one) s');
CALL try('WITH one AS (SELECT * FROM one) SELECT * FROM one');
CALL try('WITH one AS (SELECT id, txt FROM source) SELECT * FROM one');
CALL try('SELECT * FROM source');
CALL try(format('SELECT id, txt, y FROM %s', checkpoint.output('one')));
-- nothing
CALL checkpoint.map('none', 'SELECT * FROM source WHERE false', 'id + 1 AS y');
CALL try('SELECT * FROM none');
SET client_min_messages = warning;

-- Other kinds of steps.
CALL checkpoint.query('q', 'SELECT * FROM one');
CALL checkpoint.gen('g', 'SELECT * FROM one', 'generate_series(1, f(id + 1)) AS z');
SELECT kind_of_input('g');
CALL checkpoint.agg('a', 'SELECT * FROM one', 'sum(id) AS s', partition_by => 'txt');
SELECT kind_of_input('a');
CALL checkpoint.map('of_query', 'SELECT * FROM q', 'f(id) AS z', on_error => 'skip');
SELECT kind_of_input('of_query');
CALL checkpoint.map('of_gen', 'SELECT * FROM g', 'f(z - 1) AS zz', on_error => 'skip');
SELECT kind_of_input('of_gen');
CALL checkpoint.map('of_agg', 'SELECT * FROM a', 'f(s::int) AS zz', on_error => 'skip');
SELECT kind_of_input('of_agg');
-- a step that is not stored
CALL checkpoint.map('inlined', 'SELECT * FROM one', 'id + 5 AS five', materialized => false);
CALL checkpoint.map('of_inlined', 'SELECT * FROM inlined', 'f(id) AS z', on_error => 'skip');
SELECT kind_of_input('of_inlined');
-- values that name something which may get another name
CALL checkpoint.map('mood', 'SELECT * FROM moods', 'id + 1 AS y');
CALL checkpoint.map('of_mood', 'SELECT * FROM mood', 'f(id) AS z', on_error => 'skip');
SELECT kind_of_input('of_mood');

-- clients
SELECT count(*) FROM checkpoint.open('clients', 'map', 'SELECT * FROM one', 'z int', code_version => '1');
SELECT kind_of_input('clients');
SELECT checkpoint.fail_job('not meant to be finished');

-- Rows in another order than that of their ids, or fewer than ids.
CREATE PROCEDURE run(job text, bad int, y int) LANGUAGE plpgsql AS $$
BEGIN
	PERFORM set_config('test.bad', bad::text, false);
	PERFORM checkpoint.begin_job(job);
	CALL checkpoint.map('skips', 'SELECT * FROM input_copied.source', format('input_copied.f(id) + %s AS y', y), on_error => 'skip');
	CALL checkpoint.map('reader', 'SELECT * FROM skips', '1 / (100 - id) AS z', on_error => 'skip');
	RAISE WARNING '%', (SELECT string_agg(format('%s %s: %s of %s rows', s.step, c.state, s.rows_output, s.rows_total)
			|| CASE s.step WHEN 'reader' THEN ', input is a ' || input_copied.kind_of_input('reader') ELSE '' END,
			'; ' ORDER BY s.started_at)
		FROM checkpoint.steps s JOIN checkpoint.checkpoints c USING (checkpoint_id)
		WHERE s.job_id = (SELECT max(job_id) FROM checkpoint.jobs));
	PERFORM checkpoint.end_job();
END $$;
CALL run('in_order', 0, 1);
CALL run('late', 10, 2);
CALL run('late', 0, 2);
CALL run('fewer', 20, 3);
SELECT checkpoint.give_up(checkpoint_id, sys__id, 'no use') FROM checkpoint.errors WHERE job = 'fewer' AND step = 'skips';
CALL run('fewer', 20, 3);

-- The owner may not read its own table: an error, as for a copy.
CREATE ROLE regress_input_copied;
GRANT USAGE, CREATE ON SCHEMA input_copied TO regress_input_copied;
GRANT SELECT ON source TO regress_input_copied;
SET ROLE regress_input_copied;
SET test.bad = 1;
SELECT checkpoint.begin_job('owner');
CALL checkpoint.map('one', 'SELECT * FROM source', 'id + 1 AS y');
CALL checkpoint.map('two', 'SELECT * FROM one', 'f(id) AS z', on_error => 'skip');
SELECT kind_of_input('two');
SELECT relname, relowner::regrole, relacl FROM pg_class WHERE oid IN (checkpoint.input('two'), checkpoint.output('one')) ORDER BY relname;
SELECT count(*) FROM checkpoint.remainder(NULL::checkpoint_data.owner_two_50_input);
SELECT sys__id, input FROM checkpoint.errors;
REVOKE SELECT ON checkpoint_data.owner_one_49_output FROM regress_input_copied;
CALL checkpoint.map('three', 'SELECT * FROM one', 'f(id) AS z', on_error => 'skip');
RESET ROLE;
DROP OWNED BY regress_input_copied;
DROP ROLE regress_input_copied;
CALL checkpoint.prune();
SELECT relname FROM pg_class WHERE relnamespace = 'checkpoint_data'::regnamespace AND relname LIKE 'owner%';

-- Columns under each other's names, and some rows of a table that is a step's output.
SET test.bad = 1;
SELECT checkpoint.begin_job('others');
CALL checkpoint.map('one', 'SELECT * FROM source', 'id + 1 AS y');
SET client_min_messages = notice;
SET test.bad = 2;
CALL try('SELECT y AS id, txt, id AS y FROM one');
SET test.bad = 1;
CALL try(format('SELECT * FROM (SELECT id, txt, y FROM %s WHERE id <> 3) s', checkpoint.output('one')));
SET client_min_messages = warning;
SELECT step, rows_total, rows_failed FROM checkpoint.steps WHERE job_id = (SELECT max(job_id) FROM checkpoint.jobs) ORDER BY started_at;
-- Rows that its owner has hidden, or added.
SELECT checkpoint.output('one') AS one \gset
ALTER TABLE :one ENABLE ROW LEVEL SECURITY;
CALL checkpoint.map('secured', 'SELECT * FROM one', 'f(id) AS z', on_error => 'skip');
SELECT kind_of_input('secured');
ALTER TABLE :one DISABLE ROW LEVEL SECURITY;
CREATE TABLE more () INHERITS (:one);
CALL checkpoint.map('parent', 'SELECT * FROM one', 'f(id) AS z', on_error => 'skip');
SELECT kind_of_input('parent');
DROP TABLE more;
CALL checkpoint.map('alone', 'SELECT * FROM one', 'f(id) AS z', on_error => 'skip');
SELECT kind_of_input('alone');
SELECT checkpoint.fail_job('not meant to be finished');
-- Rows that were computed late stand behind others, whichever is the last.
CREATE FUNCTION not_yet(x int) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	IF x IN (1, 100) AND current_setting('test.bad') <> '0' THEN
		RAISE 'cannot do %', x;
	END IF;
	RETURN x;
END $$;
SELECT checkpoint.begin_job('last');
CALL checkpoint.map('one', 'SELECT * FROM source', 'not_yet(id) AS y', on_error => 'skip');
SELECT checkpoint.end_job();
SET test.bad = 0;
SELECT checkpoint.begin_job('last');
CALL checkpoint.map('one', 'SELECT * FROM source', 'not_yet(id) AS y', on_error => 'skip');
SELECT format('SELECT sys__id FROM %s WHERE id IN (1, 2, 100) ORDER BY ctid', checkpoint.output('one')) \gexec
SET test.bad = 1;
CALL checkpoint.map('two', 'SELECT * FROM one', 'f(id) AS z', on_error => 'skip');
SELECT kind_of_input('two');
SELECT checkpoint.fail_job('not meant to be finished');

DROP SCHEMA input_copied CASCADE;
