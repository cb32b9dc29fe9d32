--
-- dot() and mermaid() draw the steps of a job, whatever these are called, and
-- steps.depends_on says what reads what.
--
SET client_min_messages = warning;
DROP EXTENSION checkpoint CASCADE;
CREATE EXTENSION checkpoint;
DROP ROLE IF EXISTS graph_other;
CREATE ROLE graph_other;
\set VERBOSITY terse

CREATE SCHEMA graph;
SET search_path = graph;
CREATE FUNCTION half(x int) RETURNS int LANGUAGE sql AS 'SELECT 10 / (x - 3)';
CREATE TABLE src AS SELECT i AS num FROM generate_series(1, 5) i;

-- without the times
CREATE FUNCTION untimed(graph text) RETURNS text LANGUAGE sql AS $$
	SELECT regexp_replace(graph, '[0-9.]+ (ms|s|min)(["\\<])', 'TIME\2', 'g')
$$;

SELECT checkpoint.begin_job('first "quoted" \ [job] & <b>');
CALL checkpoint.map('numbers', 'SELECT num FROM src', 'half(num) AS y', on_error => 'skip');
CALL checkpoint.gen('all of them', 'SELECT num FROM numbers', 'generate_series(1, num) AS n');
CALL checkpoint.query('sum', 'SELECT sum(n) AS total FROM "all of them", src');
CALL checkpoint.agg('of both', 'SELECT n.num, total FROM numbers n, "sum"', 'max(total) AS t', 'num',
	depends_on => 'SELECT count(*) FROM "all of them"');
CALL checkpoint.save('graph.saved', 'SELECT * FROM "sum"');
SELECT step, depends_on, query, udf FROM checkpoint.steps;
-- the session's job
SELECT untimed(checkpoint.dot());
SELECT untimed(checkpoint.mermaid());
SELECT checkpoint.end_job();

-- another input: what is carried over, reused and computed anew, and a failure
INSERT INTO src VALUES (6);
SELECT checkpoint.begin_job('first "quoted" \ [job] & <b>') AS job \gset
CALL checkpoint.map('numbers', 'SELECT num FROM src WHERE num > 3', 'half(num) AS y');
CALL checkpoint.query('none', 'SELECT 1 AS one');
CALL checkpoint.map('fails', 'SELECT num FROM src', 'half(num) AS y');
SELECT untimed(checkpoint.dot(:job));
SELECT untimed(checkpoint.mermaid(:job));

-- names with all that a language gives a meaning
SELECT checkpoint.begin_job('hostile') AS job \gset
CALL checkpoint.query('a" ] %% {b} \ #35; &lt;', 'SELECT 1 AS x');
CALL checkpoint.query(E'two\nlines\t`*_x_*`', 'SELECT * FROM "a"" ] %% {b} \ #35; &lt;"');
CALL checkpoint.query('<b>größer</b> -> 日本', E'SELECT * FROM "two\nlines\t`*_x_*`"');
SELECT untimed(checkpoint.dot(:job));
SELECT untimed(checkpoint.mermaid(:job));
SELECT checkpoint.end_job();

-- an empty job
SELECT checkpoint.begin_job('empty') AS job \gset
SELECT checkpoint.dot(:job), checkpoint.mermaid(:job);
SELECT checkpoint.end_job();
-- without a job, of none that exists, of another's
SELECT checkpoint.dot();
SELECT checkpoint.mermaid(1000000);
SET ROLE graph_other;
SELECT checkpoint.dot(:job);
SELECT count(*) FROM checkpoint.steps;
-- nor do the functions that views call say how others' jobs are: these are complete
SELECT checkpoint._job_status(:job, 'running', true), checkpoint._step_action(1, 'running');
RESET ROLE;

DROP SCHEMA graph CASCADE;
DROP ROLE graph_other;
