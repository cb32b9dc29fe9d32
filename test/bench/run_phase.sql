-- The run phase begins when the last row of the input is written: that is when
-- the checkpoint gets its row.  It ends when the call returns.  So it has the
-- commit of the input in it, and the durable one at the end.
SELECT 'run_seconds', extract(epoch FROM :'stopped'::timestamptz - created_at)
FROM checkpoint.checkpoints;
