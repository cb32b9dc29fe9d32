-- Computes rows of table "big" up to this one.
TRUNCATE stop_at;
INSERT INTO stop_at VALUES (:x);
SELECT checkpoint.begin_job('big') AS job \gset
\set ON_ERROR_STOP 0
CALL checkpoint.map('big', input => 'SELECT x FROM big', udf => 'stops(x) AS y');
\set ON_ERROR_STOP 1
SELECT 'check', rows_processed FROM checkpoint.checkpoints;
