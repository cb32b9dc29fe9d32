/*-------------------------------------------------------------------------
 *
 * catalog_picture.c
 *	  What pictures and reports show of the steps of a job.
 *
 * IDENTIFICATION
 *	  src/catalog_picture.c
 *
 *-------------------------------------------------------------------------
 */
#include "checkpoint.h"

#include "catalog/pg_type.h"
#include "catalog_picture.h"
#include "statement.h"
#include "utils/builtins.h"

/*
 * ckpt_catalog_reads lists the names (char *) of the steps whose outputs are used.
 */
List *
ckpt_catalog_reads(List *outputs)
{
	List	   *names = NIL;
	ListCell   *lc;

	foreach(lc, outputs)
	{
		const CkptStepOutput *output = (const CkptStepOutput *) lfirst(lc);

		if (output->used)
			names = lappend(names, output->step);
	}
	return names;
}

/*
 * ckpt_catalog_store_reads stores which of the steps before it a step that is on
 * record reads.
 */
void
ckpt_catalog_store_reads(int64 step_id, List *outputs)
{
	STATEMENT(st, "UPDATE checkpoint.step SET reads_steps = $2 WHERE step_id = $1");

	ckpt_arg_int8(&st, step_id);
	ckpt_arg_names(&st, ckpt_catalog_reads(outputs));
	ckpt_statement_run(&st, SPI_OK_UPDATE);
}

/*
 * ckpt_catalog_graph_steps lists (CkptGraphStep *) the steps of a job, in order.
 */
List *
ckpt_catalog_graph_steps(int64 job_id)
{
	STATEMENT(st, "SELECT s.step, s.kind, checkpoint._step_action(s.step_id, s.action),"
			  " coalesce(s.rows_total, -1), coalesce(s.rows_kept, -1), coalesce(s.rows_computed, -1),"
			  " coalesce(s.rows_failed, -1), coalesce(s.rows_output, -1),"
			  " coalesce(extract(epoch FROM s.ended_at - s.started_at) * 1000, -1000)::int8,"
			  " r.step"
			  " FROM checkpoint.step s LEFT JOIN LATERAL"
			  "  (SELECT r.step FROM checkpoint.step r WHERE r.job_id = s.job_id"
			  "   AND r.step = ANY (s.reads_steps) ORDER BY r.step_id) r ON true"
			  " WHERE s.job_id = $1 ORDER BY s.step_id");
	List	   *steps = NIL;
	CkptGraphStep *step = NULL;
	uint64		nrows;

	ckpt_arg_int8(&st, job_id);
	nrows = ckpt_statement_open(&st, SPI_OK_SELECT);
	MemoryContextSwitchTo(st.caller);
	for (uint64 row = 0; row < nrows; row++)
	{
		char	   *name = ckpt_row_text(&st, row, 1);
		char	   *reads = ckpt_row_text(&st, row, 10);

		/* a row for each step that it reads */
		if (step == NULL || strcmp(step->step, name) != 0)
		{
			step = palloc0(sizeof(CkptGraphStep));
			step->step = name;
			step->kind = ckpt_row_text(&st, row, 2);
			step->action = ckpt_row_text(&st, row, 3);
			step->counts.total = ckpt_row_int8(row, 4);
			step->counts.kept = ckpt_row_int8(row, 5);
			step->counts.computed = ckpt_row_int8(row, 6);
			step->counts.failed = ckpt_row_int8(row, 7);
			step->counts.output = ckpt_row_int8(row, 8);
			step->elapsed = ckpt_row_int8(row, 9) / 1000.0;
			steps = lappend(steps, step);
		}
		if (reads)
			step->reads = lappend(step->reads, reads);
	}
	ckpt_statement_close(&st);
	return steps;
}

/*
 * ckpt_catalog_failed_rows says how many rows the steps of a job left in quarantine;
 * NULL is none.
 */
char *
ckpt_catalog_failed_rows(int64 job_id)
{
	STATEMENT(st, "SELECT string_agg(format('step \"%s\": %s %s failed', step, rows_failed,"
			  "  CASE rows_failed WHEN 1 THEN 'row' ELSE 'rows' END), '; ' ORDER BY step_id)"
			  " FROM checkpoint.step WHERE job_id = $1 AND rows_failed > 0");

	ckpt_arg_int8(&st, job_id);
	return ckpt_statement_text(&st);
}
