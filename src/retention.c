/*-------------------------------------------------------------------------
 *
 * retention.c
 *	  What is on record of checkpoints, tables and jobs that may go.
 *
 * IDENTIFICATION
 *	  src/retention.c
 *
 *-------------------------------------------------------------------------
 */
#include "checkpoint.h"

#include "catalog/pg_type.h"
#include "guc.h"
#include "retention.h"
#include "statement.h"
#include "utils/timestamp.h"

/*
 * list_due lists (CkptDue *) the rows of a statement: number, owner, and the
 * name of a table or NULL.
 */
static List *
list_due(CkptStatement *st)
{
	List	   *list = NIL;
	uint64		nrows = ckpt_statement_open(st, SPI_OK_SELECT);

	MemoryContextSwitchTo(st->caller);
	for (uint64 row = 0; row < nrows; row++)
	{
		CkptDue    *due = palloc(sizeof(CkptDue));

		due->id = ckpt_row_int8(row, 1);
		due->owner = (Oid) ckpt_row_int8(row, 2);
		due->table = ckpt_row_text(st, row, 3);
		list = lappend(list, due);
	}
	ckpt_statement_close(st);
	return list;
}

/*
 * ckpt_retention_due lists (CkptDue *) all checkpoints that have expired, were
 * replaced or have lost their table, and that nothing uses.
 */
List *
ckpt_retention_due(void)
{
	STATEMENT(st, "SELECT checkpoint_id, owner::bigint, NULL::text FROM checkpoint._due"
			  " ORDER BY checkpoint_id");

	return list_due(&st);
}

/*
 * ckpt_retention_due_of lists a few of an owner that have expired or were replaced,
 * those left aside that an object of a user depends on.
 *
 * Only of those is asked what else keeps them, of one after the other until there are
 * enough: an owner may have many that are not, and many that are.
 */
List *
ckpt_retention_due_of(Oid owner, int limit)
{
	STATEMENT(st, "SELECT checkpoint_id, $1::bigint, NULL::text"
			  " FROM (SELECT checkpoint_id FROM checkpoint.checkpoint"
			  "  WHERE checkpoint._role_oid(owner) = $1"
			  "  AND (replaced OR last_used_at + retention <= clock_timestamp())"
			  "  ORDER BY checkpoint_id OFFSET 0) c"
			  " WHERE (SELECT h.checkpoint_id FROM checkpoint._held h"
			  "  WHERE h.checkpoint_id = c.checkpoint_id) IS NULL"
			  " LIMIT $2");

	ckpt_arg_oid(&st, owner);
	ckpt_arg_int4(&st, limit);
	return list_due(&st);
}

/*
 * ckpt_retention_group lists (CkptDue *) all checkpoints of a run group.
 */
List *
ckpt_retention_group(Oid owner, const char *name)
{
	STATEMENT(st, "SELECT checkpoint_id, checkpoint._role_oid(owner)::bigint, NULL::text"
			  " FROM checkpoint.checkpoint"
			  " WHERE checkpoint._role_oid(owner) = $1 AND job_name = $2"
			  " ORDER BY checkpoint_id");

	ckpt_arg_oid(&st, owner);
	ckpt_arg_text(&st, name);
	return list_due(&st);
}

/*
 * ckpt_retention_group_target returns a name under which a job of a run group has
 * published what it shows, which may be another run group's checkpoint; or NULL.
 */
char *
ckpt_retention_group_target(Oid owner, const char *name)
{
	STATEMENT(st, "SELECT p.target FROM checkpoint.published p JOIN checkpoint.job j USING (job_id)"
			  " WHERE checkpoint._role_oid(j.owner) = $1 AND j.name = $2 ORDER BY 1 LIMIT 1");

	ckpt_arg_oid(&st, owner);
	ckpt_arg_text(&st, name);
	return ckpt_statement_text(&st);
}

/*
 * Tables that have our trigger, whose arguments name the role that they were made
 * for: by name, as a dump keeps it, and by OID in this cluster, in case the role was
 * renamed.  Also inputs that are views of such tables, first, which must go before these.
 */
#define ORPHANS \
	"SELECT n.id::bigint, t.relowner::bigint, t.relname::text" \
	" FROM pg_class t JOIN pg_trigger g ON g.tgname = 'checkpoint_read_only'" \
	"  AND g.tgrelid = CASE t.relkind WHEN 'v' THEN checkpoint._shown_table(t.oid) ELSE t.oid END" \
	" JOIN pg_roles r ON r.oid = t.relowner" \
	" CROSS JOIN pg_control_system() s" \
	" CROSS JOIN LATERAL (SELECT substring(t.relname::text FROM '_(\\d{1,18})_[a-z]+$') AS id) n" \
	" WHERE t.relnamespace = 'checkpoint_data'::regnamespace AND t.relkind IN ('r', 'v')" \
	" AND g.tgfoid = 'checkpoint._read_only()'::regprocedure" \
	" AND (position(convert_to(r.rolname::text, getdatabaseencoding()) || '\\x00'::bytea IN g.tgargs) = 1" \
	"  OR position(convert_to(t.relowner || '/' || s.system_identifier, getdatabaseencoding())" \
	"   || '\\x00'::bytea IN g.tgargs) > 1)" \
	" AND n.id IS NOT NULL" \
	" AND NOT EXISTS (SELECT FROM checkpoint.checkpoint c WHERE c.checkpoint_id = n.id::bigint)"

/*
 * ckpt_retention_orphans lists (CkptDue *) the tables that are named as ours, that
 * no checkpoint has, and that belong to the role that they were made for.
 */
List *
ckpt_retention_orphans(void)
{
	STATEMENT(st, ORPHANS " ORDER BY t.relkind = 'r', t.relname");

	return list_due(&st);
}

/*
 * ckpt_retention_is_orphan returns whether a table that was listed still is one.
 */
bool
ckpt_retention_is_orphan(const CkptDue *due)
{
	STATEMENT(st, ORPHANS " AND t.relname = $1::name AND t.relowner = $2");

	ckpt_arg_text(&st, due->table);
	ckpt_arg_oid(&st, due->owner);
	return ckpt_statement_run(&st, SPI_OK_SELECT) > 0;
}

/*
 * ckpt_retention_lock_due locks the record of a checkpoint that was listed, and
 * returns whether it still may go.  A record that is locked, or gone, may not.
 */
bool
ckpt_retention_lock_due(int64 id)
{
	STATEMENT(st, "SELECT FROM checkpoint.checkpoint WHERE checkpoint_id = $1 FOR UPDATE SKIP LOCKED");
	STATEMENT(due, "SELECT FROM checkpoint._due WHERE checkpoint_id = $1");

	ckpt_arg_int8(&st, id);
	if (ckpt_statement_run(&st, SPI_OK_SELECT) == 0)
		return false;
	/* with a snapshot that is newer than the lock */
	ckpt_arg_int8(&due, id);
	return ckpt_statement_run(&due, SPI_OK_SELECT) > 0;
}

/*
 * ckpt_retention_use locks the record of a checkpoint and returns what keeps it
 * from being dropped, for an error message; NULL if nothing does.
 */
char *
ckpt_retention_use(int64 id)
{
	STATEMENT(lock, "SELECT FROM checkpoint.checkpoint WHERE checkpoint_id = $1 FOR UPDATE");
	STATEMENT(st, "SELECT use FROM checkpoint._use WHERE checkpoint_id = $1");

	ckpt_arg_int8(&lock, id);
	ckpt_statement_run(&lock, SPI_OK_SELECT);
	ckpt_arg_int8(&st, id);
	return ckpt_statement_text(&st);
}

/*
 * ckpt_retention_pin stores whether a checkpoint is pinned, and under which label.
 */
void
ckpt_retention_pin(int64 id, bool pinned, const char *label)
{
	STATEMENT(st, "UPDATE checkpoint.checkpoint SET pinned = $2, label = $3"
			  " WHERE checkpoint_id = $1");

	ckpt_arg_int8(&st, id);
	ckpt_arg_bool(&st, pinned);
	ckpt_arg_text(&st, label);
	ckpt_statement_run(&st, SPI_OK_UPDATE);
}

/*
 * ckpt_retention_owners lists the owners (oid list) of jobs of a name, or of all
 * jobs if that is NULL.
 */
List *
ckpt_retention_owners(const char *name)
{
	STATEMENT(st, "SELECT DISTINCT checkpoint._role_oid(owner)::bigint FROM checkpoint.job"
			  " WHERE name = $1 OR $1 IS NULL ORDER BY 1");
	List	   *owners = NIL;
	uint64		nrows;

	ckpt_arg_text(&st, name);
	nrows = ckpt_statement_open(&st, SPI_OK_SELECT);
	MemoryContextSwitchTo(st.caller);
	for (uint64 row = 0; row < nrows; row++)
		owners = lappend_oid(owners, (Oid) ckpt_row_int8(row, 1));
	ckpt_statement_close(&st);
	return owners;
}

/*
 * ckpt_retention_forget_lost deletes what is on record of the rows of checkpoints
 * that are not on record themselves, and what is known for roles that were dropped.
 */
void
ckpt_retention_forget_lost(void)
{
	STATEMENT(st, "WITH v AS (DELETE FROM checkpoint.code_version x WHERE NOT EXISTS"
			  "  (SELECT FROM checkpoint.checkpoint c WHERE c.checkpoint_id = x.checkpoint_id)),"
			  " w AS (DELETE FROM checkpoint.work x WHERE NOT EXISTS"
			  "  (SELECT FROM checkpoint.checkpoint c WHERE c.checkpoint_id = x.checkpoint_id)),"
			  " p AS (DELETE FROM checkpoint.processed x WHERE NOT EXISTS"
			  "  (SELECT FROM checkpoint.checkpoint c WHERE c.checkpoint_id = x.checkpoint_id)),"
			  " l AS (DELETE FROM checkpoint.lease x WHERE NOT EXISTS"
			  "  (SELECT FROM checkpoint.checkpoint c WHERE c.checkpoint_id = x.checkpoint_id)),"
			  " g AS (DELETE FROM checkpoint.given_up_row x WHERE NOT EXISTS"
			  "  (SELECT FROM checkpoint.checkpoint c WHERE c.checkpoint_id = x.checkpoint_id)),"
			  " k AS (DELETE FROM checkpoint.known_content WHERE checkpoint._role_oid(owner) <> 0"
			  "  AND NOT EXISTS (SELECT FROM pg_roles r WHERE r.oid = checkpoint._role_oid(owner))),"
			  " e AS (DELETE FROM checkpoint.error x WHERE NOT EXISTS"
			  "  (SELECT FROM checkpoint.checkpoint c WHERE c.checkpoint_id = x.checkpoint_id)),"
			  " t AS (DELETE FROM checkpoint.target x WHERE NOT EXISTS"
			  "  (SELECT FROM checkpoint.checkpoint c WHERE c.checkpoint_id = x.checkpoint_id)"
			  "  AND to_regclass(quote_ident(schema_name) || '.' || quote_ident(target_name)) IS NULL)"
			  " DELETE FROM checkpoint.suspect x WHERE NOT EXISTS"
			  "  (SELECT FROM checkpoint.checkpoint c WHERE c.checkpoint_id = x.checkpoint_id)");

	ckpt_statement_run(&st, SPI_OK_DELETE);
}

/*
 * ckpt_retention_forget_jobs deletes jobs of an owner, of a name unless that is
 * NULL, that ended longer ago than checkpoint.history_retention and that no
 * checkpoint, quarantined row or published name refers to, with their steps.
 */
void
ckpt_retention_forget_jobs(Oid owner, const char *name, int limit)
{
	/* the order is what makes the server take the index that tells at once */
	STATEMENT(oldest, "SELECT COALESCE(ended_at, started_at) < $2 FROM checkpoint.job"
			  " WHERE checkpoint._role_oid(owner) = $1"
			  " ORDER BY COALESCE(ended_at, started_at) LIMIT 1");
	STATEMENT(st, "WITH old AS (SELECT job_id FROM checkpoint.job j"
			  "  WHERE checkpoint._role_oid(owner) = $1 AND (name = $2 OR $2 IS NULL)"
			  "  AND COALESCE(ended_at, started_at) < clock_timestamp() - $3 * interval '1 minute'"
			  "  AND (status <> 'running' OR checkpoint._job_status(job_id, status, attached) NOT IN ('running', 'paused'))"
			  "  AND NOT EXISTS (SELECT FROM checkpoint.checkpoint c WHERE c.job_id = j.job_id)"
			  "  AND NOT EXISTS (SELECT FROM checkpoint.error e WHERE e.job_id = j.job_id)"
			  "  AND NOT EXISTS (SELECT FROM checkpoint.target t WHERE t.job_id = j.job_id)"
			  "  ORDER BY job_id LIMIT $4 FOR UPDATE SKIP LOCKED),"
			  " s AS (DELETE FROM checkpoint.step WHERE job_id IN (SELECT job_id FROM old)),"
			  " r AS (UPDATE checkpoint.job SET rerun_of = NULL"
			  "  WHERE rerun_of IN (SELECT job_id FROM old) AND job_id NOT IN (SELECT job_id FROM old))"
			  " DELETE FROM checkpoint.job WHERE job_id IN (SELECT job_id FROM old)");
	bool		found;

	if (ckpt_history_retention < 0)
		return;

	/* mostly there is none: the other statement looks at all jobs of a name */
	ckpt_arg_oid(&oldest, owner);
	ckpt_arg_datum(&oldest, TIMESTAMPTZOID,
				   TimestampTzGetDatum(GetCurrentTimestamp() -
									   (int64) (ckpt_history_retention * USECS_PER_MINUTE)), false);
	found = ckpt_statement_open(&oldest, SPI_OK_SELECT) > 0 && ckpt_row_bool(0, 1);
	ckpt_statement_close(&oldest);
	if (!found)
		return;
	ckpt_arg_oid(&st, owner);
	ckpt_arg_text(&st, name);
	ckpt_arg_datum(&st, FLOAT8OID, Float8GetDatum(ckpt_history_retention), false);
	ckpt_arg_int4(&st, limit);
	ckpt_statement_run(&st, SPI_OK_DELETE);
}

/*
 * ckpt_retention_forget_group deletes all jobs of a run group and their steps.
 */
void
ckpt_retention_forget_group(Oid owner, const char *name)
{
	STATEMENT(st, "WITH g AS (SELECT job_id FROM checkpoint.job"
			  "  WHERE checkpoint._role_oid(owner) = $1 AND name = $2),"
			  " s AS (DELETE FROM checkpoint.step WHERE job_id IN (SELECT job_id FROM g)),"
			  " t AS (DELETE FROM checkpoint.target WHERE job_id IN (SELECT job_id FROM g))"
			  " DELETE FROM checkpoint.job WHERE job_id IN (SELECT job_id FROM g)");

	ckpt_arg_oid(&st, owner);
	ckpt_arg_text(&st, name);
	ckpt_statement_run(&st, SPI_OK_DELETE);
}
