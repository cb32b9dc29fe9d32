-- What is on record of a checkpoint describes its table.  Tests of every kind
-- that carry rows over, undo them, continue a step or use workers ask at their
-- end: SELECT public.wrong_records().
--
-- Regression and isolation tests load this file by the setting test.dir, which
-- the Makefile makes: DO $$ BEGIN EXECUTE pg_read_file(current_setting('test.dir')
-- || '/records.sql'); END $$.  TAP tests read it themselves.

-- wrong_records returns what is wrong, of one job's checkpoints or of all, and raises
-- if there is nothing to look at.
CREATE OR REPLACE FUNCTION public.wrong_records(of_job text = NULL) RETURNS SETOF text
LANGUAGE plpgsql SET search_path = pg_catalog AS $$
DECLARE
	cp checkpoint.checkpoints;
	hash text;
	nrows bigint;
	nids bigint;
	nprocessed bigint;
	nwrong bigint;
	wrong text[];
BEGIN
	FOR cp IN SELECT * FROM checkpoint.checkpoints c WHERE c.output_table IS NOT NULL AND c.job = coalesce(of_job, c.job) LOOP
		-- (a table may have a column of any other name)
		EXECUTE format('SELECT checkpoint.content_hash(sys__row), count(*), count(DISTINCT sys__row.sys__id)
			FROM %s AS sys__row', cp.output_table) INTO hash, nrows, nids;
		SELECT count(*) INTO nprocessed FROM checkpoint.processed_ids(cp.checkpoint_id);
		-- rows of what is not processed; for map also what is processed without a row
		EXECUTE CASE cp.kind
			WHEN 'map' THEN format('SELECT count(*) FROM (SELECT sys__id AS id FROM %s) o
				FULL JOIN checkpoint.processed_ids(%s) id USING (id) WHERE o IS NULL OR id IS NULL',
				cp.output_table, cp.checkpoint_id)
			WHEN 'gen' THEN format('SELECT count(*) FROM %s o WHERE sys__input_id NOT IN
				(SELECT checkpoint.processed_ids(%s))', cp.output_table, cp.checkpoint_id)
			ELSE 'SELECT 0' END INTO nwrong;

		wrong := array_remove(ARRAY[
			CASE WHEN cp.rows_output <> nrows
				THEN format('%s rows, %s on record', nrows, cp.rows_output) END,
			CASE WHEN nids <> nrows
				THEN format('%s ids of %s rows', nids, nrows) END,
			CASE WHEN cp.state = 'final' AND nrows > 0 AND cp.content_hash IS DISTINCT FROM hash
				THEN 'another content hash' END,
			CASE WHEN cp.state = 'partial' AND cp.content_hash IS NOT NULL
				THEN 'a content hash before it is final' END,
			CASE WHEN cp.rows_processed <> nprocessed
				THEN format('%s rows processed, %s on record', nprocessed, cp.rows_processed) END,
			CASE WHEN cp.state = 'final' AND cp.rows_processed <> cp.rows_total
				THEN format('final with %s of %s rows', cp.rows_processed, cp.rows_total) END,
			CASE WHEN nwrong > 0
				THEN format('output and processed rows differ in %s', nwrong) END,
			CASE WHEN (SELECT sum(value::bigint) FROM jsonb_each_text(cp.rows_by_code)) <> cp.rows_processed
				THEN 'other rows by code' END,
			CASE WHEN EXISTS (SELECT FROM checkpoint.errors e WHERE e.checkpoint_id = cp.checkpoint_id
					AND checkpoint.is_processed(cp.checkpoint_id, e.sys__id))
				THEN 'processed rows in quarantine' END], NULL);
		IF cardinality(wrong) > 0 THEN
			RETURN NEXT format('checkpoint %s, %s of %s "%s" of job "%s": %s', cp.checkpoint_id,
				cp.state, cp.kind, cp.step, cp.job, array_to_string(wrong, '; '));
		END IF;
	END LOOP;
	IF NOT FOUND THEN
		RAISE 'no checkpoint has a table: nothing was looked at';
	END IF;
END $$;
