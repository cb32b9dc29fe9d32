-- A step over a table, then over the same table with other rows: as many, on as
-- many pages.
DROP TABLE IF EXISTS changing;
CREATE TABLE changing AS SELECT * FROM :source;
CHECKPOINT;
SELECT checkpoint.begin_job('changed') AS job \gset
SELECT clock_timestamp() AS started \gset
CALL checkpoint.query('q', 'SELECT * FROM changing');
SELECT 'first', extract(epoch FROM clock_timestamp() - :'started'::timestamptz);
SELECT checkpoint.end_job() \gset
DROP TABLE changing;
CREATE TABLE changing AS SELECT id, x, reverse(t) AS t FROM :source;
CHECKPOINT;
SELECT checkpoint.begin_job('changed') AS job \gset
SELECT clock_timestamp() AS started \gset
CALL checkpoint.query('q', 'SELECT * FROM changing');
SELECT 'changed', extract(epoch FROM clock_timestamp() - :'started'::timestamptz);
SELECT 'check', string_agg(action, ' ') FROM checkpoint.steps WHERE job_id = :job;
SELECT checkpoint.end_job() \gset
DROP TABLE changing;
