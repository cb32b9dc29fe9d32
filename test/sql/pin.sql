--
-- A pinned checkpoint does not expire, is not dropped, and serves.  pin, unpin and
-- drop_checkpoint are for its owner, members of that role and superusers.
--
SET client_min_messages = warning;
DROP EXTENSION checkpoint CASCADE;
CREATE EXTENSION checkpoint;
CREATE ROLE regress_pin_owner;
CREATE ROLE regress_pin_member IN ROLE regress_pin_owner;
CREATE ROLE regress_pin_stranger;
CREATE SCHEMA pins AUTHORIZATION regress_pin_owner;
GRANT USAGE ON SCHEMA pins TO PUBLIC;
SET search_path = pins;
\pset format unaligned
\set SHOW_CONTEXT never

-- later makes so much time pass.
CREATE FUNCTION later(span interval) RETURNS void LANGUAGE sql SECURITY DEFINER AS $$
	UPDATE checkpoint.checkpoint SET last_used_at = last_used_at - span
$$;
CREATE TABLE source AS SELECT generate_series(1, 10) AS x;
GRANT SELECT ON source TO PUBLIC;
SET ROLE regress_pin_owner;
CREATE VIEW kept AS SELECT checkpoint_id, job, step, state, pinned, label, expires_at < now() AS expired
FROM checkpoint.checkpoints ORDER BY checkpoint_id;
GRANT SELECT ON kept TO PUBLIC;
CREATE PROCEDURE run(job text, udf text) LANGUAGE plpgsql AS $$
BEGIN
	PERFORM checkpoint.begin_job(job);
	CALL checkpoint.map('m', 'SELECT x FROM pins.source', udf);
	PERFORM checkpoint.end_job();
END $$;

SET client_min_messages = notice;
CALL run('job', 'x + 1 AS y');
SELECT checkpoint.pin(1);
TABLE kept;
SELECT checkpoint.pin(1, 'golden');
TABLE kept;
SELECT later('1 year');
CALL checkpoint.prune();
CALL run('job', 'x + 1 AS y');
SELECT checkpoint.drop_checkpoint(1);
-- computed anew, it is not replaced
SELECT checkpoint.begin_job('job', fresh => true);
CALL checkpoint.map('m', 'SELECT x FROM pins.source', 'x + 1 AS y');
SELECT checkpoint.end_job();
TABLE kept;
CALL checkpoint.drop_job('job');
TABLE kept;
SELECT checkpoint.unpin(1);
SELECT checkpoint.unpin(1);
-- nor when it is let go of, later
CALL checkpoint.prune();
TABLE kept;
SELECT checkpoint.drop_checkpoint(1);
TABLE kept;
SELECT checkpoint.drop_checkpoint(1);
SELECT checkpoint.pin(1);
SELECT checkpoint.unpin(1);
SELECT checkpoint.pin(NULL), checkpoint.unpin(NULL), checkpoint.drop_checkpoint(NULL);

-- An unfinished one is kept, too, when its step finishes.
CALL run('half', 'x + 20 / (6 - x) AS y');
SELECT checkpoint.pin(3, 'before the fix');
CALL run('half', 'x + CASE x WHEN 6 THEN 0 ELSE 20 / (6 - x) END AS y');
TABLE kept;
SELECT checkpoint.unpin(3);
CALL checkpoint.prune();

-- Published, or used by a running job, it is not dropped.
SELECT checkpoint.begin_job('publishing');
CALL checkpoint.save('pins.target', 'SELECT 1 AS x');
SELECT checkpoint_id AS saved FROM checkpoint.published \gset
SELECT checkpoint.end_job();
SELECT checkpoint.drop_checkpoint(:saved);
DROP VIEW target;
SELECT checkpoint.begin_job('running') AS running \gset
CALL checkpoint.query('q', 'SELECT 2 AS x');
SELECT checkpoint_id AS used FROM checkpoint.steps WHERE job = 'running' \gset
SELECT checkpoint.drop_checkpoint(:used);
SELECT checkpoint.end_job();
-- nor where something depends on it
SELECT checkpoint.output('q', :running) AS output \gset
CREATE VIEW on_output AS SELECT x FROM :output;
SELECT checkpoint.drop_checkpoint(:used);
DROP VIEW on_output;
-- in a transaction block
BEGIN;
SELECT checkpoint.drop_checkpoint(:used);
SELECT to_regclass(:'output');
ROLLBACK;
SELECT to_regclass(:'output');

-- Whose?
SET ROLE regress_pin_stranger;
SELECT checkpoint.pin(:used);
SELECT checkpoint.unpin(:used);
SELECT checkpoint.drop_checkpoint(:used);
SET ROLE regress_pin_member;
SELECT checkpoint.pin(:used, 'by a member');
TABLE kept;
SELECT checkpoint.unpin(:used);
RESET ROLE;
SELECT checkpoint.pin(:used, 'by a superuser');
SELECT checkpoint.unpin(:used);
SET ROLE regress_pin_member;
SELECT checkpoint.drop_checkpoint(:used);
SELECT to_regclass(:'output');
SET default_transaction_read_only = on;
SELECT checkpoint.pin(:saved);
SELECT checkpoint.unpin(:saved);
SELECT checkpoint.drop_checkpoint(:saved);
RESET default_transaction_read_only;

-- An unfinished one that is superseded serves on, too, and is not dropped when it is
-- let go of.
SET ROLE regress_pin_owner;
CALL run('superseded', 'x + 20 / (6 - x) AS y');
SELECT checkpoint_id AS partial FROM checkpoint.checkpoints WHERE job = 'superseded' \gset
SELECT checkpoint.pin(:partial);
SELECT checkpoint.begin_job('superseded') > 0 AS begun;
CALL checkpoint.map('m', 'SELECT x FROM pins.source UNION ALL SELECT 11', 'x + CASE x WHEN 6 THEN 0 ELSE 20 / (6 - x) END AS y');
SELECT checkpoint.end_job();
SELECT checkpoint.unpin(:partial);
CALL checkpoint.prune();
SELECT state, rows_total, rows_processed FROM checkpoint.checkpoints WHERE job = 'superseded' ORDER BY checkpoint_id;

RESET ROLE;
SET client_min_messages = warning;
DROP SCHEMA pins CASCADE;
DROP OWNED BY regress_pin_owner;
DROP ROLE regress_pin_owner, regress_pin_member, regress_pin_stranger;
