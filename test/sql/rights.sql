--
-- Rule 1: reuse without reading still checks that the owner may read and call
-- what the query, the UDF and the probe name.
--
SET client_min_messages = warning;
DROP EXTENSION checkpoint CASCADE;
CREATE EXTENSION checkpoint;
\set VERBOSITY terse
CREATE ROLE regress_rights;
CREATE ROLE regress_rights_owner;
CREATE SCHEMA rights AUTHORIZATION regress_rights_owner;
GRANT USAGE ON SCHEMA rights TO regress_rights;
SET search_path = rights;
SET ROLE regress_rights_owner;
CREATE TABLE secret AS SELECT g AS id, g AS hidden FROM generate_series(1, 3) g;
CREATE TABLE docs AS SELECT g AS id, g AS hidden FROM generate_series(1, 3) g;
CREATE VIEW shown AS SELECT id FROM secret;
CREATE FUNCTION f(i int) RETURNS int LANGUAGE sql AS 'SELECT i';
CREATE FUNCTION g(i int) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT i';
CREATE FUNCTION op(int, int) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT $1 + $2';
CREATE OPERATOR <+> (LEFTARG = int, RIGHTARG = int, FUNCTION = op);
REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA rights FROM PUBLIC;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA rights TO regress_rights;
GRANT SELECT ON shown TO regress_rights;
GRANT SELECT (id) ON docs TO regress_rights;
RESET ROLE;
VACUUM (FREEZE) rights.secret, rights.docs;

CREATE PROCEDURE run() LANGUAGE plpgsql AS $$
DECLARE
	call record;
BEGIN
	PERFORM checkpoint.begin_job('rights');
	CALL checkpoint.map('view', 'SELECT id FROM rights.shown', 'id + 1 AS r');
	CALL checkpoint.map('column', 'SELECT id FROM rights.docs', 'id + 1 AS r');
	CALL checkpoint.map('udf', 'SELECT 1 AS id', 'rights.f(id) AS r');
	CALL checkpoint.map('operator', 'SELECT 1 AS id', 'id operator(rights.<+>) 1 AS r');
	CALL checkpoint.query('called', 'SELECT rights.g(id) FROM rights.shown');
	CALL checkpoint.map('probed', 'SELECT 1 AS id', 'id + 1 AS r', probe => 'SELECT rights.f(1)');
	PERFORM checkpoint.end_job();
END $$;
GRANT EXECUTE ON PROCEDURE run() TO regress_rights;
SET ROLE regress_rights;
CALL run();
CALL run();
SELECT step, action FROM checkpoint.steps WHERE job_id = (SELECT max(job_id) FROM checkpoint.jobs) ORDER BY step;
\set VERBOSITY default
\set SHOW_CONTEXT never
-- the view
RESET ROLE;
REVOKE SELECT ON shown FROM regress_rights;
SET ROLE regress_rights;
CALL run();
RESET ROLE;
GRANT SELECT ON shown TO regress_rights;
-- what is behind a view is its owner's affair
REVOKE SELECT ON secret FROM regress_rights_owner;
SET ROLE regress_rights;
CALL run();
RESET ROLE;
GRANT SELECT ON secret TO regress_rights_owner;
-- a column
REVOKE SELECT (id) ON docs FROM regress_rights;
SET ROLE regress_rights;
CALL run();
RESET ROLE;
GRANT SELECT (hidden) ON docs TO regress_rights;
SET ROLE regress_rights;
CALL run();
RESET ROLE;
GRANT SELECT (id) ON docs TO regress_rights;
-- functions: of the UDF and the probe, of an operator, of the query
REVOKE EXECUTE ON FUNCTION f(int) FROM regress_rights;
SET ROLE regress_rights;
CALL run();
SELECT checkpoint.begin_job('probe') > 0 AS begun;
CALL checkpoint.map('probed', 'SELECT 1 AS id', 'id + 1 AS r', probe => 'SELECT rights.f(1)');
RESET ROLE;
GRANT EXECUTE ON FUNCTION f(int) TO regress_rights;
REVOKE EXECUTE ON FUNCTION op(int, int) FROM regress_rights;
SET ROLE regress_rights;
CALL run();
RESET ROLE;
GRANT EXECUTE ON FUNCTION op(int, int) TO regress_rights;
REVOKE EXECUTE ON FUNCTION g(int) FROM regress_rights;
SET ROLE regress_rights;
CALL run();
RESET ROLE;
GRANT EXECUTE ON FUNCTION g(int) TO regress_rights;
SET ROLE regress_rights;
SET client_min_messages = notice;
CALL run();
SET client_min_messages = warning;
RESET ROLE;
DROP SCHEMA rights CASCADE;
DROP OWNED BY regress_rights, regress_rights_owner CASCADE;
DROP ROLE regress_rights, regress_rights_owner;
