-- The documentation that every server has of its own functions.
CREATE VIEW docs AS
    SELECT p.oid, p.proname, d.description
    FROM pg_description d
    JOIN pg_proc p ON p.oid = d.objoid AND d.classoid = 'pg_proc'::regclass
    WHERE p.pronamespace = 'pg_catalog'::regnamespace;

SELECT count(*) FROM docs;

-- The mapper: the mean length of a text's words, without what is in parentheses.
CREATE FUNCTION mean_length(doc text) RETURNS numeric LANGUAGE plpgsql AS $$
DECLARE
    plain text := regexp_replace(doc, '\(.*?\)', '', 'g');
    letters int := length(regexp_replace(plain, '[^[:alpha:]]', '', 'g'));
    words int := regexp_count(plain, '[[:alpha:]]+');
BEGIN
    RETURN round(letters::numeric / words, 2);
END $$;

-- The generator: the words of a text that are longer than that. There may be none.
CREATE FUNCTION long_words(doc text, mean numeric) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    word text;
BEGIN
    FOREACH word IN ARRAY regexp_split_to_array(lower(doc), '[^[:alpha:]]+') LOOP
        IF length(word) > mean THEN
            RETURN NEXT word;
        END IF;
    END LOOP;
END $$;
