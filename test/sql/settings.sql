--
-- Rules 1, 2 and 4: settings of a session count nowhere unless code can depend
-- on them.  A pipeline that does not is run under an odd value of each setting:
-- the same steps are reused, the same hashes are computed.
--
SET client_min_messages = warning;
DROP EXTENSION checkpoint CASCADE;
CREATE EXTENSION checkpoint;
\set VERBOSITY terse

-- what a server has by default, unlike one that runs tests
SET DateStyle = 'ISO, MDY';
SET IntervalStyle = 'postgres';
SET TimeZone = 'UTC';

CREATE SCHEMA settings;
-- all names are qualified; what is found without that must be written all the same
SET search_path = settings, public;
-- types that send texts, that have no binary form, that name things
CREATE TYPE settings."Colour" AS ENUM ('red', U&'gr\00fcn', 'blue');
CREATE TYPE settings.pair AS (l int, "Right" text);
CREATE TYPE settings.words;
CREATE FUNCTION settings.words_in(cstring) RETURNS settings.words LANGUAGE internal IMMUTABLE STRICT AS 'textin';
CREATE FUNCTION settings.words_out(settings.words) RETURNS cstring LANGUAGE internal IMMUTABLE STRICT AS 'textout';
CREATE FUNCTION settings.words_send(settings.words) RETURNS bytea LANGUAGE internal STABLE STRICT AS 'textsend';
CREATE TYPE settings.words (INPUT = settings.words_in, OUTPUT = settings.words_out, SEND = settings.words_send, LIKE = text);
CREATE TYPE settings.number;
CREATE FUNCTION settings.number_in(cstring) RETURNS settings.number LANGUAGE internal IMMUTABLE STRICT AS 'float8in';
CREATE FUNCTION settings.number_out(settings.number) RETURNS cstring LANGUAGE internal IMMUTABLE STRICT AS 'float8out';
CREATE TYPE settings.number (INPUT = settings.number_in, OUTPUT = settings.number_out, LIKE = float8);
CREATE TYPE settings.moment;
CREATE FUNCTION settings.moment_in(cstring) RETURNS settings.moment LANGUAGE internal STABLE STRICT AS 'timestamptz_in';
CREATE FUNCTION settings.moment_out(settings.moment) RETURNS cstring LANGUAGE internal STABLE STRICT AS 'timestamptz_out';
CREATE TYPE settings.moment (INPUT = settings.moment_in, OUTPUT = settings.moment_out, LIKE = timestamptz);
CREATE TYPE settings.price;
CREATE FUNCTION settings.price_in(cstring) RETURNS settings.price LANGUAGE internal STABLE STRICT AS 'cash_in';
CREATE FUNCTION settings.price_out(settings.price) RETURNS cstring LANGUAGE internal STABLE STRICT AS 'cash_out';
CREATE TYPE settings.price (INPUT = settings.price_in, OUTPUT = settings.price_out, LIKE = money);

CREATE TYPE settings.span;
CREATE FUNCTION settings.span_in(cstring) RETURNS settings.span LANGUAGE internal IMMUTABLE STRICT AS 'interval_in';
CREATE FUNCTION settings.span_out(settings.span) RETURNS cstring LANGUAGE internal IMMUTABLE STRICT AS 'interval_out';
CREATE TYPE settings.span (INPUT = settings.span_in, OUTPUT = settings.span_out, LIKE = interval);
CREATE TYPE settings.blob;
CREATE FUNCTION settings.blob_in(cstring) RETURNS settings.blob LANGUAGE internal IMMUTABLE STRICT AS 'byteain';
CREATE FUNCTION settings.blob_out(settings.blob) RETURNS cstring LANGUAGE internal IMMUTABLE STRICT AS 'byteaout';
CREATE TYPE settings.blob (INPUT = settings.blob_in, OUTPUT = settings.blob_out, LIKE = bytea);

CREATE TABLE settings.seen (setting text, what text, value text);
CREATE TABLE settings."Input" AS
SELECT g AS i, g * 1.1::float8 AS "Float", (g * 1.1)::float4 AS f4, '{red,blue}'::settings."Colour"[] AS colours,
	(enum_range(NULL::settings."Colour"))[2] AS colour, ROW(g, 'x')::settings.pair AS pair,
	('w' || g)::settings.words AS words, '0.1234567890123456789'::settings.number AS number,
	'2024-05-06 07:08:09+00'::settings.moment AS moment, '2024-05-06 07:08:09+00'::timestamptz AS at,
	'1234.56'::settings.price AS price, '1234.56'::money AS money, '1 year 2 days 03:04:05'::interval AS lasts,
	'1 year 2 days'::settings.span AS span, '\x00ff5c'::settings.blob AS blob, 'settings.seen'::regclass AS rel, 'settings."Colour"'::regtype AS type, '\x00ff5c'::bytea AS bytes,
	'$.a ? (@ > 1.5)'::jsonpath AS path, '((0.123456789012341,0),(1,1))'::polygon AS poly, 'x' COLLATE "C" AS c
FROM generate_series(1, 20) g;
CREATE VIEW settings."View(x)" AS SELECT i, "Float" FROM settings."Input";
CREATE DOMAIN settings."Even" AS int CHECK (value % 2 = 0);
CREATE FUNCTION settings."Helper"(i int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN i + length(E'it\'s'); END $$;
CREATE FUNCTION settings.f(i int) RETURNS settings.pair LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN ROW(settings."Helper"(i), 'x'::text); END $$;
CREATE FUNCTION settings.even(i int) RETURNS SETOF settings."Even" LANGUAGE sql IMMUTABLE AS $$ SELECT 2 * i FROM pg_catalog.generate_series(1, i % 3) $$;

-- What is compared: what each step did, and hashes computed anew.
CREATE PROCEDURE settings.see(setting text) LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO settings.seen
	SELECT setting, s.step, pg_catalog.concat_ws(' ', s.action, s.reason, c.input_hash, c.code_hash, c.content_hash)
	FROM checkpoint.steps s LEFT JOIN checkpoint.checkpoints c USING (checkpoint_id)
	WHERE s.job_id = pg_catalog.current_setting('checkpoint.job')::bigint;
	INSERT INTO settings.seen SELECT setting, 'content_hash(record)', checkpoint.content_hash(t) FROM settings."Input" t;
	INSERT INTO settings.seen SELECT setting, 'content_hash(columns)', checkpoint.content_hash(i, colour, pair, words, number, moment, span, blob, path) FROM settings."Input";
	INSERT INTO settings.seen VALUES (setting, 'fingerprint', checkpoint.fingerprint('settings.f(int)'::pg_catalog.regprocedure));
END $$;

-- An odd value for each setting that a session can have; numbers and switches ten
-- at a time, to save time.  Left out are those that end statements or sessions, or
-- refuse statements, that of what this test prints, and the extension's own that
-- ask for something else.
CREATE TABLE settings.odd AS
SELECT CASE WHEN o.value IS NULL AND s.vartype <> 'enum'
		THEN 'some ' || row_number() OVER (PARTITION BY o.value IS NULL AND s.vartype <> 'enum' ORDER BY name) / 10 ELSE name END AS label, name, s.setting, coalesce(o.value, CASE s.vartype
	WHEN 'bool' THEN CASE s.setting WHEN 'on' THEN 'off' ELSE 'on' END
	WHEN 'enum' THEN (SELECT v FROM unnest(enumvals) WITH ORDINALITY u (v, n) WHERE v <> s.setting ORDER BY n DESC LIMIT 1)
	WHEN 'string' THEN NULL
	ELSE CASE WHEN s.setting::float8 > min_val::float8 THEN ceil((s.setting::float8 + 9 * min_val::float8) / 10)
		ELSE least(s.setting::float8 + 1, max_val::float8) END::text END) AS value
FROM pg_settings s LEFT JOIN (VALUES
	('search_path', 'pg_temp'), ('DateStyle', 'SQL, DMY'), ('TimeZone', 'Asia/Kolkata'), ('extra_float_digits', '-15'),
	('client_encoding', 'LATIN1'), ('lc_monetary', 'POSIX'), ('lc_numeric', 'POSIX'), ('lc_time', 'POSIX'), ('lc_messages', 'POSIX'),
	('application_name', 'odd'), ('default_text_search_config', 'pg_catalog.german'), ('default_tablespace', 'pg_default'),
	('temp_tablespaces', 'pg_default'), ('dynamic_library_path', '/nowhere'), ('timezone_abbreviations', 'India'),
	('plpgsql.extra_warnings', 'all'), ('plpgsql.extra_errors', 'all'), ('max_stack_depth', '500'),
	('log_statement_stats', 'on'), ('vacuum_buffer_usage_limit', '128'), ('checkpoint.workers', '2'), ('checkpoint.batch_rows', '3'), ('checkpoint.commit_interval', '1')) o (name, value) USING (name)
WHERE context IN ('user', 'superuser') AND category <> 'Developer Options'
	AND name !~ '(timeout|^transaction_|^temp_file_limit|^exit_on_error|^default_transaction_read_only|^restrict_|^client_min_messages)'
	AND (name NOT LIKE 'checkpoint.%' OR o.value IS NOT NULL);
DELETE FROM settings.odd WHERE value IS NULL;
SELECT count(*) > 100 AS many, count(*) FILTER (WHERE name IN ('client_encoding', 'quote_all_identifiers', 'DateStyle',
	'IntervalStyle', 'TimeZone', 'extra_float_digits', 'bytea_output', 'lc_monetary', 'search_path',
	'standard_conforming_strings', 'backslash_quote')) AS of_texts FROM settings.odd;

\set ECHO none
\o /dev/null
SELECT statement FROM (
	SELECT label, 'SELECT ' || string_agg(format('pg_catalog.set_config(%L, %L, false)', name, value), ', ') AS change,
		'SELECT ' || string_agg(format('pg_catalog.set_config(%L, %L, false)', name, setting), ', ') AS restore
	FROM settings.odd GROUP BY label UNION ALL VALUES (' first run', 'SELECT', 'SELECT'), (' none', 'SELECT', 'SELECT')) odd,
	LATERAL (VALUES
	(1, change),
	(2, $$SELECT checkpoint.begin_job('settings')$$),
	(3, $$CALL checkpoint.map('Mapped', 'SELECT * FROM settings."Input"', 'settings.f(i), "Float" + 1 AS "Plus"')$$),
	(4, $$CALL checkpoint.gen('made', 'SELECT * FROM "Mapped"', 'settings.even(i)')$$),
	(5, $$CALL checkpoint.query('viewed', 'SELECT m.colour, v."Float" FROM "Mapped" m JOIN settings."View(x)" v USING (i)')$$),
	(6, $$CALL checkpoint.save('settings.saved', 'SELECT i, words FROM "Mapped"')$$),
	(7, $$CALL checkpoint.query('anew', 'SELECT * FROM settings."Input"', cache_enabled => false)$$),
	(8, format('CALL settings.see(%L)', label)),
	(9, 'SELECT checkpoint.end_job()'),
	(10, restore)) s (n, statement) ORDER BY label COLLATE "C", n \gexec
\o
\set ECHO all
SELECT what, value !~ '^computed' AS reused FROM settings.seen WHERE setting = ' none' ORDER BY what;
SELECT s.what, s.setting, s.value, n.value AS value_with_none
FROM settings.seen s JOIN settings.seen n ON n.what = s.what AND n.setting = ' none'
WHERE s.value <> n.value AND s.setting <> ' first run' ORDER BY 1, 2;
SELECT count(*) - 8 * (SELECT count(DISTINCT label) FROM settings.odd) AS missing FROM settings.seen WHERE setting NOT IN (' first run', ' none');

SET client_min_messages = warning;
DROP SCHEMA settings CASCADE;
