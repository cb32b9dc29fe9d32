/*-------------------------------------------------------------------------
 *
 * catalog_checkpoint.c
 *	  Spells the SQL on checkpoints, for catalog.h.
 *
 * IDENTIFICATION
 *	  src/catalog_checkpoint.c
 *
 *-------------------------------------------------------------------------
 */
#include "checkpoint.h"

#include "catalog.h"
#include "catalog/pg_type.h"
#include "catalog_internal.h"
#include "utils/builtins.h"

/*
 * Whose a checkpoint is, where another index is to find it than those that begin
 * with the owner: no index is for a condition like this.
 */
#define OWNED_BY(role)	"NOT (" OWNER_OID("") " <> " role ")"

/*
 * ckpt_catalog_next_checkpoint_id draws the number of a new checkpoint, which
 * is part of the names of its tables.
 */
int64
ckpt_catalog_next_checkpoint_id(void)
{
	STATEMENT(st, "SELECT nextval('checkpoint.checkpoint_checkpoint_id_seq')");

	return ckpt_statement_int8(&st, 0);
}

/*
 * ckpt_catalog_insert_checkpoint stores a new partial checkpoint.
 */
void
ckpt_catalog_insert_checkpoint(const CkptCheckpoint *cp)
{
	STATEMENT(st, "INSERT INTO checkpoint.checkpoint (checkpoint_id, owner, job_name,"
			  " step, job_id, kind, state, input_hash, output_columns, code_hash,"
			  " cache_version, input_table, output_table, rows_total, fresh, input_columns,"
			  " rows_hash, udf_columns)"
			  " VALUES ($1, checkpoint._role_of($2), $3, $4, $5, $6, 'partial', $7, $8, $9, $10,"
			  " $11::name, $12::name, $13, $14, $15, $16, $17)");

	ckpt_arg_int8(&st, cp->id);
	ckpt_arg_oid(&st, cp->owner);
	ckpt_arg_text(&st, cp->job_name);
	ckpt_arg_text(&st, cp->step);
	ckpt_arg_int8(&st, cp->job_id);
	ckpt_arg_text(&st, ckpt_kind_name(cp->kind));
	ckpt_arg_text(&st, cp->input_hash);
	ckpt_arg_text(&st, cp->output_columns);
	ckpt_arg_text(&st, cp->code_hash);
	ckpt_arg_text(&st, cp->cache_version);
	ckpt_arg_text(&st, cp->input_table);
	ckpt_arg_text(&st, cp->output_table);
	ckpt_arg_int8(&st, cp->rows_total);
	ckpt_arg_bool(&st, cp->fresh);
	ckpt_arg_text(&st, cp->input_columns);
	ckpt_arg_text(&st, cp->rows_hash);
	ckpt_arg_text(&st, cp->udf_columns);
	ckpt_statement_run(&st, SPI_OK_INSERT);
}

/*
 * Asks only of what was not used for long what else keeps it; in a function, since
 * each start of a statement would cost as much as all else if that were a part of it.
 */
#define NOT_EXPIRED \
	"(c.retention IS NULL OR c.last_used_at + c.retention > clock_timestamp()" \
	" OR checkpoint._is_used(c.checkpoint_id))"

/* Notes a use: the retention in force then is kept with the checkpoint. */
#define NOW_USED	"last_used_at = clock_timestamp(), retention = checkpoint._retention()"

#define CHECKPOINT_COLUMNS \
	"checkpoint_id, owner, job_name, step, job_id, kind, state = 'final'," \
	" input_hash, output_columns, code_hash, cache_version, mixed_code," \
	" input_table, output_table, rows_total," \
	" content_hash, fresh, NOT " NOT_EXPIRED ", last_used_at," \
	" input_columns, rows_hash, udf_columns, COALESCE(carried_from, 0)," \
	" COALESCE(open_step, 0), COALESCE(open_code, 0)::bigint"

static void
row_checkpoint(CkptStatement *st, uint64 row, CkptCheckpoint *cp)
{
	cp->id = ckpt_row_int8(row, 1);
	cp->owner = row_owner(row, 2);
	cp->job_name = ckpt_row_text(st, row, 3);
	cp->step = ckpt_row_text(st, row, 4);
	cp->job_id = ckpt_row_int8(row, 5);
	cp->kind = row_word(st, row, 6, &ckpt_kinds);
	cp->final = ckpt_row_bool(row, 7);
	cp->input_hash = ckpt_row_text(st, row, 8);
	cp->output_columns = ckpt_row_text(st, row, 9);
	cp->code_hash = ckpt_row_text(st, row, 10);
	cp->cache_version = ckpt_row_text(st, row, 11);
	cp->mixed_code = ckpt_row_bool(row, 12);
	cp->input_table = ckpt_row_text(st, row, 13);
	cp->output_table = ckpt_row_text(st, row, 14);
	cp->rows_total = ckpt_row_int8(row, 15);
	cp->content_hash = ckpt_row_text(st, row, 16);
	cp->fresh = ckpt_row_bool(row, 17);
	cp->expired = ckpt_row_bool(row, 18);
	cp->last_used = ckpt_row_int8(row, 19);
	cp->input_columns = ckpt_row_text(st, row, 20);
	cp->rows_hash = ckpt_row_text(st, row, 21);
	cp->udf_columns = ckpt_row_text(st, row, 22);
	cp->carried_from = ckpt_row_int8(row, 23);
	cp->open_step = ckpt_row_int8(row, 24);
	cp->open_code = (int) ckpt_row_int8(row, 25);
}

static bool
catalog_one_checkpoint(CkptStatement *st, CkptCheckpoint *cp)
{
	bool		found = ckpt_statement_open(st, SPI_OK_SELECT) > 0;

	if (found)
		row_checkpoint(st, 0, cp);
	ckpt_statement_close(st);
	return found;
}

static List *
catalog_list_checkpoints(CkptStatement *st)
{
	List	   *list = NIL;
	uint64		nrows = ckpt_statement_open(st, SPI_OK_SELECT);

	MemoryContextSwitchTo(st->caller);
	for (uint64 row = 0; row < nrows; row++)
	{
		CkptCheckpoint *cp = palloc(sizeof(CkptCheckpoint));

		row_checkpoint(st, row, cp);
		list = lappend(list, cp);
	}
	ckpt_statement_close(st);
	return list;
}

/*
 * ckpt_catalog_get_checkpoint fills in *cp and returns true, or returns false.
 */
bool
ckpt_catalog_get_checkpoint(int64 id, CkptCheckpoint *cp)
{
	STATEMENT(st, "SELECT " CHECKPOINT_COLUMNS " FROM checkpoint.checkpoint c"
			  " WHERE checkpoint_id = $1");

	ckpt_arg_int8(&st, id);
	return catalog_one_checkpoint(&st, cp);
}

/*
 * ckpt_catalog_get_checkpoint_now is the same, whatever the transaction's snapshot
 * shows.
 */
bool
ckpt_catalog_get_checkpoint_now(int64 id, CkptCheckpoint *cp)
{
	STATEMENT(st, "SELECT " CHECKPOINT_COLUMNS " FROM checkpoint.checkpoint c"
			  " WHERE checkpoint_id = $1");

	st.latest = true;
	ckpt_arg_int8(&st, id);
	return catalog_one_checkpoint(&st, cp);
}

/*
 * ckpt_catalog_open_checkpoint stores that clients compute rows of a checkpoint for
 * a step, with a version of the code, or, if the step is 0, that they do not any
 * more.
 */
void
ckpt_catalog_open_checkpoint(int64 id, int64 open_step, int open_code)
{
	STATEMENT(st, "UPDATE checkpoint.checkpoint SET open_step = NULLIF($2, 0),"
			  " open_code = CASE WHEN $2 <> 0 THEN $3 END WHERE checkpoint_id = $1");

	ckpt_arg_int8(&st, id);
	ckpt_arg_int8(&st, open_step);
	ckpt_arg_int4(&st, open_code);
	ckpt_statement_run(&st, SPI_OK_UPDATE);
}

/*
 * ckpt_catalog_find_by_input_table finds the checkpoint whose input table has
 * the given name (in the schema of result tables).
 */
bool
ckpt_catalog_find_by_input_table(const char *table, CkptCheckpoint *cp)
{
	STATEMENT(st, "SELECT " CHECKPOINT_COLUMNS " FROM checkpoint.checkpoint c"
			  " WHERE input_table = $1::name");

	ckpt_arg_text(&st, table);
	return catalog_one_checkpoint(&st, cp);
}

/*
 * ckpt_catalog_find_by_output_table finds the checkpoint whose output table has
 * the given name (in the schema of result tables).
 */
bool
ckpt_catalog_find_by_output_table(const char *table, CkptCheckpoint *cp)
{
	STATEMENT(st, "SELECT " CHECKPOINT_COLUMNS " FROM checkpoint.checkpoint c"
			  " WHERE output_table = $1::name");

	ckpt_arg_text(&st, table);
	return catalog_one_checkpoint(&st, cp);
}

/* Views that depend on relation $1, and checkpoints that such a view is the input of. */
#define DEPENDENT_VIEWS \
	" FROM pg_depend d LEFT JOIN pg_rewrite r ON r.oid = d.objid AND d.classid = 'pg_rewrite'::regclass" \
	" LEFT JOIN pg_class v ON v.oid = r.ev_class" \
	" LEFT JOIN checkpoint.checkpoint c ON c.input_table = v.relname" \
	"  AND v.relnamespace = 'checkpoint_data'::regnamespace" \
	" WHERE d.refclassid = 'pg_class'::regclass AND d.refobjid = $1 AND d.deptype = 'n'" \
	" AND d.classid IN ('pg_rewrite'::regclass, 'pg_constraint'::regclass)"

/*
 * ckpt_catalog_input_view returns the name of a checkpoint's input that is a view of a
 * table, and has the same owner, or NULL.
 */
char *
ckpt_catalog_input_view(Oid relid)
{
	STATEMENT(st, "SELECT v.relname::text" DEPENDENT_VIEWS
			  " AND c.checkpoint_id IS NOT NULL AND v.relkind = 'v'"
			  " AND v.relowner = (SELECT t.relowner FROM pg_class t WHERE t.oid = $1)"
			  " ORDER BY c.checkpoint_id LIMIT 1");

	ckpt_arg_oid(&st, relid);
	return ckpt_statement_text(&st);
}

/*
 * ckpt_catalog_others_depend returns whether views that are no inputs, or constraints,
 * depend on a table.
 */
bool
ckpt_catalog_others_depend(Oid relid)
{
	STATEMENT(st, "SELECT" DEPENDENT_VIEWS " AND c.checkpoint_id IS NULL LIMIT 1");

	ckpt_arg_oid(&st, relid);
	return ckpt_statement_run(&st, SPI_OK_SELECT) > 0;
}

/*
 * ckpt_catalog_finals lists (CkptCheckpoint *) the final checkpoints under a
 * key that a job of that name may reuse, newest first.
 */
List *
ckpt_catalog_finals(Oid owner, const char *job_name, const char *cache_key)
{
	STATEMENT(st, "SELECT " CHECKPOINT_COLUMNS " FROM checkpoint.checkpoint c"
			  " WHERE state = 'final' AND cache_key = $3 AND " OWNED_BY("$1")
			  " AND (NOT mixed_code OR job_name = $2) AND NOT replaced AND " NOT_EXPIRED
			  " ORDER BY checkpoint_id DESC");

	ckpt_arg_oid(&st, owner);
	ckpt_arg_text(&st, job_name);
	ckpt_arg_text(&st, cache_key);
	return catalog_list_checkpoints(&st);
}

/*
 * ckpt_catalog_has_candidate returns whether there is any checkpoint that could
 * serve this step, if its input turned out to be the right one.
 */
bool
ckpt_catalog_has_candidate(const CkptStepRef *ref, CkptKind kind,
						   const char *output_columns, const char *code_hash)
{
	STATEMENT(st, "SELECT FROM checkpoint.checkpoint c"
			  " WHERE " OWNER_OID("") " = $1 AND job_name = $2 AND step = $3"
			  " AND kind = $4 AND output_columns = $5 AND NOT replaced AND " NOT_EXPIRED
			  " UNION ALL SELECT FROM checkpoint.checkpoint c"
			  " WHERE " OWNER_OID("") " = $1 AND state = 'final' AND code_hash = $6"
			  " AND kind = $4 AND output_columns = $5 AND NOT replaced AND " NOT_EXPIRED
			  " LIMIT 1");

	arg_step(&st, ref);
	ckpt_arg_text(&st, ckpt_kind_name(kind));
	ckpt_arg_text(&st, output_columns);
	ckpt_arg_text(&st, code_hash);
	return ckpt_statement_run(&st, SPI_OK_SELECT) > 0;
}

/*
 * ckpt_catalog_group_checkpoints lists (CkptCheckpoint *) the checkpoints of a
 * step of a run group, expired ones too, newest first; also those of others that
 * its last runs have reused.  Replaced ones are of no more use.
 */
List *
ckpt_catalog_group_checkpoints(const CkptStepRef *ref)
{
	STATEMENT(st, "SELECT " CHECKPOINT_COLUMNS " FROM checkpoint.checkpoint c"
			  " WHERE checkpoint_id = ANY (ARRAY("
			  "   SELECT checkpoint_id FROM checkpoint.checkpoint"
			  "    WHERE " OWNER_OID("") " = $1 AND job_name = $2 AND step = $3) || ARRAY("
			  "   SELECT s.checkpoint_id FROM checkpoint.job j JOIN checkpoint.step s USING (job_id)"
			  "    WHERE " OWNER_OID("j.") " = $1 AND j.name = $2 AND s.step = $3"
			  "    ORDER BY j.job_id DESC LIMIT 10))"
			  " AND NOT replaced ORDER BY checkpoint_id DESC");

	arg_step(&st, ref);
	return catalog_list_checkpoints(&st);
}

/*
 * ckpt_catalog_unfinished_checkpoints lists (CkptCheckpoint *) the partial ones of
 * a step of a run group, newest first.
 */
List *
ckpt_catalog_unfinished_checkpoints(const CkptStepRef *ref)
{
	STATEMENT(st, "SELECT " CHECKPOINT_COLUMNS " FROM checkpoint.checkpoint c"
			  " WHERE " OWNER_OID("") " = $1 AND job_name = $2 AND step = $3"
			  " AND state = 'partial' AND NOT replaced ORDER BY checkpoint_id DESC");

	arg_step(&st, ref);
	return catalog_list_checkpoints(&st);
}

/*
 * ckpt_catalog_has_others returns whether a step of a run group has a checkpoint
 * beside another that is unfinished or replaced.  Mostly it has none, and need not be
 * asked which.
 */
bool
ckpt_catalog_has_others(const CkptStepRef *ref, int64 id)
{
	STATEMENT(st, "SELECT FROM checkpoint.checkpoint"
			  " WHERE " OWNER_OID("") " = $1 AND job_name = $2 AND step = $3"
			  " AND checkpoint_id <> $4 AND (state = 'partial' OR replaced) LIMIT 1");

	arg_step(&st, ref);
	ckpt_arg_int8(&st, id);
	return ckpt_statement_run(&st, SPI_OK_SELECT) > 0;
}

/*
 * ckpt_catalog_has_fresh returns whether a step of a run group has a partial
 * checkpoint of a fresh run that is newer than another checkpoint.
 */
bool
ckpt_catalog_has_fresh(const CkptStepRef *ref, int64 id)
{
	STATEMENT(st, "SELECT FROM checkpoint.checkpoint c"
			  " WHERE " OWNER_OID("") " = $1 AND job_name = $2 AND step = $3"
			  " AND checkpoint_id > $4 AND state = 'partial' AND fresh LIMIT 1");

	arg_step(&st, ref);
	ckpt_arg_int8(&st, id);
	return ckpt_statement_run(&st, SPI_OK_SELECT) > 0;
}

/*
 * ckpt_catalog_update_checkpoint stores which job works on a partial checkpoint,
 * with which code, and where most of its rows came from.
 */
void
ckpt_catalog_update_checkpoint(const CkptCheckpoint *cp)
{
	STATEMENT(st, "UPDATE checkpoint.checkpoint SET job_id = $2, code_hash = $3,"
			  " cache_version = $4, carried_from = NULLIF($5, 0), " NOW_USED
			  " WHERE checkpoint_id = $1");

	ckpt_arg_int8(&st, cp->id);
	ckpt_arg_int8(&st, cp->job_id);
	ckpt_arg_text(&st, cp->code_hash);
	ckpt_arg_text(&st, cp->cache_version);
	ckpt_arg_int8(&st, cp->carried_from);
	ckpt_statement_run(&st, SPI_OK_UPDATE);
}

/*
 * ckpt_catalog_finish_checkpoint makes a partial checkpoint final, under a key.
 * Older ones under the same key cannot be found by it any more, unless the new
 * one is not for everybody: it has rows of several versions of the code.  Those
 * of the same step of the run group are replaced; others may be what another step
 * or run group carries its results over from.
 */
void
ckpt_catalog_finish_checkpoint(const CkptCheckpoint *cp, const char *cache_key)
{
	STATEMENT(st, "UPDATE checkpoint.checkpoint SET state = 'final', cache_key = $2,"
			  " content_hash = $3, mixed_code = $4, input_table = $5::name,"
			  " " NOW_USED
			  " WHERE checkpoint_id = $1");
	STATEMENT(old, "UPDATE checkpoint.checkpoint SET cache_key = NULL"
			  " WHERE state = 'final' AND cache_key = $2 AND " OWNED_BY("$3")
			  " AND checkpoint_id <> $1"
			  " AND (NOT $4 OR mixed_code AND job_name = $5)");
	STATEMENT(own, "UPDATE checkpoint.checkpoint o SET replaced = true"
			  " FROM checkpoint.checkpoint c WHERE c.checkpoint_id = $1"
			  " AND " OWNER_OID("o.") " = " OWNER_OID("c.")
			  " AND o.job_name = c.job_name AND o.step = c.step"
			  " AND o.checkpoint_id <> $1 AND o.state = 'final' AND NOT o.pinned"
			  " AND (o.kind, o.input_hash, o.output_columns) = (c.kind, c.input_hash, c.output_columns)"
			  /* not by its index: all steps of a job may have the same code */
			  " AND (o.code_hash = c.code_hash) IS TRUE"
			  " AND o.cache_version IS NOT DISTINCT FROM c.cache_version"
			  " AND (o.mixed_code OR NOT c.mixed_code)");

	ckpt_arg_int8(&st, cp->id);
	ckpt_arg_text(&st, cache_key);
	ckpt_arg_text(&st, cp->content_hash);
	ckpt_arg_bool(&st, cp->mixed_code);
	ckpt_arg_text(&st, cp->input_table);
	ckpt_statement_run(&st, SPI_OK_UPDATE);

	ckpt_arg_int8(&old, cp->id);
	ckpt_arg_text(&old, cache_key);
	ckpt_arg_oid(&old, cp->owner);
	ckpt_arg_bool(&old, cp->mixed_code);
	ckpt_arg_text(&old, cp->job_name);
	ckpt_statement_run(&old, SPI_OK_UPDATE);

	ckpt_arg_int8(&own, cp->id);
	ckpt_statement_run(&own, SPI_OK_UPDATE);
}

/*
 * ckpt_catalog_replace_checkpoint notes that a checkpoint is of no more use: it is
 * to be dropped as soon as nobody uses it.  A pinned one serves on.
 */
void
ckpt_catalog_replace_checkpoint(int64 id)
{
	STATEMENT(st, "UPDATE checkpoint.checkpoint SET replaced = true"
			  " WHERE checkpoint_id = $1 AND NOT pinned");

	ckpt_arg_int8(&st, id);
	ckpt_statement_run(&st, SPI_OK_UPDATE);
}

/*
 * ckpt_catalog_replace_chain follows from a final checkpoint of a step the chain
 * of those that each took most of its rows from the one before: but for the last
 * two, they are replaced.  Returns whether one is.
 *
 * A link that is replaced itself counts no more: call this when such links have
 * been dropped, and the chain is one without them.
 */
bool
ckpt_catalog_replace_chain(int64 id)
{
	STATEMENT(st, "UPDATE checkpoint.checkpoint old SET replaced = true"
			  " FROM checkpoint.checkpoint c JOIN checkpoint.checkpoint before"
			  "  ON before.checkpoint_id = c.carried_from AND before.state = 'final' AND NOT before.replaced"
			  "  AND (before.job_name, before.step) = (c.job_name, c.step)"
			  " WHERE c.checkpoint_id = $1 AND old.checkpoint_id = before.carried_from"
			  " AND old.state = 'final' AND checkpoint._role_oid(old.owner) = checkpoint._role_oid(c.owner)"
			  " AND (old.job_name, old.step) = (c.job_name, c.step)"
			  " AND NOT EXISTS (SELECT FROM checkpoint._held h"
			  "  WHERE h.checkpoint_id = old.checkpoint_id)");

	ckpt_arg_int8(&st, id);
	return ckpt_statement_run(&st, SPI_OK_UPDATE) > 0;
}

/*
 * ckpt_catalog_replaced_checkpoints lists (CkptCheckpoint *) the checkpoints of a
 * step of a run group that are replaced and that nothing holds.
 */
List *
ckpt_catalog_replaced_checkpoints(const CkptStepRef *ref)
{
	STATEMENT(st, "SELECT " CHECKPOINT_COLUMNS " FROM checkpoint.checkpoint c"
			  " WHERE " OWNER_OID("") " = $1 AND job_name = $2 AND step = $3 AND replaced"
			  " AND NOT checkpoint._is_held(c.checkpoint_id)");

	arg_step(&st, ref);
	return catalog_list_checkpoints(&st);
}

/*
 * ckpt_catalog_lock_checkpoint locks the row of a checkpoint, after others that do
 * so: a step that goes on with it, or who gives up a row of it.
 */
void
ckpt_catalog_lock_checkpoint(int64 id)
{
	STATEMENT(st, "SELECT FROM checkpoint.checkpoint WHERE checkpoint_id = $1 FOR NO KEY UPDATE");

	ckpt_arg_int8(&st, id);
	ckpt_statement_run(&st, SPI_OK_SELECT);
}

/*
 * ckpt_catalog_touch_checkpoint notes that a checkpoint was used.  Nobody is waited
 * for: who has the record locked notes the same, or pins it.
 */
void
ckpt_catalog_touch_checkpoint(int64 id)
{
	STATEMENT(st, "UPDATE checkpoint.checkpoint SET " NOW_USED
			  " WHERE checkpoint_id IN (SELECT checkpoint_id FROM checkpoint.checkpoint"
			  "  WHERE checkpoint_id = $1 FOR UPDATE SKIP LOCKED)");

	ckpt_arg_int8(&st, id);
	ckpt_statement_run(&st, SPI_OK_UPDATE);
}

/*
 * ckpt_catalog_touch_unfinished notes that a job has used until now what it leaves
 * unfinished: it may have run for long.
 */
void
ckpt_catalog_touch_unfinished(int64 job_id)
{
	STATEMENT(st, "UPDATE checkpoint.checkpoint SET " NOW_USED
			  " WHERE checkpoint_id IN (SELECT checkpoint_id FROM checkpoint.checkpoint"
			  "  WHERE checkpoint_id IN (SELECT checkpoint_id FROM checkpoint.step WHERE job_id = $1)"
			  "  AND state = 'partial' FOR UPDATE SKIP LOCKED)");

	ckpt_arg_int8(&st, job_id);
	ckpt_statement_run(&st, SPI_OK_UPDATE);
}

/*
 * ckpt_catalog_delete_checkpoint forgets a checkpoint; its tables are the
 * caller's business.  A chain that it is a link of stays one without it.
 */
void
ckpt_catalog_delete_checkpoint(int64 id)
{
	STATEMENT(chain, "UPDATE checkpoint.checkpoint next SET carried_from = c.carried_from"
			  " FROM checkpoint.checkpoint c WHERE c.checkpoint_id = $1"
			  " AND next.carried_from = c.checkpoint_id AND c.state = 'final'"
			  " AND (next.job_name, next.step) = (c.job_name, c.step)");
	STATEMENT(st, "DELETE FROM checkpoint.checkpoint WHERE checkpoint_id = $1");

	ckpt_arg_int8(&chain, id);
	ckpt_statement_run(&chain, SPI_OK_UPDATE);

	ckpt_arg_int8(&st, id);
	ckpt_statement_run(&st, SPI_OK_DELETE);
}
