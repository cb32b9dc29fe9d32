--
-- Rule 15: result tables are read-only for everybody, the superuser included:
-- neither a published view nor a user by mistake writes into them.  What does
-- not change rows is allowed.
--
SET client_min_messages = warning;
DROP EXTENSION checkpoint CASCADE;
CREATE EXTENSION checkpoint;
CREATE ROLE regress_ann;
RESET client_min_messages;

CREATE SCHEMA ro;
SET search_path = ro;
GRANT ALL ON SCHEMA ro TO regress_ann;
CREATE TABLE source AS SELECT x, 'row ' || x AS t FROM generate_series(1, 5) x;
GRANT SELECT ON source TO regress_ann;
CREATE FUNCTION f(x int) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	IF x = current_setting('test.' || 'fails_on')::int THEN
		RAISE 'failed on %', x;
	END IF;
	RETURN x * 10;
END $$;
SET test.fails_on = 0;

-- A finished step, two published names, and one that is not finished.
SET ROLE regress_ann;
SELECT checkpoint.begin_job('ro') AS job \gset
CALL checkpoint.map('m', 'SELECT x, t FROM source', 'f(x) AS y');
CALL checkpoint.save('ro.shown', 'SELECT x, y FROM m');
CALL checkpoint.save('ro.shown_too', 'SELECT x, y FROM m');
SET test.fails_on = 3;
CALL checkpoint.map('p', 'SELECT x, t FROM source ORDER BY x', 'f(x) AS z');
SELECT output_table AS output FROM checkpoint.steps WHERE job_id = :job AND step = 'm' \gset
SELECT input_table AS partial_input, output_table AS partial_output FROM checkpoint.checkpoints WHERE step = 'p' \gset
RESET ROLE;

--
-- Each command, by the owner and by a superuser
--
CREATE PROCEDURE try(command text) LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE command;
	RAISE INFO 'not refused: %', command;
EXCEPTION WHEN object_not_in_prerequisite_state THEN
	RAISE INFO '% refused: %', split_part(command, ' ', 1), SQLERRM;
END $$;
CREATE TABLE commands (nth serial, command text);
INSERT INTO commands (command) VALUES
	('INSERT INTO %s (sys__id) VALUES (1)'),
	('INSERT INTO %s (sys__id) SELECT 1 WHERE false'),
	('UPDATE %s SET sys__id = 1'),
	('UPDATE %s SET sys__id = 1 WHERE false'),
	('DELETE FROM %s'),
	('TRUNCATE %s'),
	('MERGE INTO %s t USING ro.source s ON t.sys__id = s.x WHEN MATCHED THEN DELETE'),
	('MERGE INTO %s t USING ro.source s ON t.sys__id = s.x WHEN NOT MATCHED THEN INSERT (sys__id) VALUES (s.x)'),
	('WITH d AS (DELETE FROM %s RETURNING 1) SELECT count(*) FROM d');
GRANT SELECT ON commands TO regress_ann;
SELECT format('CALL try(%L)', format(command, t))
FROM commands, unnest(ARRAY[:'output', :'partial_input', :'partial_output']) t ORDER BY t COLLATE "C", nth
\gexec
SET ROLE regress_ann;
SELECT format('CALL try(%L)', format(command, :'output')) FROM commands ORDER BY nth
\gexec
RESET ROLE;
BEGIN;
SELECT format('DECLARE c CURSOR FOR SELECT * FROM %s FOR UPDATE', :'output') \gexec
FETCH c;
DELETE FROM :output WHERE CURRENT OF c;
ROLLBACK;
-- COPY
COPY :output FROM stdin;
1	1	row 1	10
\.
COPY :output (sys__id) FROM PROGRAM 'true';
-- a session that applies changes of a subscription, or that restores a dump
SET session_replication_role = replica;
DELETE FROM :output;
COPY :output FROM PROGRAM 'true';
RESET session_replication_role;

--
-- Through a published view: one target, or the checkpoint that two of them show
--
SELECT count(*) FROM shown;
DELETE FROM shown;
\echo :LAST_ERROR_SQLSTATE
\set VERBOSITY sqlstate
UPDATE shown SET y = 0;
INSERT INTO shown VALUES (6, 60);
COPY shown FROM PROGRAM 'true';
SET ROLE regress_ann;
DELETE FROM ro.shown;
UPDATE ro.shown_too SET y = 0;
RESET ROLE;
\set VERBOSITY terse

--
-- What does not change rows
--
SELECT sum(y) FROM (SELECT y FROM :output FOR UPDATE) x;
BEGIN;
LOCK TABLE :output IN ACCESS EXCLUSIVE MODE;
COMMIT;
SET ROLE regress_ann;
ANALYZE :output;
VACUUM (FREEZE) :output;
VACUUM FULL :output;
RESET ROLE;
CREATE UNIQUE INDEX output_x ON :output (x);
CREATE INDEX output_t ON :output (t);
CLUSTER :output USING output_x;
REINDEX TABLE :output;
DROP INDEX checkpoint_data.output_t;
ALTER TABLE :output ADD PRIMARY KEY USING INDEX output_x;
COMMENT ON TABLE :output IS 'looked at';
GRANT SELECT ON :output TO PUBLIC;
-- a foreign key to the table
CREATE TABLE refers (x int REFERENCES :output (x));
INSERT INTO refers VALUES (1), (5);
INSERT INTO refers VALUES (6);
UPDATE refers SET x = 2 WHERE x = 1;
DELETE FROM refers;
DROP TABLE refers;

--
-- After all that the rows are what they were, for reruns too, and the step that
-- was not finished goes on.
--
SET test.fails_on = 0;
SET ROLE regress_ann;
SELECT checkpoint.begin_job('ro') AS job \gset
CALL checkpoint.map('m', 'SELECT x, t FROM source', 'f(x) AS y');
CALL checkpoint.save('ro.shown', 'SELECT x, y FROM m');
CALL checkpoint.map('p', 'SELECT x, t FROM source ORDER BY x', 'f(x) AS z');
SELECT checkpoint.end_job();
SELECT x, y FROM ro.shown ORDER BY x;
SELECT checkpoint.output('p', :job) AS output \gset
SELECT x, z FROM :output ORDER BY x;
RESET ROLE;

-- A trigger that was dropped is made again when the table is used.
DROP TRIGGER checkpoint_read_only ON :partial_output;
SELECT format('DROP TRIGGER checkpoint_read_only ON %s', output_table) FROM checkpoint.steps WHERE job_id = :job AND step = 'm' \gexec
SET ROLE regress_ann;
SELECT checkpoint.begin_job('ro') AS job \gset
CALL checkpoint.map('m', 'SELECT x, t FROM source', 'f(x) AS y');
CALL checkpoint.map('p', 'SELECT x, t FROM source ORDER BY x', 'f(x) AS z');
SELECT checkpoint.end_job();
RESET ROLE;
-- All result tables have the trigger, and it fires always.
SELECT count(*) > 0 AS some, bool_and(t.tgenabled IS NOT DISTINCT FROM 'A' AND t.tgfoid = 'checkpoint._read_only'::regproc) AS always
FROM pg_class c LEFT JOIN pg_trigger t ON t.tgrelid = c.oid AND t.tgname = 'checkpoint_read_only'
WHERE c.relnamespace = 'checkpoint_data'::regnamespace AND c.relkind = 'r';
-- Of no other use.
SELECT checkpoint._read_only();

SET client_min_messages = warning;
DROP SCHEMA ro CASCADE;
DROP OWNED BY regress_ann;
DROP ROLE regress_ann;
