--
-- Rules 15 and 16: an owner is a role, not a name.  Renamed, it keeps what it
-- had; a new role with an old name sees nothing of that; and nothing is dropped
-- that the owner does not own any more.
--
SET client_min_messages = warning;
DROP EXTENSION checkpoint CASCADE;
CREATE EXTENSION checkpoint;
CREATE ROLE regress_team;
CREATE ROLE regress_other;
CREATE SCHEMA own;
GRANT ALL ON SCHEMA own TO regress_team, regress_other;
RESET client_min_messages;
\set VERBOSITY terse

SET search_path = own;
CREATE TABLE source AS SELECT n AS x FROM generate_series(1, 4) n;
CREATE TABLE version AS SELECT 1 AS v;
GRANT SELECT ON source, version TO PUBLIC;
CREATE FUNCTION fails(x int) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	IF x = current_setting('test.' || 'fails_on')::int THEN
		RAISE 'failed on %', x;
	END IF;
	RETURN x * 10;
END $$;

-- A finished step, one whose input is told from its output, one with a probe,
-- a published one, and one that failed
SET test.fails_on = 3;
SET ROLE regress_team;
SELECT checkpoint.begin_job('job') AS job \gset
CALL checkpoint.map('done', 'SELECT x FROM source', 'x + 1 AS y');
CALL checkpoint.map('derived', 'SELECT y FROM done', 'y + 1 AS z');
CALL checkpoint.map('probed', 'SELECT x FROM source', 'x + 2 AS y', probe => 'SELECT v FROM version');
CALL checkpoint.save('own.shown', 'SELECT z FROM derived');
CALL checkpoint.map('half', 'SELECT x FROM source ORDER BY x', 'fails(x) AS y');

-- The role is renamed, and a new one gets its name: that has nothing.
RESET ROLE;
ALTER ROLE regress_team RENAME TO regress_team_old;
CREATE ROLE regress_team;
GRANT ALL ON SCHEMA own TO regress_team;
SET ROLE regress_team;
SELECT count(*) FROM checkpoint.jobs;
SELECT count(*) FROM checkpoint.steps;
SELECT count(*) FROM checkpoint.checkpoints;
SELECT count(*) FROM checkpoint.errors;
SELECT * FROM checkpoint.explain_job('job');
SELECT checkpoint.output('done', :job);
SELECT checkpoint.fail_job('not mine', :job);
-- its runs of the same name are another run group: nothing of the old role's is
-- used, hindered or dropped
SET test.fails_on = 0;
SELECT checkpoint.begin_job('job') AS new_job \gset
CALL checkpoint.map('done', 'SELECT x FROM source', 'x + 1 AS y');
CALL checkpoint.map('derived', 'SELECT y FROM done', 'y + 1 AS z');
CALL checkpoint.map('half', 'SELECT x FROM source ORDER BY x', 'fails(x) AS y');
SELECT checkpoint.end_job();
SELECT owner, rerun_of, status FROM checkpoint.jobs;

-- The old one continues and reuses, and its runs still follow each other.
RESET ROLE;
SET ROLE regress_team_old;
SELECT owner, name FROM checkpoint.jobs;
SELECT DISTINCT owner FROM checkpoint.checkpoints;
SELECT step, action, rows_to_compute FROM checkpoint.explain_job('job');
SELECT checkpoint.begin_job('job') AS rerun \gset
CALL checkpoint.map('done', 'SELECT x FROM source', 'x + 1 AS y');
CALL checkpoint.map('derived', 'SELECT y FROM done', 'y + 1 AS z');
CALL checkpoint.map('probed', 'SELECT x FROM source', 'x + 2 AS y', probe => 'SELECT v FROM version');
CALL checkpoint.save('own.shown', 'SELECT z FROM derived');
CALL checkpoint.map('half', 'SELECT x FROM source ORDER BY x', 'fails(x) AS y');
SELECT checkpoint.end_job();
SELECT rerun_of = :job AS reruns, status FROM checkpoint.jobs WHERE job_id = :rerun;

-- Renamed while it runs, a job goes on.
SELECT checkpoint.begin_job('job') AS running \gset
RESET ROLE;
ALTER ROLE regress_team_old RENAME TO regress_team_older;
SET ROLE regress_team_older;
CALL checkpoint.map('half', 'SELECT x FROM source ORDER BY x', 'fails(x) AS y');
SELECT owner, status FROM checkpoint.jobs WHERE job_id = :running;
SELECT checkpoint.end_job();
SELECT status FROM checkpoint.jobs WHERE job_id = :running;

-- Superusers see whose all is.
RESET ROLE;
SELECT owner, count(*) FROM checkpoint.jobs GROUP BY 1 ORDER BY 1;

-- A role that was dropped owns nothing, and nobody inherits it.
SET client_min_messages = warning;
DROP OWNED BY regress_team CASCADE;
DROP ROLE regress_team;
RESET client_min_messages;
SELECT owner, count(*) FROM checkpoint.jobs GROUP BY 1 ORDER BY 1;
CREATE ROLE regress_team;
GRANT ALL ON SCHEMA own TO regress_team;
SET ROLE regress_team;
SELECT count(*) FROM checkpoint.jobs;
SELECT checkpoint.fail_job('not mine', :new_job);
SELECT checkpoint.begin_job('job') AS newest_job \gset
CALL checkpoint.map('done', 'SELECT x FROM source', 'x + 1 AS y');
SELECT checkpoint.end_job();
RESET ROLE;
SELECT owner, count(*) FROM checkpoint.jobs GROUP BY 1 ORDER BY 1;
-- what is left of it can be administered, but not gone on with
UPDATE checkpoint.job SET status = 'running', attached = false WHERE job_id = :new_job;
CALL checkpoint.map('more', 'SELECT x FROM source', 'x + 1 AS y', job => :new_job);
SELECT checkpoint.fail_job('of nobody', :new_job);

-- Values of the type: names are names, empty is nobody.
SELECT r, checkpoint._role_name(r), checkpoint._role_oid(r) = COALESCE(to_regrole(quote_ident(r::text))::oid, 0) AS same,
	checkpoint._may_use(r)
FROM unnest('{regress_team,"no such Role","",pg_monitor}'::checkpoint.role[]) r;
SET ROLE regress_team;
SELECT r, checkpoint._may_use(r) FROM unnest('{regress_team,"no such Role","",pg_monitor}'::checkpoint.role[]) r;
SELECT checkpoint._role_of(1);
RESET ROLE;

--
-- A table that was given to another role stays, whatever becomes of the
-- checkpoint: a rerun does not use it, says so, and drops the record alone.
--
-- the tables that the partial checkpoint of a job has now
CREATE VIEW tables AS
SELECT c.job, t.name::text, pg_get_userbyid(r.relowner) AS owner
FROM checkpoint.checkpoints c, unnest(ARRAY[input_table, output_table]) AS t (name)
	LEFT JOIN pg_class r ON r.oid = t.name
WHERE c.state = 'partial';
CREATE TABLE given AS SELECT * FROM tables WHERE false;

\set begin 'SET ROLE regress_team; DO $$BEGIN PERFORM checkpoint.begin_job(current_setting(\'test.job\')); END$$;'
\set half 'CALL checkpoint.map(\'half\', \'SELECT x, current_setting(\'\'test.job\'\') AS job FROM source ORDER BY x\', \'fails(x) AS y\');'

-- ALTER TABLE ... OWNER, of both tables and of one alone
SET test.job = 'both given';
SET test.fails_on = 3;
:begin
:half
RESET ROLE;
INSERT INTO given SELECT * FROM tables WHERE job = 'both given';
SELECT format('ALTER TABLE %s OWNER TO regress_other', name) FROM given WHERE job = 'both given' \gexec
SET test.fails_on = 0;
:begin
:half
SELECT checkpoint.end_job();
RESET ROLE;

SET test.job = 'one given';
SET test.fails_on = 3;
:begin
:half
RESET ROLE;
INSERT INTO given SELECT * FROM tables WHERE job = 'one given';
SELECT format('ALTER TABLE %s OWNER TO regress_other', name) FROM given
WHERE job = 'one given' AND name LIKE '%\_input%' \gexec
SET test.fails_on = 0;
:begin
:half
SELECT checkpoint.end_job();
RESET ROLE;

SELECT g.job, regexp_replace(g.name, '_\d+_', '_N_') AS name, g.owner AS before,
	pg_get_userbyid(c.relowner) AS now
FROM given g LEFT JOIN pg_class c ON c.oid = to_regclass(g.name) ORDER BY 1, 2;
SELECT count(*) FROM tables WHERE job IN (SELECT job FROM given);

-- REASSIGN OWNED: finished work is the other role's, too, and computed anew
SET test.job = 'reassigned';
SET test.fails_on = 3;
:begin
CALL checkpoint.map('done', 'SELECT x, ''reassigned'' AS job FROM source', 'x + 1 AS y');
:half
RESET ROLE;
TRUNCATE given;
INSERT INTO given SELECT * FROM tables WHERE job = 'reassigned'
	UNION ALL SELECT job, output_table::text, owner FROM checkpoint.checkpoints WHERE job = 'reassigned' AND step = 'done';
REASSIGN OWNED BY regress_team TO regress_other;
SET ROLE regress_other;
SELECT count(*) FROM checkpoint.jobs;
SET test.fails_on = 0;
:begin
CALL checkpoint.map('done', 'SELECT x, ''reassigned'' AS job FROM source', 'x + 1 AS y');
:half
SELECT checkpoint.end_job();
RESET ROLE;
SELECT regexp_replace(g.name, '_\d+_', '_N_') AS name, pg_get_userbyid(c.relowner) AS now
FROM given g LEFT JOIN pg_class c ON c.oid = to_regclass(g.name) ORDER BY 1;

-- DROP OWNED: the tables are gone, the records are not
SET test.job = 'dropped';
SET test.fails_on = 3;
:begin
:half
RESET ROLE;
SET client_min_messages = warning;
DROP OWNED BY regress_team CASCADE;
RESET client_min_messages;
GRANT ALL ON SCHEMA own TO regress_team;
GRANT SELECT ON source TO regress_team;
SET test.fails_on = 0;
:begin
:half
SELECT checkpoint.end_job();
RESET ROLE;
SELECT status FROM checkpoint.jobs WHERE name = 'dropped' ORDER BY job_id;

--
-- What came, by a dump or from version 1.0, with a name that no role has is
-- nobody's; a role of that name has it, and keeps it when it is renamed.
--
UPDATE checkpoint.job SET owner = 'regress_future' WHERE name = 'dropped';
UPDATE checkpoint.checkpoint SET owner = 'regress_future' WHERE job_name = 'dropped';
SELECT name, owner FROM checkpoint.jobs WHERE owner = 'regress_future';
SET ROLE regress_team;
SELECT count(*) FROM checkpoint.jobs WHERE name = 'dropped';
RESET ROLE;
CREATE ROLE regress_future;
GRANT ALL ON SCHEMA own TO regress_future;
SELECT format('ALTER TABLE %s OWNER TO regress_future', output_table) FROM checkpoint.checkpoints
WHERE owner = 'regress_future' \gexec
SET ROLE regress_future;
SELECT name, owner FROM checkpoint.jobs;
-- seen before anything is written
BEGIN READ ONLY;
SELECT step, state, owner, rows_total FROM checkpoint.checkpoints;
SELECT count(*) FROM checkpoint.processed_ids((SELECT checkpoint_id FROM checkpoint.checkpoints));
COMMIT;
SELECT step, action FROM checkpoint.explain_job('dropped');
RESET ROLE;
ALTER ROLE regress_future RENAME TO regress_past;
SET ROLE regress_past;
SELECT name, owner FROM checkpoint.jobs;
DO $$BEGIN PERFORM checkpoint.begin_job('dropped'); END$$;
:half
SELECT checkpoint.end_job();
RESET ROLE;

-- A job whose role is dropped while it runs can be ended.
SET ROLE regress_past;
SELECT checkpoint.begin_job('orphan') AS orphan \gset
RESET ROLE;
DROP OWNED BY regress_past;
DROP ROLE regress_past;
SELECT owner, status FROM checkpoint.jobs WHERE job_id = :orphan;
CALL checkpoint.query('q', 'SELECT 1 AS one');
SELECT checkpoint.end_job();
SELECT owner, status FROM checkpoint.jobs WHERE job_id = :orphan;
SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid();

SET client_min_messages = warning;
DROP SCHEMA own CASCADE;
DROP OWNED BY regress_team, regress_team_older, regress_other CASCADE;
DROP ROLE regress_team, regress_team_older, regress_other;
