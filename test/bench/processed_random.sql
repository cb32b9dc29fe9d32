-- As if every row had been computed or not at random: a bitmap of 1024 random
-- bytes for each range of 8192 ids.  (No run ends like that; rows that failed
-- come nearest.)
SELECT checkpoint_id, rows_total FROM checkpoint.checkpoints \gset
TRUNCATE checkpoint.processed;
INSERT INTO checkpoint.processed (checkpoint_id, range_no, code_no, worker, bits)
SELECT :checkpoint_id, r, 1, 0,
    (SELECT string_agg(sha512((r || '/' || i)::bytea), NULL) FROM generate_series(1, 16) i)
FROM generate_series(0, :rows_total / 8192 - 1) r;
