-- each night
SELECT cron.schedule('nightly', '0 2 * * *', 'CALL etl.nightly()');
-- until it is done: a run that begins while another one runs fails at once (55006), and one that comes when all is
-- done reuses everything in some milliseconds a step
SELECT cron.schedule('nightly-again', '*/10 2-6 * * *', 'CALL etl.nightly()');
-- once a day, as a superuser or as the role that owns the jobs
SELECT cron.schedule('prune', '30 7 * * *', 'CALL checkpoint.prune()');
