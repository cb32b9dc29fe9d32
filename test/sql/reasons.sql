--
-- A reason names its true cause: each word of it is compared with what was done,
-- and explain_job says the same as the run.
--
-- Two runs of a step, and between them one or two events, or none: the reason says
-- what is known of them, and nothing else.
--
SET client_min_messages = warning;
DROP EXTENSION checkpoint CASCADE;
CREATE EXTENSION checkpoint;
\set VERBOSITY terse
\pset format unaligned

CREATE SCHEMA reasons;
SET search_path = reasons;
CREATE TABLE source (id int, x int, unread int);
CREATE TABLE state (version int, probe int, cache_version text, on_code_change text, enabled boolean, type text);
CREATE PROCEDURE write_version() LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('CREATE OR REPLACE FUNCTION reasons.f(x int) RETURNS text LANGUAGE plpgsql AS %L', format('
BEGIN
	IF x IN (SELECT current_setting(''test.'' || ''bad'')::int) THEN
		RAISE ''failed on %%'', x;
	END IF;
	RETURN ''v%s'';
END', (SELECT version FROM state)));
END $$;

-- What may happen; of rows, how many are added, changed and removed.
CREATE TABLE event (name text, added int, changed int, removed int, sql text);
INSERT INTO event VALUES
('nothing', 0, 0, 0, 'UPDATE state SET version = version'),
('row added', 1, 0, 0, 'INSERT INTO source VALUES (101, 101, 0)'),
('row changed', 0, 1, 0, 'UPDATE source SET x = 102 WHERE id = 1'),
('row removed', 0, 0, 1, 'DELETE FROM source WHERE id = 2'),
('unread', 0, 0, 0, 'UPDATE source SET unread = unread + 1 WHERE id = 3'),
('retype', 0, 0, 0, 'UPDATE state SET type = ''bigint'''),
('order', 0, 0, 0, 'UPDATE source SET id = id WHERE id = 4'),
('function', 0, 0, 0, 'UPDATE state SET version = version + 1'),
('cache_version', 0, 0, 0, 'UPDATE state SET cache_version = cache_version || ''x'''),
('probe', 0, 0, 0, 'UPDATE state SET probe = probe + 1'),
('accept', 0, 0, 0, 'UPDATE state SET on_code_change = ''accept'''),
('recompute', 0, 0, 0, 'UPDATE state SET on_code_change = ''recompute'''),
('restart', 0, 0, 0, 'UPDATE state SET on_code_change = ''restart'''),
('cache disabled', 0, 0, 0, 'UPDATE state SET enabled = false');

CREATE TABLE scenario (n serial, kind text, probed boolean, finished boolean, events text[]);
INSERT INTO scenario (kind, probed, finished, events)
SELECT kind, false, finished, ARRAY[name] FROM event, unnest(ARRAY['map', 'gen']) kind, unnest(ARRAY[true, false]) finished
WHERE name <> 'probe'
UNION ALL
SELECT 'map', true, finished, ARRAY['probe', name] FROM event, unnest(ARRAY[true, false]) finished WHERE name <> 'probe'
UNION ALL
SELECT 'map', false, finished, ARRAY[e.name, f.name] FROM event e JOIN event f ON e.name < f.name, unnest(ARRAY[true, false]) finished
WHERE 'probe' NOT IN (e.name, f.name);
SELECT count(*) FROM scenario;

CREATE FUNCTION query() RETURNS text LANGUAGE sql AS
	$$SELECT format('SELECT id, x, unread::%s FROM source', type) FROM reasons.state$$;
CREATE FUNCTION probe(s scenario) RETURNS text LANGUAGE sql AS
	$$SELECT format('SELECT %s', probe) FROM reasons.state WHERE s.probed$$;
CREATE PROCEDURE run(n int) LANGUAGE plpgsql AS $$
DECLARE
	s scenario;
	st state;
BEGIN
	SELECT * INTO s FROM scenario WHERE scenario.n = run.n;
	SELECT * INTO st FROM state;
	PERFORM checkpoint.begin_job('scenario ' || n);
	IF s.kind = 'map' THEN
		CALL checkpoint.map('m', query(), 'f(x) AS y', on_error => 'skip', cache_enabled => st.enabled,
			cache_version => st.cache_version, probe => probe(s), on_code_change => st.on_code_change);
	ELSE
		CALL checkpoint.gen('m', query(), 'unnest(ARRAY[f(x)]) AS y', on_error => 'skip', cache_enabled => st.enabled,
			cache_version => st.cache_version, probe => probe(s), on_code_change => st.on_code_change);
	END IF;
	PERFORM checkpoint.end_job();
END $$;

-- what the next run, called as it will be, is said to do
CREATE FUNCTION explained(s scenario) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	UPDATE checkpoint.step SET query = query(), probe = probe(s), cache_enabled = st.enabled,
		cache_version = st.cache_version, on_code_change = st.on_code_change
	FROM state st WHERE job_id = (SELECT max(job_id) FROM checkpoint.job);
	RETURN (SELECT concat_ws(', ', action, rows_total, rows_kept, rows_to_compute, reason)
		FROM checkpoint.explain_job('scenario ' || s.n));
END $$;

-- what of a reason is not true, or missing
CREATE FUNCTION faults(s scenario, explained text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	r record;
	function_changed boolean := 'function' = ANY(s.events);
	version_changed boolean := 'cache_version' = ANY(s.events);
	code_changed boolean := function_changed OR version_changed;
	unread boolean := s.events && ARRAY['unread', 'retype'];
	e record;
	n text;
BEGIN
	SELECT st.* INTO r FROM checkpoint.steps st WHERE job_id = (SELECT max(job_id) FROM checkpoint.jobs);
	SELECT sum(added) AS added, sum(changed) AS changed, sum(removed) AS removed,
		sum(added + changed + removed) > 0 AS rows INTO e FROM event WHERE name = ANY(s.events);
	-- a row that is gone and one that has come are one that has changed
	IF e.added > 0 AND e.removed > 0 THEN
		e.added := 0;
		e.changed := e.changed + 1;
		e.removed := 0;
	END IF;

	-- each word is true
	IF r.reason ~ 'function' AND NOT function_changed THEN RETURN NEXT 'function'; END IF;
	IF r.reason ~ 'cache_version' AND NOT version_changed THEN RETURN NEXT 'cache_version'; END IF;
	IF r.reason ~ 'probe' AND NOT s.probed THEN RETURN NEXT 'probe'; END IF;
	IF r.reason ~ 'probe changed, and no row' AND (e.rows OR unread) THEN RETURN NEXT 'and no row'; END IF;
	IF r.reason ~ 'does not read' AND (NOT unread OR e.rows) THEN RETURN NEXT 'does not read'; END IF;
	IF r.reason ~ 'input changed' AND NOT unread AND NOT e.rows THEN RETURN NEXT 'input changed'; END IF;
	IF r.reason ~ 'rows? (added|changed|removed)|\d (added|changed|removed)' THEN
		IF coalesce(substring(r.reason, '(\d+) (?:rows? )?added')::int, 0) <> e.added THEN RETURN NEXT 'added'; END IF;
		IF coalesce(substring(r.reason, '(\d+) (?:rows? )?changed')::int, 0) <> e.changed THEN RETURN NEXT 'changed'; END IF;
		IF coalesce(substring(r.reason, '(\d+) (?:rows? )?removed')::int, 0) <> e.removed THEN RETURN NEXT 'removed'; END IF;
	END IF;
	IF r.reason ~ 'not finished' AND s.finished THEN RETURN NEXT 'not finished'; END IF;
	IF r.reason ~ 'same input' AND (e.rows OR unread OR r.action <> 'reused') THEN RETURN NEXT 'same input'; END IF;
	IF r.reason ~ 'and code' AND code_changed THEN RETURN NEXT 'and code'; END IF;
	IF r.reason ~ 'accepted' AND NOT (code_changed AND 'accept' = ANY(s.events)) THEN RETURN NEXT 'accepted'; END IF;
	IF r.reason ~ 'cache disabled' <> ('cache disabled' = ANY(s.events)) THEN RETURN NEXT 'cache disabled'; END IF;
	IF r.reason ~ 'no earlier work|expired|cannot be used|kind of step|output columns|could not' THEN RETURN NEXT 'no such thing'; END IF;
	n := substring(r.reason, '(\d+) of them by earlier code');
	IF n IS DISTINCT FROM (CASE WHEN code_changed AND r.rows_kept > 0 THEN r.rows_kept::text END) THEN RETURN NEXT 'by earlier code'; END IF;
	n := substring(r.reason, '(\d+) rows kept');
	IF n <> r.rows_kept::text THEN RETURN NEXT 'rows kept'; END IF;

	-- and says why rows were computed, and why not
	IF r.rows_computed > 0 AND r.reason !~ 'function|cache_version|cache disabled|added|changed|not finished' THEN RETURN NEXT 'why?'; END IF;
	IF code_changed AND r.rows_kept = 0 AND r.reason !~ 'function|cache_version|cache disabled' THEN RETURN NEXT 'which code?'; END IF;
	IF r.rows_computed > e.added + e.changed AND s.finished AND r.reason !~ 'function|cache_version|cache disabled' THEN RETURN NEXT 'too few'; END IF;
	IF r.rows_total <> r.rows_kept + r.rows_computed THEN RETURN NEXT 'rows'; END IF;
	IF explained <> concat_ws(', ', r.action, r.rows_total, r.rows_kept, r.rows_computed, r.reason) THEN
		RETURN NEXT 'explain_job: ' || explained;
	END IF;
END $$;

CREATE TABLE told (n int, action text, kept bigint, computed bigint, reason text, faults text);
CREATE PROCEDURE tell(run_n int) LANGUAGE sql AS $$
INSERT INTO told SELECT run_n, action, rows_kept, rows_computed, regexp_replace(reason, '(job|checkpoint) \d+', '\1 n', 'g'),
	(SELECT string_agg(f, ', ') FROM scenario s, faults(s, current_setting('test.explained')) f WHERE s.n = run_n)
FROM checkpoint.steps WHERE job_id = (SELECT max(job_id) FROM checkpoint.jobs)
$$;
SET client_min_messages = error;
\set ECHO none
SELECT format('TRUNCATE source, state; INSERT INTO source SELECT g, g, 0 FROM generate_series(1, 10) g;'
	' INSERT INTO state VALUES (1, 1, ''s%s'', ''continue'', true, ''int'')', n),
	format('SET test.bad = %s', CASE WHEN finished THEN 0 ELSE 8 END),
	'CALL write_version()', format('CALL run(%s)', n), 'SET test.bad = 0',
	(SELECT string_agg(sql, ';') FROM event WHERE name = ANY(events)), 'CALL write_version()',
	format('DO $$ BEGIN PERFORM set_config(''test.explained'', explained(s), false) FROM scenario s WHERE n = %s; END $$', n),
	format('CALL run(%s)', n), format('CALL tell(%s)', n)
FROM scenario ORDER BY n \gexec
\set ECHO all

-- No word is false, and none is missing.
SELECT s.*, t.* FROM scenario s JOIN told t USING (n) WHERE faults IS NOT NULL ORDER BY s.n;
-- All that was said.
SELECT kind, finished, events, action, kept, computed, reason FROM scenario s JOIN told t USING (n)
WHERE NOT probed AND cardinality(events) = 1 ORDER BY n;
SELECT finished, events, action, kept, computed, reason FROM scenario s JOIN told t USING (n) WHERE probed ORDER BY n;
SELECT finished, action, reason, count(*) FROM scenario JOIN told USING (n) WHERE NOT probed AND cardinality(events) = 2
GROUP BY 1, 2, 3 ORDER BY finished, action, reason COLLATE "C";

SET client_min_messages = warning;
DROP SCHEMA reasons CASCADE;
