/*-------------------------------------------------------------------------
 *
 * catalog_output.c
 *	  Spells the SQL on what the steps of a job have left.
 *
 * IDENTIFICATION
 *	  src/catalog_output.c
 *
 *-------------------------------------------------------------------------
 */
#include "checkpoint.h"

#include "catalog.h"
#include "catalog_internal.h"
#include "catalog/pg_type.h"
#include "statement.h"
#include "utils/array.h"
#include "utils/builtins.h"

/*
 * row_inlined returns how a step is inlined, or NULL.
 */
static CkptInline *
row_inlined(CkptStatement *st, uint64 row)
{
	char	   *query = ckpt_row_text(st, row, 5);
	CkptInline *inlined;
	Datum	   *names;
	int			n;
	bool		isnull;

	if (query == NULL)
		return NULL;
	inlined = palloc0(sizeof(CkptInline));
	inlined->query = query;
	deconstruct_array(DatumGetArrayTypeP(SPI_getbinval(SPI_tuptable->vals[row],
													   SPI_tuptable->tupdesc, 6, &isnull)),
					  TEXTOID, -1, false, TYPALIGN_INT, &names, NULL, &n);
	for (int i = 0; i < n; i++)
		inlined->reads = lappend(inlined->reads, TextDatumGetCString(names[i]));
	inlined->code = ckpt_row_text(st, row, 7);
	inlined->probe = ckpt_row_text(st, row, 8);
	inlined->anew = !ckpt_row_bool(row, 9);
	inlined->versioned = ckpt_row_bool(row, 10);
	return inlined;
}

static bool
has_name(List *names, const char *name)
{
	ListCell   *lc;

	foreach(lc, names)
	{
		if (strcmp((const char *) lfirst(lc), name) == 0)
			return true;
	}
	return false;
}

/*
 * ckpt_catalog_step_outputs lists (CkptStepOutput *) what those steps of a job
 * have left that have one of the names (char *), or are read by inlined ones of
 * these.
 */
List *
ckpt_catalog_step_outputs(int64 job_id, List *names)
{
	/* each by the key of both columns, which a condition on all is not always used for */
	STATEMENT(st, "SELECT s.step, s.kind, (SELECT c.output_table FROM checkpoint.checkpoint c"
			  "  WHERE c.checkpoint_id = s.checkpoint_id), s.resumed,"
			  " s.inline_query, s.inline_reads, s.inline_code, s.inline_probe, s.cache_enabled, s.code_version IS NOT NULL"
			  " FROM (SELECT DISTINCT unnest($2) AS step) n,"
			  " LATERAL (SELECT * FROM checkpoint.step WHERE job_id = $1 AND step = n.step OFFSET 0) s"
			  " WHERE s.action NOT IN ('running', 'failed', 'stopped') ORDER BY s.step_id");
	List	   *outputs = NIL;
	List	   *more = names;
	uint64		nrows;
	ListCell   *lc;

	if (names == NIL)
		return NIL;
	ckpt_arg_int8(&st, job_id);
	ckpt_arg_names(&st, names);
	nrows = ckpt_statement_open(&st, SPI_OK_SELECT);
	MemoryContextSwitchTo(st.caller);
	for (uint64 row = 0; row < nrows; row++)
	{
		CkptStepOutput *output = palloc0(sizeof(CkptStepOutput));

		output->step = ckpt_row_text(&st, row, 1);
		output->kind = row_word(&st, row, 2, &ckpt_kinds);
		output->table = ckpt_row_text(&st, row, 3);
		output->resumed = ckpt_row_bool(row, 4);
		output->inlined = row_inlined(&st, row);
		outputs = lappend(outputs, output);
	}
	foreach(lc, outputs)
	{
		CkptStepOutput *output = (CkptStepOutput *) lfirst(lc);
		ListCell   *lc2;

		if (output->inlined == NULL)
			continue;
		output->inlined->step = output->step;
		output->inlined->among = outputs;
		foreach(lc2, output->inlined->reads)
		{
			if (!has_name(more, (char *) lfirst(lc2)))
				more = lappend(more == names ? list_copy(names) : more, lfirst(lc2));
		}
	}
	ckpt_statement_close(&st);
	return more == names ? outputs : ckpt_catalog_step_outputs(job_id, more);
}

/*
 * ckpt_catalog_get_step_table returns whether a job has the step, and in *table
 * the name of its output table, or else its input table, or NULL.
 */
bool
ckpt_catalog_get_step_table(int64 job_id, const char *step, bool output, char **table)
{
	STATEMENT(st, "SELECT CASE WHEN $3 THEN c.output_table ELSE c.input_table END"
			  " FROM checkpoint.step s"
			  " LEFT JOIN checkpoint.checkpoint c USING (checkpoint_id)"
			  " WHERE s.job_id = $1 AND s.step = $2");
	bool		found;

	ckpt_arg_int8(&st, job_id);
	ckpt_arg_text(&st, step);
	ckpt_arg_bool(&st, output);
	found = ckpt_statement_open(&st, SPI_OK_SELECT) > 0;
	*table = found ? ckpt_row_text(&st, 0, 1) : NULL;
	ckpt_statement_close(&st);
	return found;
}
