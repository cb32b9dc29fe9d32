-- Whatever a job has behind it, a step costs the same: it opens and locks the
-- outputs that its arguments name, and no others.
\pset format unaligned
\pset tuples_only on
SET client_min_messages = warning;

CREATE FUNCTION locked_tables() RETURNS bigint LANGUAGE sql VOLATILE AS $$
    SELECT count(DISTINCT c.oid) FROM pg_locks l JOIN pg_class c ON c.oid = l.relation
    WHERE l.pid = pg_backend_pid() AND c.relnamespace = 'checkpoint_data'::regnamespace
$$;

SELECT checkpoint.begin_job('many_steps') > 0;
CALL checkpoint.query('first', 'SELECT locked_tables() AS locked');
SELECT format('CALL checkpoint.query(%L, ''SELECT %s AS n'')', 's' || n, n) FROM generate_series(1, 20) n \gexec
CALL checkpoint.query('last', 'SELECT locked_tables() AS locked');
CALL checkpoint.map('reader', input => 'SELECT s7.n, s9.n AS m, locked_tables() AS locked FROM s7, s9', udf => 'n + m AS sum');
SELECT checkpoint.output('first') AS first, checkpoint.output('last') AS last, checkpoint.output('reader') AS reader \gset
-- the step's own new tables, and those that it names
SELECT locked FROM :first;
SELECT locked FROM :last;
SELECT locked, sum FROM :reader;

-- names are found wherever they stand, and in every argument
CALL checkpoint.query('places', $$
    WITH c AS (SELECT n FROM s1)
    SELECT n, (SELECT max(n) FROM s2) AS two, EXISTS (SELECT FROM s3 WHERE n = 3) AS three,
        ARRAY(SELECT x.n FROM s4 AS x UNION ALL TABLE s5) AS four
    FROM c JOIN LATERAL (SELECT n FROM s1) AS d USING (n)
    WHERE n IN (SELECT n FROM s1)$$);
SELECT checkpoint.output('places') AS places \gset
SELECT n, two, three, four FROM :places;
CALL checkpoint.map('arguments', input => 'SELECT n FROM s1', udf => 'n + 1 AS y',
    probe => 'SELECT n FROM s6', depends_on => 'SELECT max(n) FROM s8');
-- a table of that name in a schema is the table
CREATE TABLE s10 AS SELECT -10 AS n;
CALL checkpoint.query('qualified', 'SELECT a.n, b.n AS step FROM public.s10 a, s10 b');
SELECT checkpoint.output('qualified') AS qualified \gset
SELECT n, step FROM :qualified;
DROP TABLE s10;
-- errors are those of the argument that has them
CALL checkpoint.map('wrong', input => 'SELECT n FROM s1', udf => 'n + 1 AS y', probe => 'SELECT FROM WHERE');
CALL checkpoint.map('wrong', input => 'SELECT n FROM s1', udf => 'n + 1 AS y', depends_on => 'UPDATE s1 SET n = 1');
SELECT checkpoint.end_job();
DROP FUNCTION locked_tables();
