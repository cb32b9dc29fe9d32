SELECT p.rows_done, a.pid
FROM checkpoint.progress p, pg_stat_activity a
WHERE a.application_name = 'memory' OR a.backend_type = 'checkpoint worker';
