--
-- Rules 14 and 15: what is left without its other half goes: tables without a record,
-- records without their tables, and rows that belong to no checkpoint.  What belongs
-- to somebody else now does not.
--
SET client_min_messages = warning;
DROP EXTENSION checkpoint CASCADE;
CREATE EXTENSION checkpoint;
CREATE ROLE regress_orphan;
CREATE ROLE regress_heir;
CREATE ROLE regress_stranger;
CREATE SCHEMA orphans;
GRANT ALL ON SCHEMA orphans TO PUBLIC;
SET search_path = orphans;
\set VERBOSITY terse
\pset format unaligned

-- run runs a job of one step, which fails at the row given.
CREATE PROCEDURE run(job text, fails_on int = 0) LANGUAGE plpgsql AS $$
BEGIN
	PERFORM checkpoint.begin_job(job);
	CALL checkpoint.map('m', 'SELECT generate_series(1, 10) AS x, ''' || job || ''' AS job', '10 / (x - ' || fails_on || ') AS y');
	PERFORM checkpoint.end_job();
END $$;
CREATE PROCEDURE prune() LANGUAGE plpgsql AS $$
DECLARE
	dropped bigint;
	bytes bigint;
BEGIN
	CALL checkpoint.prune(dropped, bytes);
	RAISE WARNING '% dropped, % of a size', dropped, CASE WHEN bytes > 0 THEN 'some' ELSE 'none' END;
END $$;
CREATE VIEW things AS
SELECT 'record' AS what, job AS name, owner FROM checkpoint.checkpoints
UNION ALL SELECT 'table', relname, pg_get_userbyid(relowner) FROM pg_class
WHERE relnamespace = 'checkpoint_data'::regnamespace AND relkind = 'r' ORDER BY 1, 2;
GRANT SELECT ON things TO PUBLIC;

-- Tables without a record: those made for the role that still owns them.
SET ROLE regress_orphan;
CALL run('lost');
CALL run('half', 5);
CALL run('given');
CALL run('kept');
CALL run('shown');
CREATE VIEW on_table AS SELECT y FROM checkpoint_data.shown_m_5_output;
RESET ROLE;
ALTER TABLE checkpoint_data.given_m_3_output OWNER TO regress_heir;
-- named as ours, but not made by us
CREATE TABLE checkpoint_data.mine_m_77_output (a int);
CREATE TABLE checkpoint_data.mine (a int);
DELETE FROM checkpoint.checkpoint WHERE job_name <> 'kept';
TABLE things;
-- for others, they are none
SET ROLE regress_stranger;
CALL prune();
RESET ROLE;
ALTER ROLE regress_orphan RENAME TO regress_orphan_renamed;
SET ROLE regress_orphan_renamed;
SET client_min_messages = notice;
CALL prune();
SET client_min_messages = warning;
TABLE things;
DROP VIEW on_table;
RESET ROLE;
CALL prune();
TABLE things;
ALTER ROLE regress_orphan_renamed RENAME TO regress_orphan;
DROP TABLE checkpoint_data.given_m_3_output, checkpoint_data.mine_m_77_output, checkpoint_data.mine;

-- Records without their tables, also of the input of an unfinished one alone.
SET ROLE regress_orphan;
CALL run('lost');
CALL run('half lost', 5);
CALL run('given');
CALL run('half', 5);
SELECT format('DROP TABLE %s', output_table) FROM checkpoint.checkpoints WHERE job = 'lost' \gexec
SELECT format('DROP TABLE %s', input_table) FROM checkpoint.checkpoints WHERE job = 'half lost' \gexec
RESET ROLE;
SELECT format('ALTER TABLE %s OWNER TO regress_heir', output_table) FROM checkpoint.checkpoints WHERE job = 'given' \gexec
SET ROLE regress_orphan;
CALL prune();
TABLE things;
RESET ROLE;
DROP OWNED BY regress_heir;

-- The tables of a role go with DROP OWNED, those that are given to another stay:
-- the records of both go.
SET ROLE regress_orphan;
CALL run('more');
RESET ROLE;
REASSIGN OWNED BY regress_orphan TO regress_heir;
CALL prune();
TABLE things;
-- a dump restored by that role, say, has them, and they are written to by nobody
INSERT INTO checkpoint_data.kept_m_4_output DEFAULT VALUES;
DROP OWNED BY regress_heir;
GRANT ALL ON SCHEMA orphans TO PUBLIC;
SET ROLE regress_orphan;
CALL run('again');
CALL run('again half', 5);
SELECT checkpoint.pin(checkpoint_id) FROM checkpoint.checkpoints;
RESET ROLE;
DROP OWNED BY regress_orphan;
GRANT ALL ON SCHEMA orphans TO PUBLIC;
DROP ROLE regress_orphan;
-- what is pinned is kept on record until that is taken back
CALL prune();
TABLE things;
SELECT name, owner, status FROM checkpoint.jobs WHERE name LIKE 'again%' ORDER BY job_id;
SELECT checkpoint.unpin(checkpoint_id) FROM checkpoint.checkpoints;
CALL prune();
TABLE things;

-- Rows of no checkpoint.
INSERT INTO checkpoint.code_version VALUES (1000, 1, 'hash', NULL, '[]');
INSERT INTO checkpoint.work VALUES (1000, 1, 0, 1, 1, 1, 1, 1);
INSERT INTO checkpoint.processed VALUES (1000, 1, 1, 0);
INSERT INTO checkpoint.suspect VALUES (1000, 1, 'hash', NULL, 1);
INSERT INTO checkpoint.error VALUES (1000, 1, 1, 'XX000', NULL, NULL, NULL, 1);
INSERT INTO checkpoint.given_up_row VALUES (1000, 1, 'a reason');
INSERT INTO checkpoint.lease VALUES (1000, 1, 1, 1, 'holder', 0, now(), now() + '1 day');
CALL prune();
SELECT count(*) FROM (SELECT checkpoint_id FROM checkpoint.code_version UNION ALL
	SELECT checkpoint_id FROM checkpoint.work UNION ALL SELECT checkpoint_id FROM checkpoint.processed UNION ALL
	SELECT checkpoint_id FROM checkpoint.error UNION ALL SELECT checkpoint_id FROM checkpoint.suspect UNION ALL
	SELECT checkpoint_id FROM checkpoint.given_up_row UNION ALL SELECT checkpoint_id FROM checkpoint.lease) t;

-- An input that is a view of an output, without its record, that of the output, or both.
CREATE PROCEDURE run_two(job text) LANGUAGE plpgsql AS $$
BEGIN
	PERFORM checkpoint.begin_job(job);
	CALL checkpoint.query('q', 'SELECT generate_series(1, 10) AS x, ''' || job || ''' AS job');
	CALL checkpoint.map('m', 'SELECT * FROM q', '10 / (x - 5) AS y', on_error => 'skip');
	PERFORM checkpoint.end_job();
END $$;
CREATE VIEW relations AS
SELECT relname, relkind FROM pg_class WHERE relnamespace = 'checkpoint_data'::regnamespace AND relkind IN ('r', 'v')
ORDER BY relname;
SET ROLE regress_stranger;
CALL run_two('no input');
CALL run_two('no output');
CALL run_two('neither');
RESET ROLE;
TABLE relations;
DELETE FROM checkpoint.checkpoint WHERE job_name = 'neither' OR job_name = 'no input' AND step = 'm'
	OR job_name = 'no output' AND step = 'q';
CALL prune();
TABLE relations;
SET ROLE regress_stranger;
CALL run_two('no output');
SELECT step, action, rows_kept FROM checkpoint.steps WHERE job_id = (SELECT max(job_id) FROM checkpoint.jobs) ORDER BY step;
RESET ROLE;
DROP OWNED BY regress_stranger;

DROP SCHEMA orphans CASCADE;
DROP ROLE regress_heir, regress_stranger;
