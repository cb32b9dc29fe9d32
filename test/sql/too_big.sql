--
-- A row is refused as too big if the server could not store it, and only then:
-- short values have one byte before them, values of up to 24 bytes stay in the
-- row, longer ones are compressed or leave it.
--
SET client_min_messages = warning;
DROP EXTENSION checkpoint CASCADE;
CREATE EXTENSION checkpoint;

CREATE SCHEMA too_big;
SET search_path = too_big;
CREATE FUNCTION of_length(len int, kind text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
	SELECT CASE kind WHEN 'equal' THEN repeat('a', len)
		ELSE left(string_agg(md5(len || ' ' || i), ''), len) END FROM generate_series(1, 5) i
$$;
CREATE TABLE lengths AS SELECT len, kind
FROM unnest('{11,12,13,16,17,18,19,20,22,23,24,25,100}'::int[]) len, unnest('{equal,random}'::text[]) kind;
CREATE FUNCTION list(n int, item text) RETURNS text LANGUAGE sql
AS $$ SELECT string_agg(format(item, i), ', ') FROM generate_series(1, n) i $$;

-- stored says which lengths the server stores, and which the step.
CREATE FUNCTION stored(output regclass, n int) RETURNS TABLE (kind text, server text, step text)
LANGUAGE plpgsql AS $$
DECLARE
	row record;
BEGIN
	EXECUTE format('CREATE TEMP TABLE plain (sys__id bigint, len int, kind text, t text, %s)', list(n, 'c%s text'));
	CREATE TEMP TABLE fits (len int, kind text);
	FOR row IN SELECT l.len, l.kind, of_length(l.len, l.kind) AS t FROM lengths l LOOP
		BEGIN
			EXECUTE format('INSERT INTO plain SELECT 1, $1, $2, $3%s', repeat(', $3', n))
			USING row.len, row.kind, row.t;
			INSERT INTO fits VALUES (row.len, row.kind);
		EXCEPTION WHEN program_limit_exceeded THEN
		END;
	END LOOP;
	RETURN QUERY EXECUTE format('SELECT kind, range_agg(int4range(f.len, f.len, ''[]''))::text,
			range_agg(int4range(o.len, o.len, ''[]''))::text
		FROM fits f FULL JOIN %s o USING (kind, len) GROUP BY kind ORDER BY kind', output);
	DROP TABLE plain, fits;
END $$;
SELECT checkpoint.begin_job('too big') AS job \gset
CALL checkpoint.map('420', 'SELECT len, kind, of_length(len, kind) AS t FROM lengths', list(420, 't AS c%s'), on_error => 'skip', max_errors => 1000);
SELECT * FROM stored(checkpoint.output('420'), 420);
CALL checkpoint.map('450', 'SELECT len, kind, of_length(len, kind) AS t FROM lengths', list(450, 't AS c%s'), on_error => 'skip', max_errors => 1000);
SELECT * FROM stored(checkpoint.output('450'), 450);
CALL checkpoint.map('490', 'SELECT len, kind, of_length(len, kind) AS t FROM lengths', list(490, 't AS c%s'), on_error => 'skip', max_errors => 1000);
SELECT * FROM stored(checkpoint.output('490'), 490);
SELECT step, rows_failed > 0 AS some_failed FROM checkpoint.steps WHERE job_id = :job ORDER BY started_at;
SELECT DISTINCT sqlstate FROM checkpoint.errors WHERE job_id = :job;
-- what comes after the first 32 MB of an input's rows is looked at likewise
SELECT format('CREATE FUNCTION long(t text, %s) RETURNS SETOF record LANGUAGE plpgsql AS $f$
BEGIN
	c1 := repeat(t, 40000000 / length(t));
	RETURN NEXT;
	%s
	RETURN NEXT;
END $f$', list(420, 'OUT c%s text'), regexp_replace(list(420, 'c%s := t;'), ',', '', 'g')) AS create_long \gset
:create_long;
CALL checkpoint.gen('spilled', 'SELECT len, kind, of_length(len, kind) AS t FROM lengths
	WHERE len IN (18, 20) AND kind = ''equal'' ORDER BY len', 'long(t)', on_error => 'skip');
SELECT sys__id, sqlstate FROM checkpoint.errors WHERE step = 'spilled' AND job_id = :job ORDER BY sys__id;
SELECT checkpoint.end_job();

DROP SCHEMA too_big CASCADE;
