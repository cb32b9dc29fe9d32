--
-- Pausing, and the limits of WAL and of standbys: what one session sees of them.
--
SET client_min_messages = warning;
DROP EXTENSION checkpoint CASCADE;
CREATE EXTENSION checkpoint;
CREATE SCHEMA throttle;
SET search_path = throttle;
\set VERBOSITY terse

-- Settings: bytes, and kB a second; off, if nobody sets them.
SELECT name, setting, unit, context FROM pg_settings
WHERE name IN ('checkpoint.max_replica_lag', 'checkpoint.max_wal_rate') ORDER BY 1;
SET checkpoint.max_replica_lag = '16MB';
SHOW checkpoint.max_replica_lag;
SET checkpoint.max_replica_lag = '40GB';
SHOW checkpoint.max_replica_lag;
RESET checkpoint.max_replica_lag;

CREATE FUNCTION twice(x int) RETURNS int LANGUAGE plpgsql AS $$ BEGIN RETURN 2 * x; END $$;
CREATE VIEW the_job AS SELECT status, error FROM checkpoint.jobs ORDER BY job_id DESC LIMIT 1;
CREATE VIEW the_step AS SELECT action, rows_kept, rows_computed FROM checkpoint.steps ORDER BY job_id DESC, started_at DESC LIMIT 1;

-- A job that is paused between two steps waits at its next; a timeout ends the wait.
SELECT checkpoint.begin_job('paused') AS job \gset
CALL checkpoint.query('q', 'SELECT x FROM generate_series(1, 5) x');
SELECT checkpoint.pause_job(:job), checkpoint.pause_job(:job);
SELECT status FROM the_job;
SET statement_timeout = '3s';
CALL checkpoint.map('m', 'SELECT x FROM q', 'twice(x) AS y');
\echo :LAST_ERROR_SQLSTATE
RESET statement_timeout;
SELECT * FROM the_job;
-- Called again, the job runs again.
CALL checkpoint.map('m', 'SELECT x FROM q', 'twice(x) AS y');
SELECT status FROM the_job;
-- What is paused and resumed goes on.
SELECT checkpoint.pause_job(:job), checkpoint.resume_job(:job), checkpoint.resume_job(:job);
CALL checkpoint.query('q2', 'SELECT y FROM m');
-- end_job does not wait.
SELECT checkpoint.pause_job(:job);
SELECT checkpoint.end_job();
SELECT * FROM the_job;
-- A job that does not run is not paused, and no other's.
SELECT checkpoint.pause_job(:job), checkpoint.resume_job(:job);
SELECT checkpoint.pause_job(0);
\echo :LAST_ERROR_SQLSTATE
-- Nor in a transaction that must not write, whether it runs or not.
BEGIN READ ONLY;
SELECT checkpoint.pause_job(:job);
ROLLBACK;
\echo :LAST_ERROR_SQLSTATE
CREATE ROLE regress_other;
SET ROLE regress_other;
SELECT checkpoint.pause_job(:job);
\echo :LAST_ERROR_SQLSTATE
SELECT checkpoint.resume_job(:job);
\echo :LAST_ERROR_SQLSTATE
RESET ROLE;
DROP ROLE regress_other;

-- In a step: what is computed stays, and the step waits.
CREATE FUNCTION pauses(x int) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	IF x = 3 THEN
		PERFORM checkpoint.pause_job(current_setting('checkpoint.' || 'job')::bigint);
	END IF;
	RETURN x;
END $$;
SELECT checkpoint.begin_job('pauses') AS job \gset
SET checkpoint.commit_interval = '10min';
SET statement_timeout = '3s';
CALL checkpoint.map('m', 'SELECT x FROM generate_series(1, 100) x', 'pauses(x) + CASE WHEN x > 3 THEN length(pg_sleep(0.1)::text) ELSE 0 END AS y');
\echo :LAST_ERROR_SQLSTATE
RESET statement_timeout;
RESET checkpoint.commit_interval;
SELECT rows_kept, rows_computed BETWEEN 3 AND 99 AS some FROM the_step;
SELECT status FROM the_job;

-- A time budget is a window on the clock: it ends in a pause, and a paused step with it.
SELECT 1 FROM checkpoint.begin_job('window');
SET statement_timeout = '1min';
\set VERBOSITY sqlstate
CALL checkpoint.map('m', 'SELECT x FROM generate_series(1, 1000) x', 'pauses(x) + length(pg_sleep(0.01)::text) AS y', max_time => '3 s');
\set VERBOSITY terse
RESET statement_timeout;
SELECT status FROM the_job;
SELECT action, rows_computed BETWEEN 3 AND 999 AS some FROM the_step;
SELECT 1 FROM checkpoint.begin_job('window');
CALL checkpoint.map('m', 'SELECT x FROM generate_series(1, 1000) x', 'pauses(x) + length(pg_sleep(0.01)::text) AS y', max_rows => 1);
\echo :LAST_ERROR_SQLSTATE
SELECT rows_kept BETWEEN 3 AND 999 AS kept, rows_computed FROM the_step;

-- Above the WAL rate a step waits between two transactions, and is within it later.
SELECT 1 FROM checkpoint.begin_job('wal');
SET checkpoint.max_wal_rate = 1;
SET checkpoint.commit_interval = 0;
SET statement_timeout = '3s';
CALL checkpoint.map('m', 'SELECT x FROM generate_series(1, 2000) x', 'twice(x) AS y');
\echo :LAST_ERROR_SQLSTATE
RESET statement_timeout;
SELECT rows_computed BETWEEN 1 AND 1999 AS some FROM the_step;
SELECT 1 FROM checkpoint.begin_job('wal');
SET checkpoint.max_wal_rate = '1GB';
RESET checkpoint.commit_interval;
CALL checkpoint.map('m', 'SELECT x FROM generate_series(1, 2000) x', 'twice(x) AS y', workers => 2);
SELECT action, rows_kept + rows_computed AS rows FROM the_step;
SELECT checkpoint.end_job();

-- Where there is no standby, none lags.
SET checkpoint.max_replica_lag = 1;
SELECT 1 FROM checkpoint.begin_job('lag');
CALL checkpoint.map('m', 'SELECT x FROM generate_series(1, 1000) x', 'twice(x) AS y');
SELECT checkpoint.end_job();
SELECT action, rows_computed FROM the_step;

DROP SCHEMA throttle CASCADE;
