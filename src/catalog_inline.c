/*-------------------------------------------------------------------------
 *
 * catalog_inline.c
 *	  Spells the SQL on steps that are not stored.
 *
 * IDENTIFICATION
 *	  src/catalog_inline.c
 *
 *-------------------------------------------------------------------------
 */
#include "checkpoint.h"

#include "catalog.h"
#include "catalog_internal.h"
#include "catalog/pg_type.h"
#include "statement.h"
#include "utils/builtins.h"
#include "utils/guc.h"

/*
 * ckpt_catalog_store_inlined stores how a step stands in the queries of others.
 */
void
ckpt_catalog_store_inlined(int64 step_id, const CkptInline *inlined)
{
	STATEMENT(st, "UPDATE checkpoint.step SET inline_query = $2, inline_reads = $3,"
			  " inline_code = $4, inline_probe = $5,"
			  " inline_path = $6, checkpoint_id = NULL WHERE step_id = $1");

	ckpt_arg_int8(&st, step_id);
	ckpt_arg_text(&st, inlined->query);
	ckpt_arg_names(&st, inlined->reads);
	ckpt_arg_text(&st, inlined->code);
	ckpt_arg_text(&st, inlined->probe);
	ckpt_arg_text(&st, GetConfigOption("search_path", false, false));
	ckpt_statement_run(&st, SPI_OK_UPDATE);
}

/*
 * ckpt_catalog_reinsert_inlined lets an inlined step run, to be stored, and returns
 * its number; 0 if the job has no such step, or no more.
 */
int64
ckpt_catalog_reinsert_inlined(int64 job_id, const char *step)
{
	STATEMENT(st, "UPDATE checkpoint.step SET action = 'running', reason = NULL,"
			  " inline_query = NULL, started_at = clock_timestamp(), ended_at = NULL"
			  " WHERE job_id = $1 AND step = $2 AND action = 'inlined' RETURNING step_id");
	int64		step_id = 0;

	ckpt_arg_int8(&st, job_id);
	ckpt_arg_text(&st, step);
	if (ckpt_statement_open(&st, SPI_OK_UPDATE_RETURNING) > 0)
		step_id = ckpt_row_int8(0, 1);
	ckpt_statement_close(&st);
	return step_id;
}

/*
 * ckpt_catalog_inlined_call returns how an inlined step of a job was called, and its
 * search_path in *path; NULL if the job has no such step, or no more.
 */
CkptSpec *
ckpt_catalog_inlined_call(int64 job_id, const char *step, char **path)
{
	STATEMENT(st, "SELECT " RECORDED_COLUMNS ", inline_path FROM checkpoint.step"
			  " WHERE job_id = $1 AND step = $2 AND action = 'inlined'");
	CkptSpec   *spec = NULL;

	ckpt_arg_int8(&st, job_id);
	ckpt_arg_text(&st, step);
	if (ckpt_statement_open(&st, SPI_OK_SELECT) > 0)
	{
		MemoryContextSwitchTo(st.caller);
		spec = ckpt_catalog_row_call(&st, 0);
		*path = ckpt_row_text(&st, 0, 17);
	}
	ckpt_statement_close(&st);
	return spec;
}

/*
 * ckpt_catalog_was_stored returns whether the last other job of the run group that
 * had a step stored its rows; a call that failed before it was to be is not looked at.
 */
bool
ckpt_catalog_was_stored(const CkptStepRef *ref, int64 job_id)
{
	STATEMENT(st, "SELECT s.checkpoint_id IS NOT NULL"
			  " FROM checkpoint.job j JOIN checkpoint.step s USING (job_id)"
			  " WHERE " OWNER_OID("j.") " = $1 AND j.name = $2 AND s.step = $3"
			  " AND job_id <> $4 AND (s.checkpoint_id IS NOT NULL OR s.action = 'inlined')"
			  " ORDER BY job_id DESC LIMIT 1");
	bool		stored;

	arg_step(&st, ref);
	ckpt_arg_int8(&st, job_id);
	stored = ckpt_statement_open(&st, SPI_OK_SELECT) > 0 && ckpt_row_bool(0, 1);
	ckpt_statement_close(&st);
	return stored;
}

/*
 * ckpt_catalog_inlined_before returns in words what is different from how a step stood
 * in the queries of others in the last other job that had it; NULL if nothing is, or
 * it was stored.
 */
char *
ckpt_catalog_inlined_before(const CkptStepRef *ref, int64 job_id, const CkptInline *inlined)
{
	STATEMENT(st, "SELECT CASE WHEN s.inline_query <> $5 OR s.inline_reads <> $6"
			  " THEN CASE WHEN s.query = now.query AND s.udf <> now.udf"
			  " THEN 'expression changed' ELSE 'query changed' END"
			  " WHEN s.inline_probe <> $8 THEN 'probe changed'"
			  " WHEN s.inline_code <> $7 THEN 'code changed' END"
			  " FROM checkpoint.job j JOIN checkpoint.step s USING (job_id)"
			  " LEFT JOIN checkpoint.step now ON now.job_id = $4 AND now.step = $3"
			  " WHERE " OWNER_OID("j.") " = $1 AND j.name = $2 AND s.step = $3"
			  " AND j.job_id <> $4 AND s.action = 'inlined' ORDER BY j.job_id DESC LIMIT 1");

	arg_step(&st, ref);
	ckpt_arg_int8(&st, job_id);
	ckpt_arg_text(&st, inlined->query);
	ckpt_arg_names(&st, inlined->reads);
	ckpt_arg_text(&st, inlined->code);
	ckpt_arg_text(&st, inlined->probe);
	return ckpt_statement_text(&st);
}

/*
 * ckpt_catalog_step_is_inlined returns whether a step of a job is inlined.
 */
bool
ckpt_catalog_step_is_inlined(int64 job_id, const char *step)
{
	STATEMENT(st, "SELECT FROM checkpoint.step"
			  " WHERE job_id = $1 AND step = $2 AND action = 'inlined'");

	ckpt_arg_int8(&st, job_id);
	ckpt_arg_text(&st, step);
	return ckpt_statement_run(&st, SPI_OK_SELECT) > 0;
}
