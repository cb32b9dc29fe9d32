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

/* An output that is listed, and where it belongs. */
typedef struct Listed
{
	CkptStepOutput *output;
	int64		step_id;
} Listed;

/*
 * look_up_output returns what the step of that name has left, or NULL.
 */
static Listed *
look_up_output(int64 job_id, const char *name)
{
	STATEMENT(st, "SELECT s.step, s.kind, (SELECT c.output_table FROM checkpoint.checkpoint c"
			  "  WHERE c.checkpoint_id = s.checkpoint_id), s.resumed,"
			  " s.inline_query, s.inline_reads, s.inline_code, s.inline_probe, s.cache_enabled, s.code_version IS NOT NULL,"
			  " s.step_id"
			  " FROM checkpoint.step s WHERE s.job_id = $1 AND s.step = $2"
			  " AND s.action NOT IN ('running', 'failed', 'stopped')");
	Listed	   *listed = NULL;
	bool		found;

	ckpt_arg_int8(&st, job_id);
	ckpt_arg_text(&st, name);
	found = ckpt_statement_open(&st, SPI_OK_SELECT) > 0;
	MemoryContextSwitchTo(st.caller);
	if (found)
	{
		CkptStepOutput *output = palloc0(sizeof(CkptStepOutput));

		listed = palloc(sizeof(Listed));
		output->step = ckpt_row_text(&st, 0, 1);
		output->kind = row_word(&st, 0, 2, &ckpt_kinds);
		output->table = ckpt_row_text(&st, 0, 3);
		output->resumed = ckpt_row_bool(0, 4);
		output->inlined = row_inlined(&st, 0);
		if (output->inlined)
			output->inlined->step = output->step;
		listed->output = output;
		listed->step_id = ckpt_row_int8(0, 11);
	}
	ckpt_statement_close(&st);
	return listed;
}

static int
compare_listed(const ListCell *a, const ListCell *b)
{
	int64		x = ((const Listed *) lfirst(a))->step_id;
	int64		y = ((const Listed *) lfirst(b))->step_id;

	return (x > y) - (x < y);
}

/*
 * ckpt_catalog_step_outputs lists (CkptStepOutput *), in the order of the steps, what
 * those steps of a job have left that have one of the names (char *), or are read by
 * inlined ones of these.
 */
List *
ckpt_catalog_step_outputs(int64 job_id, List *names)
{
	List	   *asked = NIL;	/* names */
	List	   *more = list_copy(names);
	List	   *found = NIL;
	List	   *outputs = NIL;
	ListCell   *lc;

	while (more)
	{
		char	   *name = (char *) linitial(more);
		Listed	   *listed;

		more = list_delete_first(more);
		if (has_name(asked, name))
			continue;
		asked = lappend(asked, name);
		listed = look_up_output(job_id, name);
		if (listed)
			found = lappend(found, listed);
		if (listed && listed->output->inlined)
			more = list_concat(more, listed->output->inlined->reads);
	}
	list_sort(found, compare_listed);
	foreach(lc, found)
		outputs = lappend(outputs, ((Listed *) lfirst(lc))->output);
	foreach(lc, outputs)
	{
		CkptStepOutput *output = (CkptStepOutput *) lfirst(lc);

		if (output->inlined)
			output->inlined->among = outputs;
	}
	return outputs;
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
