-- The table, with its index, as it is; and the rows alone.
SELECT :'what' || '_bytes', pg_total_relation_size('checkpoint.processed');
SELECT :'what' || '_row_bytes', sum(pg_column_size(p)) + 4 * count(*) FROM checkpoint.processed p;
-- to the nearest 5 %: the last range is not a whole one
SELECT 'check', 5 * round(20.0 * count(*) / max(rows_total))
FROM checkpoint.checkpoints c CROSS JOIN LATERAL checkpoint.processed_ids(c.checkpoint_id);
