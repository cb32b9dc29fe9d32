-- What the contenders work on and with.

CREATE EXTENSION plpython3u;

-- Source tables: a key, the argument of the functions, and a text to carry.
CREATE PROCEDURE make_source(name text, nrows bigint)
LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('CREATE TABLE %I AS
        SELECT i AS id, i::int AS x, md5(i::text) AS t FROM generate_series(1, %s::bigint) i',
        name, nrows);
    EXECUTE format('ALTER TABLE %I ADD PRIMARY KEY (id)', name);
END $$;

-- What the session's process has spent on a processor so far.
CREATE FUNCTION cpu_ms() RETURNS float8 LANGUAGE sql AS
    $$ SELECT split_part(pg_read_file('/proc/self/schedstat'), ' ', 1)::float8 / 1e6 $$;

-- Tables of other shapes: one integer, 200 columns, JSON of 700 kB that hardly
-- compresses, and JSON that does.
CREATE PROCEDURE make_shapes(nrows bigint)
LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('CREATE TABLE ints AS SELECT i::int AS x FROM generate_series(1, %s::bigint) i', nrows / 2);
    EXECUTE format('CREATE TABLE wide AS SELECT i::int AS x, %s FROM generate_series(1, %s::bigint) i',
        (SELECT string_agg(format(CASE k % 4 WHEN 0 THEN '(i + %s)::int' WHEN 1 THEN '(i * %s)::bigint'
            WHEN 2 THEN '''t'' || (i + %s)' ELSE '(i + %s)::float8' END || ' AS c%s', k, k), ', ')
            FROM generate_series(1, 199) k), nrows / 20);
    CREATE TABLE documents AS SELECT i AS id, (SELECT json_object_agg('key' || k, md5((i * k)::text))
        FROM generate_series(1, 14500) k) AS x FROM generate_series(1, 60) i;
    CREATE TABLE compressed AS SELECT i AS id, (SELECT json_agg(json_build_object('id', k, 'name', 'customer number ' || k,
            'status', CASE k % 3 WHEN 0 THEN 'active' ELSE 'inactive' END, 'score', (k * i) % 1000))
        FROM generate_series(1, 8600) k) AS x FROM generate_series(1, 60) i;
    ALTER TABLE ints ADD PRIMARY KEY (x);
    ALTER TABLE wide ADD PRIMARY KEY (x);
    CREATE TABLE numbers AS SELECT i AS x FROM generate_series(1, 10) i;
END $$;

-- The functions are as CREATE FUNCTION makes them: volatile, parallel unsafe.

CREATE FUNCTION trivial(x int) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
    RETURN x + 1;
END $$;

CREATE FUNCTION python(x int) RETURNS int LANGUAGE plpython3u AS $$
return x + 1
$$;

-- Functions of several rows: one that costs nothing, and one that takes 1 ms a call
-- and 10 us a row, as a model does.
CREATE FUNCTION trivial_batch(xs int[]) RETURNS int[] LANGUAGE plpgsql AS $$
BEGIN
    FOR i IN 1 .. cardinality(xs) LOOP
        xs[i] := xs[i] + 1;
    END LOOP;
    RETURN xs;
END $$;

CREATE FUNCTION model(xs int[]) RETURNS int[] LANGUAGE plpython3u AS $$
import time
time.sleep(0.001 + 0.00001 * len(xs))
return [x + 1 for x in xs]
$$;

-- One that the planner puts in the place of its call.
CREATE FUNCTION free(x int) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT x + 1';

CREATE FUNCTION text_length(x json) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT length(x::text)';

-- 0 to 5 outputs per input
CREATE FUNCTION trivial_gen(x int) RETURNS SETOF int LANGUAGE plpgsql AS $$
BEGIN
    FOR i IN 1 .. x % 6 LOOP
        RETURN NEXT x + i;
    END LOOP;
END $$;

CREATE FUNCTION python_gen(x int) RETURNS SETOF int LANGUAGE plpython3u AS $$
for i in range(1, x % 6 + 1):
    yield x + i
$$;

-- 1 ms of work.  It is an amount of work, not a time: pg_sleep(), or a loop
-- that watches the clock, would take 1 ms however many processes share a core.
-- This machine's amount is found by running alone.
CREATE FUNCTION work(amount int) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
    s int := 1;
BEGIN
    FOR i IN 1 .. amount LOOP
        s := (s * 31 + i) % 65521;
    END LOOP;
    RETURN s;
END $$;

CREATE FUNCTION calibrate() RETURNS int LANGUAGE plpgsql AS $$
DECLARE
    started timestamptz;
    best float8 := 'infinity';
BEGIN
    FOR i IN 1 .. 20 LOOP
        started := clock_timestamp();
        PERFORM work(200000);
        best := least(best, extract(epoch FROM clock_timestamp() - started));
    END LOOP;
    RETURN 0.001 / (best / 200000);
END $$;

SELECT calibrate() AS amount \gset

SELECT format($$
CREATE FUNCTION expensive(x int) RETURNS int LANGUAGE plpgsql AS
    'BEGIN RETURN x + 0 * work(%1$s); END';
CREATE FUNCTION expensive_gen(x int) RETURNS SETOF int LANGUAGE plpgsql AS
    'BEGIN PERFORM work(%1$s); RETURN QUERY SELECT x + i FROM generate_series(1, x %% 6) i; END';
$$, :amount) \gexec

-- A function that stops where it is told to, and says when it was called.
CREATE TABLE stop_at (x int);

CREATE FUNCTION stops(x int) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
    IF x % 10000 = 0 AND EXISTS (SELECT FROM stop_at s WHERE s.x = stops.x) THEN
        RAISE EXCEPTION 'called at %', extract(epoch FROM clock_timestamp());
    END IF;
    RETURN x + 1;
END $$;

-- The column that the loops go by: the primary key, if there is one.
CREATE FUNCTION key_of(source text) RETURNS text LANGUAGE sql AS $$
    SELECT coalesce((SELECT a.attname FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid
            AND a.attnum = i.indkey[0] WHERE i.indrelid = source::regclass AND i.indisprimary), 'id')
$$;

-- The loop that people write: ranges of the primary key.  rows is the query
-- without its WHERE, source its table under the name of s.
CREATE PROCEDURE loop_ranges(source text, rows text, batch int)
LANGUAGE plpgsql AS $$
DECLARE
    key text := key_of(source);
    last bigint;
BEGIN
    EXECUTE format('CREATE TABLE result AS %s LIMIT 0', rows);
    IF rows NOT LIKE '%LATERAL%' THEN
        EXECUTE format('ALTER TABLE result ADD PRIMARY KEY (%I)', key);
    END IF;
    CREATE TABLE processed (id bigint PRIMARY KEY);
    COMMIT;
    EXECUTE format('SELECT max(%I) FROM %I', key, source) INTO last;
    FOR lo IN 1 .. last BY batch LOOP
        EXECUTE format('INSERT INTO result %s WHERE s.%I >= $1 AND s.%I < $2', rows, key, key)
            USING lo, lo + batch;
        EXECUTE format('INSERT INTO processed SELECT s.%I FROM %I s WHERE s.%I >= $1 AND s.%I < $2',
                       key, source, key, key) USING lo, lo + batch;
        COMMIT;
    END LOOP;
END $$;

-- The other loop that people write: what is not there yet, some at a time.
-- EXECUTE plans each batch for what the tables hold by then.
CREATE PROCEDURE loop_not_exists(source text, f text, batch int)
LANGUAGE plpgsql AS $$
DECLARE
    key text := key_of(source);
    done bigint;
BEGIN
    EXECUTE format('CREATE TABLE result AS SELECT s.*, %s(s.x) AS y FROM %I s LIMIT 0', f, source);
    EXECUTE format('ALTER TABLE result ADD PRIMARY KEY (%I)', key);
    CREATE TABLE processed (id bigint PRIMARY KEY);
    COMMIT;
    LOOP
        EXECUTE format('WITH batch AS (
                SELECT s.* FROM %I s
                WHERE NOT EXISTS (SELECT FROM processed p WHERE p.id = s.%I) LIMIT $1),
            computed AS (INSERT INTO result SELECT b.*, %s(b.x) FROM batch b RETURNING %I)
            INSERT INTO processed SELECT %I FROM computed', source, key, f, key, key) USING batch;
        GET DIAGNOSTICS done = ROW_COUNT;
        COMMIT;
        EXIT WHEN done = 0;
    END LOOP;
END $$;
