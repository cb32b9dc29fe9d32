SELECT job_id, step, kind, action, rows_total, rows_kept, rows_computed, rows_output
FROM checkpoint.steps
ORDER BY job_id, started_at;
