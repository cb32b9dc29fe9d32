--
-- Rule 1: contents are hashed in the encoding of the database, whatever that of
-- the client is, in every process.
--
SET client_min_messages = warning;
DROP EXTENSION checkpoint CASCADE;
CREATE EXTENSION checkpoint;
\set VERBOSITY terse

CREATE SCHEMA encoding;
SET search_path = encoding;
-- types whose send functions convert texts
CREATE TYPE color AS ENUM ('red', U&'gr\00fcn', U&'\0441\0438\043d\0438\0439');
CREATE TYPE pair AS (c color);
CREATE TYPE words;
CREATE FUNCTION words_in(cstring) RETURNS words LANGUAGE internal IMMUTABLE STRICT AS 'textin';
CREATE FUNCTION words_out(words) RETURNS cstring LANGUAGE internal IMMUTABLE STRICT AS 'textout';
CREATE FUNCTION words_send(words) RETURNS bytea LANGUAGE internal STABLE STRICT AS 'textsend';
CREATE TYPE words (INPUT = words_in, OUTPUT = words_out, SEND = words_send, LIKE = text);
CREATE TABLE t AS
SELECT g AS i, (enum_range(NULL::color))[1 + g % 3] AS c, enum_range(NULL::color) AS cs,
	('$.' || (enum_range(NULL::color))[1 + g % 3])::jsonpath AS p, ROW((enum_range(NULL::color))[1 + g % 2])::pair AS r,
	('w' || g || (enum_range(NULL::color))[1 + g % 3])::text::words AS w
FROM generate_series(1, 2000) g;
CREATE FUNCTION f(i int) RETURNS color LANGUAGE sql IMMUTABLE AS 'SELECT (enum_range(NULL::encoding.color))[1 + i % 3]';
SELECT checkpoint.content_hash(t) AS hash, checkpoint.content_hash(c, cs, p, w) AS columns_hash FROM t \gset
SELECT checkpoint.begin_job('encoding') AS job \gset
CALL checkpoint.map('m', 'SELECT * FROM t', 'f(i), w AS w2');
CALL checkpoint.query('q', 'SELECT * FROM t', cache_enabled => false);
CREATE VIEW hashes AS SELECT c.job, c.step, s.action, c.input_hash, c.content_hash FROM checkpoint.steps s JOIN checkpoint.checkpoints c USING (checkpoint_id)
	WHERE s.job_id = current_setting('checkpoint.job')::bigint ORDER BY 1, 2;
CREATE TABLE expected AS SELECT * FROM hashes;
SELECT checkpoint.end_job();

-- a client with another encoding, which lacks some of the letters
SET client_encoding = 'LATIN1';
SELECT checkpoint.content_hash(t) = :'hash' AS same, checkpoint.content_hash(c, cs, p, w) = :'columns_hash' AS same FROM t;
SELECT checkpoint.begin_job('encoding') AS job \gset
CALL checkpoint.map('m', 'SELECT * FROM t', 'f(i), w AS w2');
CALL checkpoint.query('q', 'SELECT * FROM t', cache_enabled => false);
SELECT step, h.action, h.input_hash = e.input_hash AS same, h.content_hash = e.content_hash AS same FROM hashes h JOIN expected e USING (step) ORDER BY 1;
SELECT checkpoint.end_job();
-- computed by several processes
SET checkpoint.workers = 3;
SELECT checkpoint.begin_job('encoding', fresh => true) AS job \gset
CALL checkpoint.map('m', 'SELECT * FROM t', 'f(i), w AS w2');
SELECT step, h.action, h.input_hash = e.input_hash AS same, h.content_hash = e.content_hash AS same FROM hashes h JOIN expected e USING (step) ORDER BY 1;
SELECT checkpoint.end_job();
RESET checkpoint.workers;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SELECT checkpoint.content_hash(t) = :'hash' AS same, checkpoint.content_hash(c, cs, p, w) = :'columns_hash' AS same FROM t;

-- What the client is sent is in its encoding, also after an error in a send
-- function.
CREATE TYPE broken;
CREATE FUNCTION broken_in(cstring) RETURNS broken LANGUAGE internal IMMUTABLE STRICT AS 'textin';
CREATE FUNCTION broken_out(broken) RETURNS cstring LANGUAGE internal IMMUTABLE STRICT AS 'textout';
CREATE TYPE broken (INPUT = broken_in, OUTPUT = broken_out, LIKE = text);
CREATE FUNCTION broken_send(broken) RETURNS bytea LANGUAGE plpgsql STABLE AS $$
BEGIN
	RAISE NOTICE 'not sent in an encoding that is not the client''s: %', chr(252);
	RAISE 'broken';
END $$;
ALTER TYPE broken SET (SEND = broken_send);
SET client_min_messages = notice;
SELECT octet_length(textsend(chr(252))) AS bytes;
SELECT checkpoint.content_hash('x'::broken, 1);
SELECT octet_length(textsend(chr(252))) AS bytes;
SHOW client_encoding;
SHOW client_min_messages;
RESET client_encoding;
SELECT octet_length(textsend(chr(252))) AS bytes;

SET client_min_messages = warning;
DROP SCHEMA encoding CASCADE;
