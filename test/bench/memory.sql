TRUNCATE stop_at;
SELECT checkpoint.begin_job('memory') AS job \gset
CALL checkpoint.map('m', input => 'SELECT x FROM big, generate_series(1, ' || :times || ')', udf => 'stops(x) AS y', workers => 2);
SELECT checkpoint.end_job() \gset
