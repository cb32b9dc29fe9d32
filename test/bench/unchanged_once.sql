SELECT checkpoint.begin_job('unchanged') AS job \gset
SELECT clock_timestamp() AS started \gset
CALL checkpoint.query('q', :'input');
INSERT INTO taken SELECT 'step', extract(epoch FROM clock_timestamp() - :'started'::timestamptz);
SELECT 'check', string_agg(action, ' ') FROM checkpoint.steps WHERE job_id = :job;
SELECT checkpoint.end_job() \gset
SELECT clock_timestamp() AS started \gset
SELECT checkpoint.content_hash(s.*) FROM :source s \gset ignored_
INSERT INTO taken SELECT 'pass', extract(epoch FROM clock_timestamp() - :'started'::timestamptz);
