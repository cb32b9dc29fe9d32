-- A job of a thousand steps: what ten of the first cost, and the last ten.
SELECT checkpoint.begin_job('many') AS job \gset
\o /dev/null
PREPARE calls (int, int) AS
    SELECT format('CALL checkpoint.map(%L, input => ''SELECT x + %s AS x FROM numbers'', udf => ''trivial(x) AS y'')', 's' || k, k)
    FROM generate_series($1, $2) k;
EXECUTE calls (1, 10) \gexec
SELECT cpu_ms() AS cpu_started \gset
EXECUTE calls (11, 20) \gexec
SELECT cpu_ms() - :cpu_started AS first \gset
EXECUTE calls (21, 990) \gexec
SELECT cpu_ms() AS cpu_started \gset
EXECUTE calls (991, 1000) \gexec
SELECT cpu_ms() - :cpu_started AS last \gset
\o
SELECT 'first', :first / 10;
SELECT 'last', :last / 10;
SELECT checkpoint.end_job() \gset
