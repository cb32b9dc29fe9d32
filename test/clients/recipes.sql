-- What the recipes of doc/recipes.md work on: a function that fails for one text, and a
-- fix for it.
CREATE TABLE docs AS SELECT id, 'text ' || id AS body FROM generate_series(1, 20) AS id;
CREATE FUNCTION embed(body text) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	IF body = 'text 13' THEN
		RAISE EXCEPTION 'no vector for %', body;
	END IF;
	RETURN length(body);
END $$;
CREATE PROCEDURE mend() LANGUAGE sql AS $$
CREATE OR REPLACE FUNCTION embed(body text) RETURNS int LANGUAGE sql AS 'SELECT length(body)';
$$;
