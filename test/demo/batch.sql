-- A function that takes many texts in one call, as a model or a service would, and
-- says how many letters each has for a word. It fails where one has no word.
CREATE FUNCTION densities(docs text[]) RETURNS numeric[] LANGUAGE sql AS $$
    SELECT array_agg(round(letters::numeric / words, 2) ORDER BY nr)
    FROM (SELECT nr, length(regexp_replace(plain, '[^[:alpha:]]', '', 'g')) AS letters,
                 regexp_count(plain, '[[:alpha:]]+') AS words
          FROM (SELECT nr, regexp_replace(doc, '\(.*?\)', '', 'g') AS plain
                FROM unnest(docs) WITH ORDINALITY d(doc, nr)) p) c
$$;

SELECT checkpoint.begin_job('summary');

-- 64 texts a call. A call that fails is repeated with halves of its texts, until the
-- bad one is alone.
CALL checkpoint.map('densities',
                    input    => 'SELECT oid, proname, description FROM docs ORDER BY oid',
                    udf      => 'densities(description) AS density',
                    batch    => 64,
                    on_error => 'skip');

-- One output row per group.
CALL checkpoint.agg('initials',
                    input        => 'SELECT left(word, 1) AS initial, word, uses FROM vocabulary ORDER BY word',
                    udf          => 'count(*) AS words, sum(uses) AS uses, (array_agg(word ORDER BY uses DESC, word))[1] AS favourite',
                    partition_by => 'initial');
CALL checkpoint.save('public.initials', 'SELECT * FROM initials');

SELECT checkpoint.end_job();

SELECT step, sys__id, sqlstate, message, attempts FROM checkpoint.errors ORDER BY sys__id LIMIT 3;
SELECT * FROM initials ORDER BY uses DESC LIMIT 5;
