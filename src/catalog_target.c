/*-------------------------------------------------------------------------
 *
 * catalog_target.c
 *	  Spells the SQL on published names, for catalog.h.
 *
 * IDENTIFICATION
 *	  src/catalog_target.c
 *
 *-------------------------------------------------------------------------
 */
#include "checkpoint.h"

#include "catalog.h"
#include "catalog_internal.h"
#include "utils/builtins.h"

/*
 * ckpt_catalog_get_target fills in *record and returns true if results were
 * published under a name, or returns false.  A dump of version 1.0 has no record of
 * that but the steps.
 */
bool
ckpt_catalog_get_target(const char *schema, const char *name, CkptTargetRecord *record)
{
	STATEMENT(st, "SELECT t.as_table, t.made, t.job_id, j.name, c.owner, t.made_as FROM"
			  " (SELECT as_table, made, job_id, checkpoint_id, made_as FROM checkpoint.target"
			  "   WHERE schema_name = $1::name AND target_name = $2::name"
			  "  UNION ALL"
			  "  (SELECT false, true, job_id, checkpoint_id, NULL FROM checkpoint.step"
			  "   WHERE kind = 'save' AND target_name IS NULL AND action IN ('computed', 'reused')"
			  "   AND step = quote_ident($1) || '.' || quote_ident($2)"
			  "   ORDER BY step_id DESC LIMIT 1) LIMIT 1) t"
			  " LEFT JOIN checkpoint.job j USING (job_id)"
			  " LEFT JOIN checkpoint.checkpoint c USING (checkpoint_id)");
	bool		found;

	ckpt_arg_text(&st, schema);
	ckpt_arg_text(&st, name);
	found = ckpt_statement_open(&st, SPI_OK_SELECT) > 0;
	if (found)
	{
		record->as_table = ckpt_row_bool(0, 1);
		record->made = ckpt_row_bool(0, 2);
		record->job_id = ckpt_row_int8(0, 3);
		record->job_name = ckpt_row_text(&st, 0, 4);
		record->owner = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 5) ?
			row_owner(0, 5) : InvalidOid;
		record->made_as = ckpt_row_text(&st, 0, 6);
	}
	ckpt_statement_close(&st);
	return found;
}

/*
 * ckpt_catalog_record_target stores that a job has published a checkpoint's output
 * under a name.  made is false for a table made by hand; made_as says which table a
 * step has made, see ckpt_target_identity(); changed says that what is shown is not
 * what was shown before.
 */
void
ckpt_catalog_record_target(const CkptTarget *target, int64 job_id, bool made,
						   const char *made_as, bool changed)
{
	STATEMENT(st, "INSERT INTO checkpoint.target AS t"
			  " (schema_name, target_name, step, job_id, checkpoint_id, as_table, made, made_as)"
			  " VALUES ($1::name, $2::name, $3, $4, $5, $6, $7, $9)"
			  " ON CONFLICT (schema_name, target_name) DO UPDATE SET step = $3, job_id = $4,"
			  " since = CASE WHEN $8 THEN clock_timestamp() ELSE t.since END,"
			  " checkpoint_id = $5, as_table = $6, made = $7, made_as = $9");

	ckpt_arg_text(&st, target->schema);
	ckpt_arg_text(&st, target->name);
	ckpt_arg_text(&st, target->step);
	ckpt_arg_int8(&st, job_id);
	ckpt_arg_int8(&st, target->checkpoint_id);
	ckpt_arg_bool(&st, target->as_table);
	ckpt_arg_bool(&st, made);
	ckpt_arg_bool(&st, changed);
	ckpt_arg_text(&st, made_as);
	ckpt_statement_run(&st, SPI_OK_INSERT);
}

/*
 * ckpt_catalog_forget_target forgets that anything was published under a name.
 */
void
ckpt_catalog_forget_target(const char *schema, const char *name)
{
	STATEMENT(st, "DELETE FROM checkpoint.target"
			  " WHERE schema_name = $1::name AND target_name = $2::name");

	ckpt_arg_text(&st, schema);
	ckpt_arg_text(&st, name);
	ckpt_statement_run(&st, SPI_OK_DELETE);
}

/*
 * ckpt_catalog_store_step_target stores which name a step publishes under.
 */
void
ckpt_catalog_store_step_target(int64 step_id, const CkptTarget *target)
{
	STATEMENT(st, "UPDATE checkpoint.step SET target_schema = $2::name,"
			  " target_name = $3::name, as_table = $4 WHERE step_id = $1");

	ckpt_arg_int8(&st, step_id);
	ckpt_arg_text(&st, target->schema);
	ckpt_arg_text(&st, target->name);
	ckpt_arg_bool(&st, target->as_table);
	ckpt_statement_run(&st, SPI_OK_UPDATE);
}

/*
 * list_targets lists (CkptTarget *) what a statement returns: schema, name, step,
 * as_table, checkpoint.
 */
static List *
list_targets(CkptStatement *st)
{
	List	   *targets = NIL;
	uint64		nrows = ckpt_statement_open(st, SPI_OK_SELECT);

	MemoryContextSwitchTo(st->caller);
	for (uint64 row = 0; row < nrows; row++)
	{
		CkptTarget *target = palloc(sizeof(CkptTarget));

		target->schema = ckpt_row_text(st, row, 1);
		target->name = ckpt_row_text(st, row, 2);
		target->qualified = quote_qualified_identifier(target->schema, target->name);
		target->step = ckpt_row_text(st, row, 3);
		target->as_table = ckpt_row_bool(row, 4);
		target->checkpoint_id = ckpt_row_int8(row, 5);
		targets = lappend(targets, target);
	}
	ckpt_statement_close(st);
	return targets;
}

/*
 * ckpt_catalog_pending_targets lists (CkptTarget *) what the steps of a job are to
 * show when it ends, in the order of their names.  Of two steps with one target, it
 * is the later one's.
 */
List *
ckpt_catalog_pending_targets(int64 job_id)
{
	STATEMENT(st, "SELECT DISTINCT ON (target_schema, target_name)"
			  " target_schema, target_name, step, as_table, checkpoint_id"
			  " FROM checkpoint.step WHERE job_id = $1 AND target_name IS NOT NULL"
			  " AND action IN ('computed', 'reused')"
			  " ORDER BY target_schema, target_name, step_id DESC");

	ckpt_arg_int8(&st, job_id);
	return list_targets(&st);
}

/*
 * ckpt_catalog_abandoned_targets lists (CkptTarget *) what earlier runs of a job
 * have published, and this one has not.
 */
List *
ckpt_catalog_abandoned_targets(const CkptJob *job)
{
	STATEMENT(st, "SELECT t.schema_name, t.target_name, t.step, t.as_table, t.checkpoint_id"
			  " FROM checkpoint.target t JOIN checkpoint.job j USING (job_id)"
			  " WHERE " OWNER_OID("j.") " = $1 AND j.name = $2 AND job_id < $3"
			  " AND EXISTS (SELECT FROM pg_class r JOIN pg_namespace n ON n.oid = r.relnamespace"
			  "  WHERE n.nspname = t.schema_name AND r.relname = t.target_name)"
			  " AND NOT EXISTS (SELECT FROM checkpoint.step s WHERE s.job_id = $3"
			  "  AND (s.target_schema, s.target_name) = (t.schema_name, t.target_name))"
			  " ORDER BY t.schema_name, t.target_name");

	ckpt_arg_oid(&st, job->owner);
	ckpt_arg_text(&st, job->name);
	ckpt_arg_int8(&st, job->job_id);
	return list_targets(&st);
}
