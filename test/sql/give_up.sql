--
-- Rows in quarantine show their values.  One that is given up counts as processed,
-- without output, whatever becomes of the code and of the input.
--
SET client_min_messages = warning;
DROP EXTENSION checkpoint CASCADE;
CREATE EXTENSION checkpoint;
CREATE SCHEMA give_up;
SET search_path = give_up;

CREATE TABLE docs (id int, txt text, note text);
INSERT INTO docs SELECT i, CASE WHEN i % 3 = 0 THEN 'bad' ELSE 'good' END || i, 'n' || i
FROM generate_series(1, 10) i;
CREATE FUNCTION measure(txt text) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	IF txt LIKE 'bad%' THEN
		RAISE 'cannot read %', txt;
	END IF;
	RETURN length(txt);
END $$;
CREATE PROCEDURE run(on_code_change text = 'continue') LANGUAGE plpgsql AS $$
BEGIN
	PERFORM checkpoint.begin_job('give_up');
	CALL checkpoint.map('m', 'SELECT * FROM docs', 'measure(txt) AS n', on_error => 'skip',
		on_code_change => on_code_change);
	PERFORM checkpoint.end_job();
END $$;
CREATE VIEW last_step AS
SELECT action, reason, rows_total, rows_kept, rows_computed, rows_failed, rows_output,
	(SELECT state FROM checkpoint.checkpoints c WHERE c.checkpoint_id = s.checkpoint_id)
FROM checkpoint.steps s ORDER BY job_id DESC LIMIT 1;
CREATE VIEW last_status AS
SELECT status FROM checkpoint.jobs ORDER BY job_id DESC LIMIT 1;

CALL run();
SELECT sys__id, input, message FROM checkpoint.errors;
SELECT checkpoint_id AS c FROM checkpoint.errors LIMIT 1 \gset

-- Any other row, and no row.
SELECT checkpoint.give_up(:c, 1, 'it is good');
SELECT checkpoint.give_up(:c, 11, 'there is none');
SELECT checkpoint.give_up(0, 3, 'no such checkpoint');
SELECT checkpoint.give_up(:c, 3, NULL);

-- One of three: the step is not finished.
SELECT checkpoint.give_up(:c, 3, 'scanned upside down');
SELECT checkpoint.give_up(:c, 3, 'again');
SELECT sys__id FROM checkpoint.errors;
SELECT job, step, sys__id, reason FROM checkpoint.given_up;
SELECT rows_processed, rows_failed, rows_output FROM checkpoint.checkpoints WHERE checkpoint_id = :c;
CALL run();
SELECT * FROM last_step;
SELECT * FROM last_status;

-- All of them: it is, and is reused.
SELECT checkpoint.give_up(checkpoint_id, sys__id, 'lost') FROM checkpoint.errors;
SELECT * FROM checkpoint.errors;
CALL run();
SELECT * FROM last_step;
SELECT * FROM last_status;
SELECT id, n FROM checkpoint_data.give_up_m_1_output ORDER BY id;
CALL run();
SELECT * FROM last_step;

-- With other values of other rows, and of columns that are not read.
UPDATE docs SET note = 'changed' WHERE id < 5;
UPDATE docs SET txt = 'good and long' WHERE id = 10;
INSERT INTO docs VALUES (11, 'good11', '');
CALL run();
SELECT * FROM last_step;
SELECT sys__id, reason FROM checkpoint.given_up ORDER BY checkpoint_id, sys__id;
-- A second row with the same values is another row.
INSERT INTO docs VALUES (12, 'bad9', '');
CALL run();
SELECT * FROM last_step;
SELECT input FROM checkpoint.errors;

-- With other code, of an unfinished step ...
CREATE OR REPLACE FUNCTION measure(txt text) RETURNS int LANGUAGE sql AS 'SELECT 2 * length(txt)';
CALL run('recompute');
SELECT * FROM last_step;
SELECT id, n FROM docs LEFT JOIN checkpoint_data.give_up_m_3_output USING (id) ORDER BY id;
SELECT rows_by_code -> 'given up' AS given_up FROM checkpoint.checkpoints WHERE checkpoint_id = 3;
-- ... and of a finished one, which has rows of an enum.
CREATE TYPE mood AS ENUM ('sad', 'happy');
ALTER TABLE docs ADD COLUMN mood mood DEFAULT 'sad';
CREATE FUNCTION cheer(id int, m mood) RETURNS text LANGUAGE plpgsql AS
	$$ BEGIN IF id = 2 THEN RAISE 'no'; END IF; RETURN id || m::text; END $$;
CREATE PROCEDURE run_cheer() LANGUAGE plpgsql AS $$
BEGIN
	PERFORM checkpoint.begin_job('cheer');
	CALL checkpoint.map('m', 'SELECT id, mood FROM docs WHERE id < 5', 'cheer(id, mood)', on_error => 'skip');
	PERFORM checkpoint.end_job();
END $$;
CALL run_cheer();
SELECT checkpoint.give_up(checkpoint_id, sys__id, 'no') FROM checkpoint.errors WHERE job = 'cheer';
CALL run_cheer();
CREATE OR REPLACE FUNCTION cheer(id int, m mood) RETURNS text LANGUAGE sql AS $$ SELECT id || 'x' $$;
SELECT step, action, rows_total, rows_kept, rows_to_compute FROM checkpoint.explain_job('cheer');
CALL run_cheer();
SELECT * FROM last_step;
SELECT cheer FROM checkpoint_data.cheer_m_5_output ORDER BY 1;
UPDATE docs SET id = 100 WHERE id = 1;
CALL run_cheer();
SELECT * FROM last_step;

-- gen, and groups: their partition columns.
CREATE FUNCTION parts(id int) RETURNS SETOF int LANGUAGE plpgsql AS
	$$ BEGIN IF id = 3 THEN RAISE 'three'; END IF; RETURN QUERY SELECT generate_series(1, id); END $$;
CREATE FUNCTION total(int[]) RETURNS int LANGUAGE plpgsql AS
	$$ BEGIN IF 3 = ANY ($1) THEN RAISE 'three'; END IF; RETURN cardinality($1); END $$;
CREATE PROCEDURE run_others() LANGUAGE plpgsql AS $$
BEGIN
	PERFORM checkpoint.begin_job('others');
	CALL checkpoint.gen('g', 'SELECT id FROM docs WHERE id < 5', 'parts(id) AS part', on_error => 'skip');
	CALL checkpoint.agg('a', 'SELECT id % 2 = 1 AS odd, id FROM docs WHERE id < 8',
		'total(array_agg(id)) AS n', 'odd', on_error => 'skip');
	PERFORM checkpoint.end_job();
END $$;
CALL run_others();
SELECT step, input FROM checkpoint.errors WHERE job = 'others' ORDER BY step;
SELECT checkpoint.give_up(checkpoint_id, sys__id, 'three') FROM checkpoint.errors WHERE job = 'others';
CALL run_others();
SELECT step, action, rows_total, rows_kept, rows_computed, rows_output FROM checkpoint.steps
WHERE job = 'others' ORDER BY job_id DESC, step DESC LIMIT 2;
UPDATE docs SET id = 0 WHERE id = 4;
CALL run_others();
SELECT step, action, rows_total, rows_kept, rows_computed, rows_failed, rows_output FROM checkpoint.steps
WHERE job = 'others' ORDER BY job_id DESC, step DESC LIMIT 2;
SELECT count(*) FROM checkpoint.errors;

-- fresh forgets it, as all that was kept.
SELECT checkpoint.begin_job('others', fresh => true) > 0 AS begun;
CALL checkpoint.gen('g', 'SELECT id FROM docs WHERE id < 5', 'parts(id) AS part', on_error => 'skip');
SELECT rows_failed FROM last_step;

-- Values are shown with the viewer's rights, and only to who may see the error.
CREATE ROLE regress_viewer;
SELECT checkpoint_id AS c, sys__id AS id FROM checkpoint.errors WHERE job = 'others' \gset
GRANT ALL ON SCHEMA give_up TO regress_viewer;
SET ROLE regress_viewer;
SELECT count(*) FROM checkpoint.errors;
SELECT count(*) FROM checkpoint.given_up;
SELECT checkpoint._error_input(:c, :id);
SELECT checkpoint.give_up(:c, :id, 'not mine');
\echo :LAST_ERROR_SQLSTATE
-- A type's conversion to JSON is code of the owner, and runs as the owner.
CREATE TYPE grade AS ENUM ('low', 'high');
CREATE FUNCTION as_json(grade) RETURNS json LANGUAGE sql AS $$ SELECT to_json(current_user) $$;
CREATE CAST (grade AS json) WITH FUNCTION as_json(grade);
CREATE FUNCTION fail(grade) RETURNS int LANGUAGE plpgsql AS $$ BEGIN RAISE 'failed'; END $$;
SELECT checkpoint.begin_job('viewers') > 0 AS begun;
CALL checkpoint.map('m', 'SELECT ''low''::grade AS p', 'fail(p) AS x', on_error => 'skip');
SELECT checkpoint.end_job();
SELECT checkpoint_id AS c, input_table AS input FROM checkpoint.steps WHERE job = 'viewers' \gset
RESET ROLE;
SELECT input FROM checkpoint.errors WHERE job = 'viewers';
SET ROLE regress_viewer;
REVOKE SELECT ON :input FROM regress_viewer;
SELECT input, message FROM checkpoint.errors;
GRANT SELECT ON :input TO regress_viewer;
-- What cannot be shown is not shown.
CREATE OR REPLACE FUNCTION as_json(grade) RETURNS json LANGUAGE plpgsql AS $$ BEGIN RAISE 'no'; END $$;
SELECT input, message FROM checkpoint.errors;
DROP TABLE :input;
SELECT input, message FROM checkpoint.errors;
SELECT checkpoint.give_up(:c, 1, 'gone') IS NOT NULL AS done;
RESET ROLE;
SELECT job, sys__id, reason FROM checkpoint.given_up WHERE job = 'viewers';

DROP SCHEMA give_up CASCADE;
DROP OWNED BY regress_viewer;
DROP ROLE regress_viewer;
