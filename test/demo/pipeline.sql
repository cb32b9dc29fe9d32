SELECT checkpoint.begin_job('vocabulary');

-- One output row per text.
CALL checkpoint.map('lengths',
                    input => 'SELECT oid, proname, description FROM docs ORDER BY oid',
                    udf   => 'mean_length(description) AS mean');

-- As many output rows per text as it has long words. "lengths" is the step above.
CALL checkpoint.gen('words',
                    input => 'SELECT description, mean FROM lengths WHERE mean IS NOT NULL',
                    udf   => 'long_words(description, mean) AS word');

-- The result gets a name that stays.
CALL checkpoint.save('public.vocabulary',
                     'SELECT word, count(*) AS uses FROM words GROUP BY word');

SELECT checkpoint.end_job();
