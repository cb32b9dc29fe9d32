--
-- A row's key is the same for each attempt at it in a run group, and its own.
--
SET client_min_messages = warning;
DROP EXTENSION checkpoint CASCADE;
CREATE EXTENSION checkpoint;
\set VERBOSITY terse
\set SHOW_CONTEXT never

CREATE SCHEMA idempotency_key;
SET search_path = idempotency_key;
CREATE TABLE source (id int, x int);
INSERT INTO source VALUES (1, 10), (2, 20), (3, 10), (4, NULL), (5, 10), (6, NULL);
CREATE TABLE paid (attempt int GENERATED ALWAYS AS IDENTITY, x int, key text);
CREATE FUNCTION pay(x int) RETURNS text LANGUAGE sql AS $$
	INSERT INTO idempotency_key.paid (x, key) VALUES (x, checkpoint.idempotency_key()) RETURNING key
$$;

-- in a function of a step: one for each row, of equal rows, too
SELECT checkpoint.idempotency_key();
\echo :LAST_ERROR_SQLSTATE
SELECT checkpoint.begin_job('keys') > 0 AS begun;
CALL checkpoint.map('m', 'SELECT id, x FROM source ORDER BY id', 'pay(x) AS key');
SELECT count(*), count(DISTINCT key), bool_and(key ~ '^[0-9a-f]{32}$') FROM paid;
CALL checkpoint.gen('g', 'SELECT id, x FROM source ORDER BY id', 'unnest(ARRAY[checkpoint.idempotency_key(), checkpoint.idempotency_key()]) AS key');
SELECT count(*), count(DISTINCT key), count(DISTINCT sys__input_id) FROM checkpoint_data.keys_g_2_output;
-- another step has others
SELECT count(*) FROM checkpoint_data.keys_g_2_output JOIN paid USING (key);
CALL checkpoint.map('b', 'SELECT x FROM source', 'ARRAY[checkpoint.idempotency_key()] AS key', batch => 2);
\echo :LAST_ERROR_SQLSTATE
SELECT checkpoint.fail_job('enough');

-- computed anew, in another order, with workers, with what is not read changed: the same keys
SELECT checkpoint.begin_job('keys', fresh => true) > 0 AS begun;
CALL checkpoint.map('m', 'SELECT -id AS id, x FROM source ORDER BY id DESC', 'pay(x) AS key', workers => 3);
SELECT count(*), count(DISTINCT key) FROM paid;
SELECT checkpoint.fail_job('enough');
-- in another run group: others
SELECT checkpoint.begin_job('keys_2') > 0 AS begun;
CALL checkpoint.map('m', 'SELECT id, x FROM source ORDER BY id', 'pay(x) AS key', cache_enabled => false);
SELECT count(*), count(DISTINCT key) FROM paid;
SELECT checkpoint.end_job();

-- clients have the same ones as the server
SELECT checkpoint.begin_job('keys', fresh => true) > 0 AS begun;
SELECT * FROM checkpoint.open('m', 'map', 'SELECT id, x FROM source ORDER BY id', 'key text', reads => 'x') \gset
SELECT count(*), count(DISTINCT k.key), count(DISTINCT p.key)
FROM (SELECT checkpoint.idempotency_key(:checkpoint_id, sys__id) AS key FROM checkpoint.claim(NULL::checkpoint_data.keys_m_6_input, 10)) k
	LEFT JOIN paid p USING (key);
SELECT checkpoint.idempotency_key(:checkpoint_id, 1) = checkpoint.idempotency_key(:checkpoint_id, 1) AS same,
	checkpoint.idempotency_key(:checkpoint_id, 1) = checkpoint.idempotency_key(:checkpoint_id, 3) AS equal_row,
	checkpoint.idempotency_key(NULL, 1) IS NULL AS none;
SELECT checkpoint.idempotency_key(:checkpoint_id, 7);
\echo :LAST_ERROR_SQLSTATE
SELECT checkpoint.idempotency_key(4711, 1);
\echo :LAST_ERROR_SQLSTATE
SELECT checkpoint.fail_job('enough');

SET client_min_messages = warning;
DROP SCHEMA idempotency_key CASCADE;
DROP EXTENSION checkpoint CASCADE;
CREATE EXTENSION checkpoint;
