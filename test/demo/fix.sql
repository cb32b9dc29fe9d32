-- A text may be nothing but a remark in parentheses: it has no words and no mean.
CREATE OR REPLACE FUNCTION mean_length(doc text) RETURNS numeric LANGUAGE plpgsql AS $$
DECLARE
    plain text := regexp_replace(doc, '\(.*?\)', '', 'g');
    letters int := length(regexp_replace(plain, '[^[:alpha:]]', '', 'g'));
    words int := regexp_count(plain, '[[:alpha:]]+');
BEGIN
    RETURN round(letters::numeric / nullif(words, 0), 2);
END $$;
