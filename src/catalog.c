/*-------------------------------------------------------------------------
 *
 * catalog.c
 *	  The one file that spells SQL on the extension's tables.
 *
 * Every statement runs as the owner of those tables with a pinned search_path
 * and is a constant with parameters; nothing that a user wrote is executed
 * here.  Whether the user may do what is asked for is the caller's business:
 * see ckpt_role_check().
 *
 * Results are in the caller's memory context.
 *
 * IDENTIFICATION
 *	  src/catalog.c
 *
 *-------------------------------------------------------------------------
 */
#include "checkpoint.h"

#include "access/htup_details.h"
#include "catalog.h"
#include "catalog/namespace.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "role.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/syscache.h"

#define MAX_ARGS 24

/* A statement: its text, its plan once it has been run, its parameters. */
typedef struct Statement
{
	const char *sql;
	SPIPlanPtr *plan;
	int			nargs;
	Oid			types[MAX_ARGS];
	Datum		values[MAX_ARGS];
	char		nulls[MAX_ARGS];

	/* while it is open */
	MemoryContext caller;
	Oid			save_userid;
	int			save_sec_context;
	int			save_nestlevel;
} Statement;

/* What rows are found by that belong to a role: it is in indexes. */
#define OWNER_OID(of)	"checkpoint._role_oid(" of "owner)"

/* Each use of this macro is one statement, planned once in a session. */
#define STATEMENT(name, text) \
	static SPIPlanPtr name##_plan = NULL; \
	Statement	name = {.sql = text, .plan = &name##_plan}

static void
arg_datum(Statement *st, Oid type, Datum value, bool isnull)
{
	Assert(st->nargs < MAX_ARGS);
	st->types[st->nargs] = type;
	st->values[st->nargs] = value;
	st->nulls[st->nargs] = isnull ? 'n' : ' ';
	st->nargs++;
}

static void
arg_int8(Statement *st, int64 value)
{
	arg_datum(st, INT8OID, Int64GetDatum(value), false);
}

/* arg_count passes a number that may be unknown, which is -1. */
static void
arg_count(Statement *st, int64 value)
{
	arg_datum(st, INT8OID, Int64GetDatum(value), value < 0);
}

static void
arg_int4(Statement *st, int value)
{
	arg_datum(st, INT4OID, Int32GetDatum(value), false);
}

static void
arg_bool(Statement *st, bool value)
{
	arg_datum(st, BOOLOID, BoolGetDatum(value), false);
}

static void
arg_oid(Statement *st, Oid value)
{
	arg_datum(st, OIDOID, ObjectIdGetDatum(value), false);
}

static void
arg_text(Statement *st, const char *value)
{
	arg_datum(st, TEXTOID, value ? CStringGetTextDatum(value) : (Datum) 0,
			  value == NULL);
}

/*
 * catalog_check_version raises 55000 unless the extension's objects are of this
 * library's version.  It runs with SPI connected, once in a session if all is
 * well.
 */
static void
catalog_check_version(void)
{
	static bool checked = false;
	char	   *version;

	if (checked)
		return;
	if (SPI_execute("SELECT extversion FROM pg_extension WHERE extname = 'checkpoint'",
					true, 0) != SPI_OK_SELECT || SPI_processed != 1)
		elog(ERROR, "could not find extension \"checkpoint\"");
	version = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);
	if (strcmp(version, CKPT_VERSION) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("extension \"checkpoint\" has version %s, and its library version %s",
						version, CKPT_VERSION),
				 errhint("Bring the extension up to date by ALTER EXTENSION checkpoint UPDATE. A session that is older than an update must connect again.")));
	checked = true;
}

/*
 * catalog_open runs a statement as the owner of the extension's tables, with
 * search_path pinned, and returns the number of rows; they are in
 * SPI_tuptable until catalog_close().
 *
 * On error, abort restores the user, the settings and SPI.
 */
static uint64
catalog_open(Statement *st, int expected)
{
	int			rc;

	st->caller = CurrentMemoryContext;
	st->save_nestlevel = NewGUCNestLevel();
	GetUserIdAndSecContext(&st->save_userid, &st->save_sec_context);
	SetUserIdAndSecContext(ckpt_catalog_owner(),
						   st->save_sec_context | SECURITY_LOCAL_USERID_CHANGE);
	(void) set_config_option("search_path", "pg_catalog, pg_temp",
							 PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_SAVE, true, 0, false);

	SPI_connect();
	if (*st->plan == NULL)
	{
		SPIPlanPtr	plan;

		catalog_check_version();
		plan = SPI_prepare(st->sql, st->nargs, st->types);

		if (plan == NULL)
			elog(ERROR, "could not prepare \"%s\": %s", st->sql,
				 SPI_result_code_string(SPI_result));
		SPI_keepplan(plan);
		*st->plan = plan;
	}
	rc = SPI_execute_plan(*st->plan, st->values, st->nulls, false, 0);
	if (rc != expected)
		elog(ERROR, "unexpected SPI result %s from \"%s\"",
			 SPI_result_code_string(rc), st->sql);
	return SPI_processed;
}

static void
catalog_close(Statement *st)
{
	SPI_finish();
	SetUserIdAndSecContext(st->save_userid, st->save_sec_context);
	AtEOXact_GUC(false, st->save_nestlevel);
	MemoryContextSwitchTo(st->caller);
}

/* catalog_run runs a statement whose rows are not wanted. */
static uint64
catalog_run(Statement *st, int expected)
{
	uint64		nrows = catalog_open(st, expected);

	catalog_close(st);
	return nrows;
}

static int64
row_int8(uint64 row, int col)
{
	bool		isnull;
	Datum		value = SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc,
									  col, &isnull);

	return isnull ? 0 : DatumGetInt64(value);
}

static bool
row_bool(uint64 row, int col)
{
	bool		isnull;
	Datum		value = SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc,
									  col, &isnull);

	return !isnull && DatumGetBool(value);
}

/* row_text returns a copy in the caller's context, or NULL. */
static char *
row_text(Statement *st, uint64 row, int col)
{
	char	   *value = SPI_getvalue(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, col);

	return value ? MemoryContextStrdup(st->caller, value) : NULL;
}

/* row_owner returns the role of an owner column: see ckpt_role_oid(). */
static Oid
row_owner(uint64 row, int col)
{
	bool		isnull;

	return ckpt_role_oid(SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc,
									   col, &isnull));
}

/*
 * ckpt_catalog_owner returns the role that owns the extension's tables.
 */
Oid
ckpt_catalog_owner(void)
{
	Oid			relid = get_relname_relid("job", get_namespace_oid(CKPT_SCHEMA, false));
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
	Oid			owner;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for table %s.job", CKPT_SCHEMA);
	owner = ((Form_pg_class) GETSTRUCT(tuple))->relowner;
	ReleaseSysCache(tuple);
	return owner;
}

/*
 * ckpt_catalog_adopt gives a role what came, from a dump or from version 1.0,
 * with its name when no role had that name: from now on it follows the role.
 * It comes before whatever looks for rows of the role.
 */
void
ckpt_catalog_adopt(Oid role)
{
	STATEMENT(st, "WITH j AS (UPDATE checkpoint.job SET owner = checkpoint._role_of($1)"
			  "  WHERE " OWNER_OID("") " = 0 AND owner::text = $2)"
			  " UPDATE checkpoint.checkpoint SET owner = checkpoint._role_of($1)"
			  "  WHERE " OWNER_OID("") " = 0 AND owner::text = $2");

	arg_oid(&st, role);
	arg_text(&st, GetUserNameFromId(role, false));
	catalog_run(&st, SPI_OK_UPDATE);
}

/*
 * ckpt_catalog_insert_job stores a new job, running, and returns its number.
 * rerun_of is 0 for the first of its run group.
 */
int64
ckpt_catalog_insert_job(const char *name, Oid owner, int64 rerun_of,
						bool attached, bool fresh, const char *resume_from)
{
	STATEMENT(st, "INSERT INTO checkpoint.job (name, owner, rerun_of, attached, fresh, resume_from)"
			  " VALUES ($1, checkpoint._role_of($2), NULLIF($3, 0), $4, $5, $6) RETURNING job_id");
	int64		job_id;

	arg_text(&st, name);
	arg_oid(&st, owner);
	arg_int8(&st, rerun_of);
	arg_bool(&st, attached);
	arg_bool(&st, fresh);
	arg_text(&st, resume_from);
	catalog_open(&st, SPI_OK_INSERT_RETURNING);
	job_id = row_int8(0, 1);
	catalog_close(&st);
	return job_id;
}

#define JOB_COLUMNS "job_id, name, owner, status, attached, fresh, started_at, resume_from, refused"

static void
row_job(Statement *st, uint64 row, CkptJob *job)
{
	job->job_id = row_int8(row, 1);
	job->name = row_text(st, row, 2);
	job->owner = row_owner(row, 3);
	job->status = row_text(st, row, 4);
	job->attached = row_bool(row, 5);
	job->fresh = row_bool(row, 6);
	job->started_at = row_text(st, row, 7);
	job->resume_from = row_text(st, row, 8);
	job->refused = row_text(st, row, 9);
}

/*
 * ckpt_catalog_get_job fills in *job and returns true, or returns false.
 */
bool
ckpt_catalog_get_job(int64 job_id, CkptJob *job)
{
	STATEMENT(st, "SELECT " JOB_COLUMNS " FROM checkpoint.job WHERE job_id = $1");
	bool		found;

	arg_int8(&st, job_id);
	found = catalog_open(&st, SPI_OK_SELECT) > 0;
	if (found)
		row_job(&st, 0, job);
	catalog_close(&st);
	return found;
}

/*
 * ckpt_catalog_open_jobs lists the jobs (CkptJob *) of a run group that were
 * never ended.
 */
List *
ckpt_catalog_open_jobs(Oid owner, const char *name)
{
	STATEMENT(st, "SELECT " JOB_COLUMNS " FROM checkpoint.job"
			  " WHERE " OWNER_OID("") " = $1 AND name = $2 AND status = 'running'"
			  " ORDER BY job_id");
	List	   *jobs = NIL;
	uint64		nrows;

	arg_oid(&st, owner);
	arg_text(&st, name);
	nrows = catalog_open(&st, SPI_OK_SELECT);
	MemoryContextSwitchTo(st.caller);
	for (uint64 row = 0; row < nrows; row++)
	{
		CkptJob    *job = palloc(sizeof(CkptJob));

		row_job(&st, row, job);
		jobs = lappend(jobs, job);
	}
	catalog_close(&st);
	return jobs;
}

/*
 * ckpt_catalog_last_job returns the newest job of a run group, or 0.
 */
int64
ckpt_catalog_last_job(Oid owner, const char *name)
{
	STATEMENT(st, "SELECT job_id FROM checkpoint.job"
			  " WHERE " OWNER_OID("") " = $1 AND name = $2 ORDER BY job_id DESC LIMIT 1");
	int64		job_id = 0;

	arg_oid(&st, owner);
	arg_text(&st, name);
	if (catalog_open(&st, SPI_OK_SELECT) > 0)
		job_id = row_int8(0, 1);
	catalog_close(&st);
	return job_id;
}

/*
 * ckpt_catalog_lock_job locks the row of a job and returns true, or, if another
 * transaction has it and wait is not set, returns false.
 */
bool
ckpt_catalog_lock_job(int64 job_id, bool wait)
{
	STATEMENT(now, "SELECT FROM checkpoint.job WHERE job_id = $1 FOR UPDATE SKIP LOCKED");
	STATEMENT(then, "SELECT FROM checkpoint.job WHERE job_id = $1 FOR UPDATE");
	Statement  *st = wait ? &then : &now;

	arg_int8(st, job_id);
	return catalog_run(st, SPI_OK_SELECT) > 0;
}

/*
 * ckpt_catalog_store_refused notes the last call of an open job that was
 * refused.
 */
void
ckpt_catalog_store_refused(int64 job_id, const char *refused)
{
	STATEMENT(st, "UPDATE checkpoint.job SET refused = $2"
			  " WHERE job_id = $1 AND status = 'running'");

	arg_int8(&st, job_id);
	arg_text(&st, refused);
	catalog_run(&st, SPI_OK_UPDATE);
}

/*
 * ckpt_catalog_end_job stores how an open job ended.  Without an error, that of
 * an interrupted one says what is known.
 */
void
ckpt_catalog_end_job(int64 job_id, const char *status, const char *error)
{
	STATEMENT(st, "UPDATE checkpoint.job SET status = $2, ended_at = clock_timestamp(),"
			  " error = CASE WHEN $3 IS NULL AND $2 = 'interrupted'"
			  "  THEN (SELECT i.error FROM checkpoint._interruption i WHERE i.job_id = $1) ELSE $3 END"
			  " WHERE job_id = $1 AND status = 'running'");

	arg_int8(&st, job_id);
	arg_text(&st, status);
	arg_text(&st, error);
	catalog_run(&st, SPI_OK_UPDATE);
}

/*
 * ckpt_catalog_insert_step stores a new step, running, and returns its number,
 * or 0 if the job has a step of that name.
 */
int64
ckpt_catalog_insert_step(int64 job_id, const CkptStepCall *call)
{
	STATEMENT(st, "INSERT INTO checkpoint.step (job_id, step, kind, action, query, udf,"
			  " cache_enabled, cache_version, probe, on_code_change)"
			  " VALUES ($1, $2, $3, 'running', $4, $5, $6, $7, $8, $9)"
			  " ON CONFLICT (job_id, step) DO NOTHING RETURNING step_id");
	int64		step_id = 0;

	arg_int8(&st, job_id);
	arg_text(&st, call->step);
	arg_text(&st, ckpt_kind_name(call->kind));
	arg_text(&st, call->query);
	arg_text(&st, call->udf);
	arg_bool(&st, call->cache_enabled);
	arg_text(&st, call->cache_version);
	arg_text(&st, call->probe);
	arg_text(&st, call->on_code_change);
	if (catalog_open(&st, SPI_OK_INSERT_RETURNING) > 0)
		step_id = row_int8(0, 1);
	catalog_close(&st);
	return step_id;
}

/*
 * ckpt_catalog_update_step stores what a step has done so far.  checkpoint_id
 * 0 and counts of -1 leave what is stored.
 */
void
ckpt_catalog_update_step(int64 step_id, const char *action, const char *reason,
						 int64 checkpoint_id, const CkptStepCounts *counts,
						 bool ended)
{
	STATEMENT(st, "UPDATE checkpoint.step SET action = $2,"
			  " reason = COALESCE($3, reason),"
			  " checkpoint_id = COALESCE(NULLIF($4, 0), checkpoint_id),"
			  " rows_total = COALESCE($5, rows_total),"
			  " rows_kept = COALESCE($6, rows_kept),"
			  " rows_computed = COALESCE($7, rows_computed),"
			  " rows_failed = COALESCE($8, rows_failed),"
			  " rows_output = COALESCE($9, rows_output),"
			  " run_seconds = COALESCE($10, run_seconds),"
			  " ended_at = CASE WHEN $11 THEN clock_timestamp() END"
			  " WHERE step_id = $1");

	arg_int8(&st, step_id);
	arg_text(&st, action);
	arg_text(&st, reason);
	arg_int8(&st, checkpoint_id);
	arg_count(&st, counts->total);
	arg_count(&st, counts->kept);
	arg_count(&st, counts->computed);
	arg_count(&st, counts->failed);
	arg_count(&st, counts->output);
	arg_datum(&st, FLOAT8OID, Float8GetDatum(counts->seconds), counts->seconds < 0);
	arg_bool(&st, ended);
	catalog_run(&st, SPI_OK_UPDATE);
}

/*
 * ckpt_catalog_store_identity stores what a step's input was identified by.
 * derivation, which may be NULL, is what its identity can be told from without
 * reading it.
 */
void
ckpt_catalog_store_identity(int64 step_id, const char *derivation, const char *input_hash)
{
	STATEMENT(st, "UPDATE checkpoint.step SET derivation = $2, input_hash = $3"
			  " WHERE step_id = $1");

	arg_int8(&st, step_id);
	arg_text(&st, derivation);
	arg_text(&st, input_hash);
	catalog_run(&st, SPI_OK_UPDATE);
}

/*
 * ckpt_catalog_known_input returns the identity of the input that has that
 * derivation, or NULL if no step of the owner has read it so far.
 */
char *
ckpt_catalog_known_input(Oid owner, const char *derivation)
{
	STATEMENT(st, "SELECT s.input_hash FROM checkpoint.step s JOIN checkpoint.job j USING (job_id)"
			  " WHERE s.derivation = $2 AND " OWNER_OID("j.") " = $1 LIMIT 1");
	char	   *input_hash = NULL;

	arg_oid(&st, owner);
	arg_text(&st, derivation);
	if (catalog_open(&st, SPI_OK_SELECT) > 0)
		input_hash = row_text(&st, 0, 1);
	catalog_close(&st);
	return input_hash;
}

/*
 * row_kind returns the kind that is written in a column.
 */
static CkptKind
row_kind(Statement *st, uint64 row, int col)
{
	char	   *name = row_text(st, row, col);
	CkptKind	kind = CKPT_QUERY;

	while (strcmp(name, ckpt_kind_name(kind)) != 0)
		kind++;
	return kind;
}

/*
 * ckpt_catalog_recorded_steps lists (CkptStepCall *) the steps of the last run
 * of a run group, in order; behind them, if that run is not complete, those
 * that it had not come to, of the last complete one.
 */
List *
ckpt_catalog_recorded_steps(Oid owner, const char *name)
{
	STATEMENT(st, "WITH run AS ("
			  "  (SELECT job_id, 1 AS nth FROM checkpoint.job"
			  "    WHERE " OWNER_OID("") " = $1 AND name = $2 ORDER BY job_id DESC LIMIT 1)"
			  "  UNION ALL"
			  "  (SELECT job_id, 2 FROM checkpoint.job"
			  "    WHERE " OWNER_OID("") " = $1 AND name = $2 AND status LIKE 'complete%'"
			  "    ORDER BY job_id DESC LIMIT 1)),"
			  " call AS (SELECT DISTINCT ON (s.step) s.*, r.nth"
			  "  FROM run r JOIN checkpoint.step s USING (job_id) ORDER BY s.step, r.nth)"
			  " SELECT c.step, c.kind, c.query, c.udf, c.cache_enabled, c.cache_version,"
			  " c.probe, c.on_code_change FROM call c ORDER BY c.nth, c.step_id");
	List	   *calls = NIL;
	uint64		nrows;

	arg_oid(&st, owner);
	arg_text(&st, name);
	nrows = catalog_open(&st, SPI_OK_SELECT);
	MemoryContextSwitchTo(st.caller);
	for (uint64 row = 0; row < nrows; row++)
	{
		CkptStepCall *call = palloc(sizeof(CkptStepCall));

		call->step = row_text(&st, row, 1);
		call->kind = row_kind(&st, row, 2);
		call->query = row_text(&st, row, 3);
		call->udf = row_text(&st, row, 4);
		call->cache_enabled = row_bool(row, 5);
		call->cache_version = row_text(&st, row, 6);
		call->probe = row_text(&st, row, 7);
		call->on_code_change = row_text(&st, row, 8);
		calls = lappend(calls, call);
	}
	catalog_close(&st);
	return calls;
}

/*
 * ckpt_catalog_seconds_per_row returns what computing a row of a step cost when
 * that was last done in the run group; -1 is not known.
 */
double
ckpt_catalog_seconds_per_row(Oid owner, const char *name, const char *step)
{
	STATEMENT(st, "SELECT s.run_seconds / s.rows_computed"
			  " FROM checkpoint.job j JOIN checkpoint.step s USING (job_id)"
			  " WHERE " OWNER_OID("j.") " = $1 AND j.name = $2 AND s.step = $3"
			  " AND s.rows_computed > 0 AND s.run_seconds IS NOT NULL"
			  " ORDER BY j.job_id DESC LIMIT 1");
	double		seconds = -1;

	arg_oid(&st, owner);
	arg_text(&st, name);
	arg_text(&st, step);
	if (catalog_open(&st, SPI_OK_SELECT) > 0)
	{
		bool		isnull;

		seconds = DatumGetFloat8(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc,
											   1, &isnull));
	}
	catalog_close(&st);
	return seconds;
}

/*
 * ckpt_catalog_group_has_step returns whether a job of a run group had a step
 * of that name.
 */
bool
ckpt_catalog_group_has_step(Oid owner, const char *name, const char *step)
{
	STATEMENT(st, "SELECT FROM checkpoint.job j JOIN checkpoint.step s USING (job_id)"
			  " WHERE " OWNER_OID("j.") " = $1 AND j.name = $2 AND s.step = $3 LIMIT 1");

	arg_oid(&st, owner);
	arg_text(&st, name);
	arg_text(&st, step);
	return catalog_run(&st, SPI_OK_SELECT) > 0;
}

/*
 * ckpt_catalog_running_steps lists the numbers (int64 *) of a job's steps that
 * are stored as running.
 */
List *
ckpt_catalog_running_steps(int64 job_id)
{
	STATEMENT(st, "SELECT step_id FROM checkpoint.step"
			  " WHERE job_id = $1 AND action = 'running'");
	List	   *steps = NIL;
	uint64		nrows;

	arg_int8(&st, job_id);
	nrows = catalog_open(&st, SPI_OK_SELECT);
	MemoryContextSwitchTo(st.caller);
	for (uint64 row = 0; row < nrows; row++)
	{
		int64	   *step_id = palloc(sizeof(int64));

		*step_id = row_int8(row, 1);
		steps = lappend(steps, step_id);
	}
	catalog_close(&st);
	return steps;
}

/*
 * ckpt_catalog_running_step returns the id of a job's step of that name if it is
 * stored as running, else 0.
 */
int64
ckpt_catalog_running_step(int64 job_id, const char *step)
{
	STATEMENT(st, "SELECT step_id FROM checkpoint.step"
			  " WHERE job_id = $1 AND step = $2 AND action = 'running'");
	int64		step_id = 0;

	arg_int8(&st, job_id);
	arg_text(&st, step);
	if (catalog_open(&st, SPI_OK_SELECT) > 0)
		step_id = row_int8(0, 1);
	catalog_close(&st);
	return step_id;
}

/*
 * ckpt_catalog_step_outputs lists (CkptStepOutput *) what the steps of a job
 * have left, oldest first.
 */
List *
ckpt_catalog_step_outputs(int64 job_id)
{
	STATEMENT(st, "SELECT s.step, s.kind, c.output_table FROM checkpoint.step s"
			  " LEFT JOIN checkpoint.checkpoint c USING (checkpoint_id)"
			  " WHERE s.job_id = $1 AND s.action NOT IN ('running', 'failed')"
			  " ORDER BY s.step_id");
	List	   *outputs = NIL;
	uint64		nrows;

	arg_int8(&st, job_id);
	nrows = catalog_open(&st, SPI_OK_SELECT);
	MemoryContextSwitchTo(st.caller);
	for (uint64 row = 0; row < nrows; row++)
	{
		CkptStepOutput *output = palloc0(sizeof(CkptStepOutput));

		output->step = row_text(&st, row, 1);
		output->kind = row_text(&st, row, 2);
		output->table = row_text(&st, row, 3);
		outputs = lappend(outputs, output);
	}
	catalog_close(&st);
	return outputs;
}

/*
 * ckpt_catalog_get_step_table returns whether a job has the step, and in *table
 * the name of its output table, or NULL.
 */
bool
ckpt_catalog_get_step_table(int64 job_id, const char *step, char **table)
{
	STATEMENT(st, "SELECT c.output_table FROM checkpoint.step s"
			  " LEFT JOIN checkpoint.checkpoint c USING (checkpoint_id)"
			  " WHERE s.job_id = $1 AND s.step = $2");
	bool		found;

	arg_int8(&st, job_id);
	arg_text(&st, step);
	found = catalog_open(&st, SPI_OK_SELECT) > 0;
	*table = found ? row_text(&st, 0, 1) : NULL;
	catalog_close(&st);
	return found;
}

/*
 * ckpt_catalog_job_has_failed_rows returns whether a step of the job left rows
 * in quarantine.
 */
bool
ckpt_catalog_job_has_failed_rows(int64 job_id)
{
	STATEMENT(st, "SELECT FROM checkpoint.step WHERE job_id = $1 AND rows_failed > 0 LIMIT 1");
	bool		found;

	arg_int8(&st, job_id);
	found = catalog_run(&st, SPI_OK_SELECT) > 0;
	return found;
}

/*
 * ckpt_catalog_next_checkpoint_id draws the number of a new checkpoint, which
 * is part of the names of its tables.
 */
int64
ckpt_catalog_next_checkpoint_id(void)
{
	STATEMENT(st, "SELECT nextval('checkpoint.checkpoint_checkpoint_id_seq')");
	int64		id;

	catalog_open(&st, SPI_OK_SELECT);
	id = row_int8(0, 1);
	catalog_close(&st);
	return id;
}

/*
 * ckpt_catalog_insert_checkpoint stores a new partial checkpoint.
 */
void
ckpt_catalog_insert_checkpoint(const CkptCheckpoint *cp)
{
	STATEMENT(st, "INSERT INTO checkpoint.checkpoint (checkpoint_id, owner, job_name,"
			  " step, job_id, kind, state, input_hash, output_columns, code_hash,"
			  " cache_version, input_table, output_table, rows_total, fresh)"
			  " VALUES ($1, checkpoint._role_of($2), $3, $4, $5, $6, 'partial', $7, $8, $9, $10,"
			  " $11::name, $12::name, $13, $14)");

	arg_int8(&st, cp->id);
	arg_oid(&st, cp->owner);
	arg_text(&st, cp->job_name);
	arg_text(&st, cp->step);
	arg_int8(&st, cp->job_id);
	arg_text(&st, ckpt_kind_name(cp->kind));
	arg_text(&st, cp->input_hash);
	arg_text(&st, cp->output_columns);
	arg_text(&st, cp->code_hash);
	arg_text(&st, cp->cache_version);
	arg_text(&st, cp->input_table);
	arg_text(&st, cp->output_table);
	arg_int8(&st, cp->rows_total);
	arg_bool(&st, cp->fresh);
	catalog_run(&st, SPI_OK_INSERT);
}

/* Asks only of what was not used for long what else keeps it. */
#define NOT_EXPIRED \
	"(c.last_used_at > clock_timestamp() - checkpoint._retention()" \
	" OR (SELECT e.expires_at FROM checkpoint._expiry e" \
	"   WHERE e.checkpoint_id = c.checkpoint_id) IS NULL)"

#define CHECKPOINT_COLUMNS \
	"checkpoint_id, owner, job_name, step, job_id, kind, state = 'final'," \
	" input_hash, output_columns, code_hash, cache_version, mixed_code," \
	" input_table, output_table, rows_total," \
	" (SELECT COALESCE(sum(rows_processed), 0)::bigint FROM checkpoint.work w" \
	"   WHERE w.checkpoint_id = c.checkpoint_id)," \
	" (SELECT COALESCE(sum(rows_output), 0)::bigint FROM checkpoint.work w" \
	"   WHERE w.checkpoint_id = c.checkpoint_id)," \
	" content_hash, fresh, NOT " NOT_EXPIRED ", last_used_at"

static void
row_checkpoint(Statement *st, uint64 row, CkptCheckpoint *cp)
{
	cp->id = row_int8(row, 1);
	cp->owner = row_owner(row, 2);
	cp->job_name = row_text(st, row, 3);
	cp->step = row_text(st, row, 4);
	cp->job_id = row_int8(row, 5);
	cp->kind = row_kind(st, row, 6);
	cp->final = row_bool(row, 7);
	cp->input_hash = row_text(st, row, 8);
	cp->output_columns = row_text(st, row, 9);
	cp->code_hash = row_text(st, row, 10);
	cp->cache_version = row_text(st, row, 11);
	cp->mixed_code = row_bool(row, 12);
	cp->input_table = row_text(st, row, 13);
	cp->output_table = row_text(st, row, 14);
	cp->rows_total = row_int8(row, 15);
	cp->rows_processed = row_int8(row, 16);
	cp->rows_output = row_int8(row, 17);
	cp->content_hash = row_text(st, row, 18);
	cp->fresh = row_bool(row, 19);
	cp->expired = row_bool(row, 20);
	cp->last_used = row_int8(row, 21);
}

static bool
catalog_one_checkpoint(Statement *st, CkptCheckpoint *cp)
{
	bool		found = catalog_open(st, SPI_OK_SELECT) > 0;

	if (found)
		row_checkpoint(st, 0, cp);
	catalog_close(st);
	return found;
}

static List *
catalog_list_checkpoints(Statement *st)
{
	List	   *list = NIL;
	uint64		nrows = catalog_open(st, SPI_OK_SELECT);

	MemoryContextSwitchTo(st->caller);
	for (uint64 row = 0; row < nrows; row++)
	{
		CkptCheckpoint *cp = palloc(sizeof(CkptCheckpoint));

		row_checkpoint(st, row, cp);
		list = lappend(list, cp);
	}
	catalog_close(st);
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

	arg_int8(&st, id);
	return catalog_one_checkpoint(&st, cp);
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

	arg_text(&st, table);
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

	arg_text(&st, table);
	return catalog_one_checkpoint(&st, cp);
}

/*
 * ckpt_catalog_finals lists (CkptCheckpoint *) the final checkpoints under a
 * key that a job of that name may reuse, newest first.
 */
List *
ckpt_catalog_finals(Oid owner, const char *job_name, const char *cache_key)
{
	STATEMENT(st, "SELECT " CHECKPOINT_COLUMNS " FROM checkpoint.checkpoint c"
			  " WHERE state = 'final' AND cache_key = $3 AND " OWNER_OID("") " = $1"
			  " AND (NOT mixed_code OR job_name = $2) AND " NOT_EXPIRED
			  " ORDER BY checkpoint_id DESC");

	arg_oid(&st, owner);
	arg_text(&st, job_name);
	arg_text(&st, cache_key);
	return catalog_list_checkpoints(&st);
}

/*
 * ckpt_catalog_has_candidate returns whether there is any checkpoint that could
 * serve this step, if its input turned out to be the right one.
 */
bool
ckpt_catalog_has_candidate(Oid owner, const char *job_name,
						   const char *step, CkptKind kind,
						   const char *output_columns, const char *code_hash)
{
	STATEMENT(st, "SELECT FROM checkpoint.checkpoint c"
			  " WHERE " OWNER_OID("") " = $1 AND kind = $4 AND output_columns = $5"
			  " AND (job_name = $2 AND step = $3 OR state = 'final' AND code_hash = $6)"
			  " AND " NOT_EXPIRED " LIMIT 1");

	arg_oid(&st, owner);
	arg_text(&st, job_name);
	arg_text(&st, step);
	arg_text(&st, ckpt_kind_name(kind));
	arg_text(&st, output_columns);
	arg_text(&st, code_hash);
	return catalog_run(&st, SPI_OK_SELECT) > 0;
}

/*
 * ckpt_catalog_group_checkpoints lists (CkptCheckpoint *) the checkpoints of a
 * step of a run group, expired ones too, newest first; also those of others that
 * its last runs have reused.
 */
List *
ckpt_catalog_group_checkpoints(Oid owner, const char *job_name,
							   const char *step)
{
	STATEMENT(st, "SELECT " CHECKPOINT_COLUMNS " FROM checkpoint.checkpoint c"
			  " WHERE checkpoint_id IN"
			  "  (SELECT checkpoint_id FROM checkpoint.checkpoint"
			  "    WHERE " OWNER_OID("") " = $1 AND job_name = $2 AND step = $3"
			  "   UNION"
			  "   (SELECT s.checkpoint_id FROM checkpoint.job j JOIN checkpoint.step s USING (job_id)"
			  "    WHERE " OWNER_OID("j.") " = $1 AND j.name = $2 AND s.step = $3"
			  "    ORDER BY j.job_id DESC LIMIT 10))"
			  " ORDER BY checkpoint_id DESC");

	arg_oid(&st, owner);
	arg_text(&st, job_name);
	arg_text(&st, step);
	return catalog_list_checkpoints(&st);
}

/*
 * ckpt_catalog_update_checkpoint stores which job works on a partial checkpoint,
 * and with which code.
 */
void
ckpt_catalog_update_checkpoint(const CkptCheckpoint *cp)
{
	STATEMENT(st, "UPDATE checkpoint.checkpoint SET job_id = $2, code_hash = $3,"
			  " cache_version = $4, last_used_at = clock_timestamp()"
			  " WHERE checkpoint_id = $1");

	arg_int8(&st, cp->id);
	arg_int8(&st, cp->job_id);
	arg_text(&st, cp->code_hash);
	arg_text(&st, cp->cache_version);
	catalog_run(&st, SPI_OK_UPDATE);
}

/*
 * ckpt_catalog_finish_checkpoint makes a partial checkpoint final, under a key.
 * Older ones under the same key cannot be found by it any more, unless the new
 * one is not for everybody: it has rows of several versions of the code.
 */
void
ckpt_catalog_finish_checkpoint(const CkptCheckpoint *cp, const char *cache_key)
{
	STATEMENT(st, "UPDATE checkpoint.checkpoint SET state = 'final', cache_key = $2,"
			  " content_hash = $3, mixed_code = $4, input_table = $5::name,"
			  " last_used_at = clock_timestamp()"
			  " WHERE checkpoint_id = $1");
	STATEMENT(old, "UPDATE checkpoint.checkpoint SET cache_key = NULL"
			  " WHERE state = 'final' AND cache_key = $2 AND " OWNER_OID("") " = $3"
			  " AND checkpoint_id <> $1"
			  " AND (NOT $4 OR mixed_code AND job_name = $5)");

	arg_int8(&st, cp->id);
	arg_text(&st, cache_key);
	arg_text(&st, cp->content_hash);
	arg_bool(&st, cp->mixed_code);
	arg_text(&st, cp->input_table);
	catalog_run(&st, SPI_OK_UPDATE);

	arg_int8(&old, cp->id);
	arg_text(&old, cache_key);
	arg_oid(&old, cp->owner);
	arg_bool(&old, cp->mixed_code);
	arg_text(&old, cp->job_name);
	catalog_run(&old, SPI_OK_UPDATE);
}

/*
 * ckpt_catalog_touch_checkpoint notes that a checkpoint was used.
 */
void
ckpt_catalog_touch_checkpoint(int64 id)
{
	STATEMENT(st, "UPDATE checkpoint.checkpoint SET last_used_at = clock_timestamp()"
			  " WHERE checkpoint_id = $1");

	arg_int8(&st, id);
	catalog_run(&st, SPI_OK_UPDATE);
}

/*
 * ckpt_catalog_delete_checkpoint forgets a checkpoint; its tables are the
 * caller's business.
 */
void
ckpt_catalog_delete_checkpoint(int64 id)
{
	STATEMENT(st, "WITH v AS (DELETE FROM checkpoint.code_version WHERE checkpoint_id = $1),"
			  " w AS (DELETE FROM checkpoint.work WHERE checkpoint_id = $1),"
			  " p AS (DELETE FROM checkpoint.processed WHERE checkpoint_id = $1),"
			  " e AS (DELETE FROM checkpoint.error WHERE checkpoint_id = $1),"
			  " s AS (DELETE FROM checkpoint.suspect WHERE checkpoint_id = $1)"
			  " DELETE FROM checkpoint.checkpoint WHERE checkpoint_id = $1");

	arg_int8(&st, id);
	catalog_run(&st, SPI_OK_DELETE);
}

/*
 * ckpt_catalog_code_version returns the number, within a checkpoint, of a
 * version of the code, and stores it if it is new.
 */
int
ckpt_catalog_code_version(int64 checkpoint_id, const char *code_hash,
						  const char *cache_version, const char *components)
{
	STATEMENT(find, "SELECT code_no::bigint FROM checkpoint.code_version"
			  " WHERE checkpoint_id = $1 AND code_hash = $2"
			  " AND cache_version IS NOT DISTINCT FROM $3");
	STATEMENT(st, "INSERT INTO checkpoint.code_version"
			  " (checkpoint_id, code_no, code_hash, cache_version, components)"
			  " SELECT $1, COALESCE(max(code_no), 0) + 1, $2, $3, $4::jsonb"
			  " FROM checkpoint.code_version WHERE checkpoint_id = $1"
			  " ON CONFLICT (checkpoint_id, code_no) DO NOTHING");
	int			code_no = 0;

	arg_int8(&find, checkpoint_id);
	arg_text(&find, code_hash);
	arg_text(&find, cache_version);
	arg_int8(&st, checkpoint_id);
	arg_text(&st, code_hash);
	arg_text(&st, cache_version);
	arg_text(&st, components);

	/* another worker may come with the same one, at the same time */
	for (;;)
	{
		if (catalog_open(&find, SPI_OK_SELECT) > 0)
			code_no = (int) row_int8(0, 1);
		catalog_close(&find);
		if (code_no > 0)
			return code_no;
		catalog_run(&st, SPI_OK_INSERT);
	}
}

/*
 * ckpt_catalog_code_versions lists (CkptCodeVersion *) the versions of the code
 * that a checkpoint was worked on with, whether they have computed rows or not.
 */
List *
ckpt_catalog_code_versions(int64 checkpoint_id)
{
	STATEMENT(st, "SELECT code_no::bigint, code_hash, cache_version, components,"
			  " (SELECT COALESCE(sum(w.rows_processed), 0)::bigint FROM checkpoint.work w"
			  "   WHERE w.checkpoint_id = v.checkpoint_id AND w.code_no = v.code_no)"
			  " FROM checkpoint.code_version v WHERE checkpoint_id = $1 ORDER BY code_no");
	List	   *versions = NIL;
	uint64		nrows;

	arg_int8(&st, checkpoint_id);
	nrows = catalog_open(&st, SPI_OK_SELECT);
	MemoryContextSwitchTo(st.caller);
	for (uint64 row = 0; row < nrows; row++)
	{
		CkptCodeVersion *version = palloc(sizeof(CkptCodeVersion));

		version->code_no = (int) row_int8(row, 1);
		version->code_hash = row_text(&st, row, 2);
		version->cache_version = row_text(&st, row, 3);
		version->components = row_text(&st, row, 4);
		version->rows = row_int8(row, 5);
		versions = lappend(versions, version);
	}
	catalog_close(&st);
	return versions;
}

/*
 * ckpt_catalog_rows_of_code returns how many rows of a checkpoint a version of
 * the code has computed.
 */
int64
ckpt_catalog_rows_of_code(int64 checkpoint_id, const char *code_hash,
						  const char *cache_version)
{
	STATEMENT(st, "SELECT COALESCE(sum(w.rows_processed), 0)::bigint"
			  " FROM checkpoint.code_version v JOIN checkpoint.work w USING (checkpoint_id, code_no)"
			  " WHERE v.checkpoint_id = $1 AND v.code_hash = $2"
			  " AND v.cache_version IS NOT DISTINCT FROM $3");
	int64		nrows;

	arg_int8(&st, checkpoint_id);
	arg_text(&st, code_hash);
	arg_text(&st, cache_version);
	catalog_open(&st, SPI_OK_SELECT);
	nrows = row_int8(0, 1);
	catalog_close(&st);
	return nrows;
}

/*
 * ckpt_catalog_code_difference says in words what two versions of code, given
 * as components (JSON objects), do not have in common, naming one thing; NULL
 * if nothing.
 */
char *
ckpt_catalog_code_difference(const char *old_components, const char *new_components)
{
	STATEMENT(st, "SELECT key || CASE WHEN o.value IS NULL THEN ' added'"
			  " WHEN n.value IS NULL THEN ' no longer used' ELSE ' changed' END"
			  " FROM jsonb_each_text($1::jsonb) o FULL JOIN jsonb_each_text($2::jsonb) n USING (key)"
			  " WHERE o.value IS DISTINCT FROM n.value"
			  " ORDER BY o.value IS NULL OR n.value IS NULL, key = 'expression', key LIMIT 1");
	char	   *difference = NULL;

	arg_text(&st, old_components);
	arg_text(&st, new_components);
	if (catalog_open(&st, SPI_OK_SELECT) > 0)
		difference = row_text(&st, 0, 1);
	catalog_close(&st);
	return difference;
}

static void
add_work(CkptWorkDone *work, uint64 row)
{
	CkptRowSum	output = {(uint64) row_int8(row, 4), (uint64) row_int8(row, 5),
		row_int8(row, 2)};

	work->processed += row_int8(row, 1);
	work->max_output_id = Max(work->max_output_id, row_int8(row, 3));
	ckpt_rowhash_merge(&work->output, &output);
}

/*
 * ckpt_catalog_load_work returns what was computed of a checkpoint in all, and
 * by one worker with one version of the code.  Either may be NULL.
 */
void
ckpt_catalog_load_work(int64 checkpoint_id, int code_no, int worker,
					   CkptWorkDone *all, CkptWorkDone *mine)
{
	STATEMENT(st, "SELECT rows_processed, rows_output, max_output_id, content_lo,"
			  " content_hi, code_no = $2 AND worker = $3"
			  " FROM checkpoint.work WHERE checkpoint_id = $1");
	uint64		nrows;

	if (all)
		memset(all, 0, sizeof(CkptWorkDone));
	if (mine)
		memset(mine, 0, sizeof(CkptWorkDone));
	arg_int8(&st, checkpoint_id);
	arg_int4(&st, code_no);
	arg_int4(&st, worker);
	nrows = catalog_open(&st, SPI_OK_SELECT);
	for (uint64 row = 0; row < nrows; row++)
	{
		if (all)
			add_work(all, row);
		if (mine && row_bool(row, 6))
			add_work(mine, row);
	}
	catalog_close(&st);
}

/*
 * ckpt_catalog_store_work stores what one worker has computed so far.
 */
void
ckpt_catalog_store_work(int64 checkpoint_id, int code_no, int worker,
						const CkptWorkDone *mine)
{
	STATEMENT(st, "INSERT INTO checkpoint.work VALUES ($1, $2, $3, $4, $5, $6, $7, $8)"
			  " ON CONFLICT (checkpoint_id, code_no, worker) DO UPDATE SET"
			  " rows_processed = EXCLUDED.rows_processed,"
			  " rows_output = EXCLUDED.rows_output,"
			  " max_output_id = EXCLUDED.max_output_id,"
			  " content_lo = EXCLUDED.content_lo, content_hi = EXCLUDED.content_hi");

	arg_int8(&st, checkpoint_id);
	arg_int4(&st, code_no);
	arg_int4(&st, worker);
	arg_int8(&st, mine->processed);
	arg_int8(&st, mine->output.rows);
	arg_int8(&st, mine->max_output_id);
	arg_int8(&st, (int64) mine->output.lo);
	arg_int8(&st, (int64) mine->output.hi);
	catalog_run(&st, SPI_OK_INSERT);
}

/*
 * ckpt_catalog_delete_other_code forgets what other versions of the code have
 * computed of a checkpoint; the output rows are the caller's business.
 */
void
ckpt_catalog_delete_other_code(int64 checkpoint_id, int code_no)
{
	STATEMENT(work, "DELETE FROM checkpoint.work WHERE checkpoint_id = $1 AND code_no <> $2");
	STATEMENT(ids, "DELETE FROM checkpoint.processed WHERE checkpoint_id = $1 AND code_no <> $2");

	arg_int8(&work, checkpoint_id);
	arg_int4(&work, code_no);
	catalog_run(&work, SPI_OK_DELETE);

	arg_int8(&ids, checkpoint_id);
	arg_int4(&ids, code_no);
	catalog_run(&ids, SPI_OK_DELETE);
}

/*
 * ckpt_catalog_record_error puts a row into quarantine.
 */
void
ckpt_catalog_record_error(int64 checkpoint_id, int64 job_id, int64 id,
						  const char *sqlstate, const char *message,
						  const char *detail, const char *context, int attempts)
{
	STATEMENT(st, "INSERT INTO checkpoint.error AS e (checkpoint_id, sys__id, job_id,"
			  " sqlstate, message, detail, context, attempts)"
			  " VALUES ($1, $2, $3, $4, $5, $6, $7, $8)"
			  " ON CONFLICT (checkpoint_id, sys__id) DO UPDATE SET"
			  " job_id = EXCLUDED.job_id, sqlstate = EXCLUDED.sqlstate,"
			  " message = EXCLUDED.message, detail = EXCLUDED.detail,"
			  " context = EXCLUDED.context, attempts = e.attempts + EXCLUDED.attempts,"
			  " last_attempt = clock_timestamp()");

	arg_int8(&st, checkpoint_id);
	arg_int8(&st, id);
	arg_int8(&st, job_id);
	arg_text(&st, sqlstate);
	arg_text(&st, message);
	arg_text(&st, detail);
	arg_text(&st, context);
	arg_int4(&st, attempts);
	catalog_run(&st, SPI_OK_INSERT);
}

/*
 * ckpt_catalog_delete_error takes a row out of quarantine.
 */
void
ckpt_catalog_delete_error(int64 checkpoint_id, int64 id)
{
	STATEMENT(st, "DELETE FROM checkpoint.error WHERE checkpoint_id = $1 AND sys__id = $2");

	arg_int8(&st, checkpoint_id);
	arg_int8(&st, id);
	catalog_run(&st, SPI_OK_DELETE);
}

/*
 * ckpt_catalog_load_errors returns how many rows of a checkpoint are in
 * quarantine, only those that one job put there if job_id is not 0, and adds
 * them to a set if there is one.
 */
int64
ckpt_catalog_load_errors(int64 checkpoint_id, int64 job_id, CkptIdSet *set)
{
	STATEMENT(st, "SELECT sys__id FROM checkpoint.error"
			  " WHERE checkpoint_id = $1 AND $2 IN (0, job_id)");
	int64		nrows;

	arg_int8(&st, checkpoint_id);
	arg_int8(&st, job_id);
	nrows = (int64) catalog_open(&st, SPI_OK_SELECT);
	for (int64 row = 0; set && row < nrows; row++)
		(void) ckpt_idset_add(set, row_int8(row, 1));
	catalog_close(&st);
	return nrows;
}

/*
 * ckpt_catalog_record_crash notes that a process crashed with a row in hand and
 * returns how often that has happened with this code.
 */
int
ckpt_catalog_record_crash(int64 checkpoint_id, int64 id, const char *code_hash,
						  const char *cache_version)
{
	STATEMENT(st, "INSERT INTO checkpoint.suspect AS s VALUES ($1, $2, $3, $4, 1)"
			  " ON CONFLICT (checkpoint_id, sys__id) DO UPDATE SET"
			  " crashes = CASE WHEN (s.code_hash, s.cache_version)"
			  "   IS NOT DISTINCT FROM ($3, $4) THEN s.crashes ELSE 0 END + 1,"
			  " code_hash = $3, cache_version = $4 RETURNING crashes::bigint");
	int			crashes;

	arg_int8(&st, checkpoint_id);
	arg_int8(&st, id);
	arg_text(&st, code_hash);
	arg_text(&st, cache_version);
	catalog_open(&st, SPI_OK_INSERT_RETURNING);
	crashes = (int) row_int8(0, 1);
	catalog_close(&st);
	return crashes;
}

/*
 * ckpt_catalog_delete_crash forgets a row's crashes: it was computed.
 */
void
ckpt_catalog_delete_crash(int64 checkpoint_id, int64 id)
{
	STATEMENT(st, "DELETE FROM checkpoint.suspect WHERE checkpoint_id = $1 AND sys__id = $2");

	arg_int8(&st, checkpoint_id);
	arg_int8(&st, id);
	catalog_run(&st, SPI_OK_DELETE);
}

/*
 * ckpt_catalog_load_crashes adds the rows that were in hand at a crash to
 * suspects, and those that were at two, with the same code, to poisonous.
 */
void
ckpt_catalog_load_crashes(int64 checkpoint_id, const char *code_hash,
						  const char *cache_version,
						  CkptIdSet *suspects, CkptIdSet *poisonous)
{
	STATEMENT(st, "SELECT sys__id, crashes > 1"
			  " AND (code_hash, cache_version) IS NOT DISTINCT FROM ($2, $3)"
			  " FROM checkpoint.suspect WHERE checkpoint_id = $1");
	uint64		nrows;

	arg_int8(&st, checkpoint_id);
	arg_text(&st, code_hash);
	arg_text(&st, cache_version);
	nrows = catalog_open(&st, SPI_OK_SELECT);
	for (uint64 row = 0; row < nrows; row++)
		(void) ckpt_idset_add(row_bool(row, 2) ? poisonous : suspects, row_int8(row, 1));
	catalog_close(&st);
}

/*
 * load_ranges adds what a stored row says to a set: a range with its bits, or
 * some full ones that follow each other.  The row has the number of the first
 * range, how many there are, and the bits in the first three columns.
 */
static void
load_ranges(CkptIdSet *set, uint64 row)
{
	int64		range_no = row_int8(row, 1);
	int64		nranges = row_int8(row, 2);
	const uint8 *bytes = NULL;
	int			nbytes = 0;
	bool		isnull;
	Datum		value = SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, 3,
									  &isnull);

	if (!isnull)
	{
		bytea	   *bits = DatumGetByteaPP(value);

		bytes = (const uint8 *) VARDATA_ANY(bits);
		nbytes = (int) VARSIZE_ANY_EXHDR(bits);
	}
	for (int64 i = 0; i < nranges; i++)
		ckpt_idset_load_range(set, range_no + i, bytes, nbytes);
	set->ranges[range_no].stored = true;
}

/*
 * ckpt_catalog_load_processed adds a checkpoint's processed set to all, and
 * the part of it that one worker computed with one version of the code to
 * mine.  Either may be NULL.
 */
void
ckpt_catalog_load_processed(int64 checkpoint_id, int code_no, int worker,
							CkptIdSet *all, CkptIdSet *mine)
{
	STATEMENT(st, "SELECT range_no, nranges::bigint, bits, code_no = $2 AND worker = $3"
			  " FROM checkpoint.processed WHERE checkpoint_id = $1");
	uint64		nrows;

	arg_int8(&st, checkpoint_id);
	arg_int4(&st, code_no);
	arg_int4(&st, worker);
	nrows = catalog_open(&st, SPI_OK_SELECT);
	for (uint64 row = 0; row < nrows; row++)
	{
		if (all)
			load_ranges(all, row);
		if (mine && row_bool(row, 4))
			load_ranges(mine, row);
	}
	catalog_close(&st);
}

/*
 * ckpt_catalog_load_code_processed adds what was computed with one version of
 * the code to a set.
 */
void
ckpt_catalog_load_code_processed(int64 checkpoint_id, int code_no, CkptIdSet *set)
{
	STATEMENT(st, "SELECT range_no, nranges::bigint, bits FROM checkpoint.processed"
			  " WHERE checkpoint_id = $1 AND code_no = $2");
	uint64		nrows;

	arg_int8(&st, checkpoint_id);
	arg_int4(&st, code_no);
	nrows = catalog_open(&st, SPI_OK_SELECT);
	for (uint64 row = 0; row < nrows; row++)
		load_ranges(set, row);
	catalog_close(&st);
}

/*
 * bits_datum returns the stored form of a range that is not full.
 */
static Datum
bits_datum(const CkptIdSet *set, int64 range_no)
{
	const uint8 *bits;
	int			nbytes = ckpt_idset_store_range(set, range_no, &bits);
	bytea	   *value = palloc(VARHDRSZ + nbytes);

	SET_VARSIZE(value, VARHDRSZ + nbytes);
	memcpy(VARDATA(value), bits, nbytes);
	return PointerGetDatum(value);
}

static void
arg_array(Statement *st, Oid type, ArrayBuildState *array)
{
	arg_datum(st, type, makeArrayResult(array, CurrentMemoryContext), false);
}

/*
 * ckpt_catalog_store_processed stores what was changed of a worker's set since
 * it was last stored or loaded.
 *
 * A range that has become full joins the full ones around it: one row is
 * stored for all of them, and theirs go.
 */
void
ckpt_catalog_store_processed(int64 checkpoint_id, int code_no, int worker,
							 CkptIdSet *mine)
{
	STATEMENT(put, "INSERT INTO checkpoint.processed"
			  " (checkpoint_id, range_no, code_no, worker, nranges, bits)"
			  " SELECT $1, r, $2, $3, n, b FROM unnest($4, $5, $6) AS u (r, n, b)"
			  " ON CONFLICT (checkpoint_id, range_no, code_no, worker)"
			  " DO UPDATE SET nranges = EXCLUDED.nranges, bits = EXCLUDED.bits");
	STATEMENT(drop, "DELETE FROM checkpoint.processed WHERE checkpoint_id = $1"
			  " AND code_no = $2 AND worker = $3 AND range_no = ANY ($4)");
	ArrayBuildState *ranges = NULL;
	ArrayBuildState *lengths = NULL;
	ArrayBuildState *bitmaps = NULL;
	ArrayBuildState *joined = NULL;
	int64		next;

	for (int64 i = 0; i < mine->nranges; i = next)
	{
		int64		nfull = ckpt_idset_full_ranges(mine, i);
		bool		dirty = false;

		next = i + Max(nfull, 1);
		for (int64 j = i; j < next; j++)
			dirty |= mine->ranges[j].dirty;
		if (!dirty)
			continue;
		ranges = accumArrayResult(ranges, Int64GetDatum(i), false, INT8OID,
								  CurrentMemoryContext);
		lengths = accumArrayResult(lengths, Int32GetDatum(next - i), false, INT4OID,
								   CurrentMemoryContext);
		bitmaps = accumArrayResult(bitmaps, nfull > 0 ? (Datum) 0 : bits_datum(mine, i),
								   nfull > 0, BYTEAOID, CurrentMemoryContext);
		for (int64 j = i + 1; j < next; j++)
		{
			if (mine->ranges[j].stored)
				joined = accumArrayResult(joined, Int64GetDatum(j), false, INT8OID,
										  CurrentMemoryContext);
			mine->ranges[j].stored = false;
		}
		mine->ranges[i].stored = true;
	}
	if (ranges == NULL)
		return;

	if (joined)
	{
		arg_int8(&drop, checkpoint_id);
		arg_int4(&drop, code_no);
		arg_int4(&drop, worker);
		arg_array(&drop, INT8ARRAYOID, joined);
		catalog_run(&drop, SPI_OK_DELETE);
	}
	arg_int8(&put, checkpoint_id);
	arg_int4(&put, code_no);
	arg_int4(&put, worker);
	arg_array(&put, INT8ARRAYOID, ranges);
	arg_array(&put, INT4ARRAYOID, lengths);
	arg_array(&put, BYTEAARRAYOID, bitmaps);
	catalog_run(&put, SPI_OK_INSERT);
	ckpt_idset_clean(mine);
}

/*
 * ckpt_catalog_delete_processed forgets a checkpoint's processed set.
 */
void
ckpt_catalog_delete_processed(int64 checkpoint_id)
{
	STATEMENT(st, "DELETE FROM checkpoint.processed WHERE checkpoint_id = $1");

	arg_int8(&st, checkpoint_id);
	catalog_run(&st, SPI_OK_DELETE);
}
