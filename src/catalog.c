/*-------------------------------------------------------------------------
 *
 * catalog.c
 *	  Spells the SQL on jobs and steps.
 *
 * That on checkpoints is in catalog_checkpoint.c, that on published names in
 * catalog_target.c.
 *
 * Whether the user may do what is asked for is the caller's business: see
 * ckpt_role_check().  Results are in the caller's memory context.
 *
 * IDENTIFICATION
 *	  src/catalog.c
 *
 *-------------------------------------------------------------------------
 */
#include "checkpoint.h"

#include "catalog.h"
#include "catalog_internal.h"
#include "catalog_picture.h"
#include "catalog/pg_type.h"
#include "guc.h"
#include "miscadmin.h"
#include "notify.h"
#include "role.h"
#include "statement.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"
#include "wait.h"

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

	ckpt_arg_oid(&st, role);
	ckpt_arg_text(&st, GetUserNameFromId(role, false));
	ckpt_statement_run(&st, SPI_OK_UPDATE);
}

/*
 * ckpt_catalog_insert_job stores a new job, running, and returns its number.
 * rerun_of is 0 for the first of its run group.
 */
int64
ckpt_catalog_insert_job(const char *name, Oid owner, int64 rerun_of,
						bool attached, bool fresh, const char *resume_from,
						const Interval *max_time, CkptPublishWhen publish)
{
	STATEMENT(st, "INSERT INTO checkpoint.job (name, owner, rerun_of, attached, fresh, resume_from, max_time,"
			  " publish)"
			  " VALUES ($1, checkpoint._role_of($2), NULLIF($3, 0), $4, $5, $6, $7, $8) RETURNING job_id");
	int64		job_id;

	ckpt_arg_text(&st, name);
	ckpt_arg_oid(&st, owner);
	ckpt_arg_int8(&st, rerun_of);
	ckpt_arg_bool(&st, attached);
	ckpt_arg_bool(&st, fresh);
	ckpt_arg_text(&st, resume_from);
	ckpt_arg_datum(&st, INTERVALOID, PointerGetDatum(max_time), max_time == NULL);
	ckpt_arg_text(&st, ckpt_word(&ckpt_publish_whens, publish));
	ckpt_statement_open(&st, SPI_OK_INSERT_RETURNING);
	job_id = ckpt_row_int8(0, 1);
	ckpt_statement_close(&st);
	return job_id;
}

#define JOB_COLUMNS "job_id, name, owner, status, attached, fresh, started_at, resume_from, refused, max_time," \
	" (EXTRACT(epoch FROM started_at + max_time - clock_timestamp()) * 1000)::bigint, publish," \
	" " OWNER_OID("") " = 0, paused, EXISTS (SELECT FROM checkpoint.step s WHERE s.job_id = job.job_id" \
	"  AND s.action = 'running' AND s.output IS NULL)"

static void
row_job(CkptStatement *st, uint64 row, CkptJob *job)
{
	job->job_id = ckpt_row_int8(row, 1);
	job->name = ckpt_row_text(st, row, 2);
	job->owner = row_owner(row, 3);
	job->status = row_word(st, row, 4, &ckpt_job_statuses);
	job->attached = ckpt_row_bool(row, 5);
	job->fresh = ckpt_row_bool(row, 6);
	job->started_at = ckpt_row_text(st, row, 7);
	job->resume_from = ckpt_row_text(st, row, 8);
	job->refused = ckpt_row_text(st, row, 9);
	job->max_time = ckpt_row_text(st, row, 10);
	job->until = job->max_time ? ckpt_now_ms() + ckpt_row_int8(row, 11) : PG_INT64_MAX;
	job->publish = row_word(st, row, 12, &ckpt_publish_whens);
	job->by_name = ckpt_row_bool(row, 13);
	job->paused = ckpt_row_bool(row, 14);
	job->has_running = ckpt_row_bool(row, 15);
}

/*
 * ckpt_catalog_get_job fills in *job and returns true, or returns false.
 */
bool
ckpt_catalog_get_job(int64 job_id, CkptJob *job)
{
	STATEMENT(st, "SELECT " JOB_COLUMNS " FROM checkpoint.job WHERE job_id = $1");
	bool		found;

	ckpt_arg_int8(&st, job_id);
	found = ckpt_statement_open(&st, SPI_OK_SELECT) > 0;
	if (found)
		row_job(&st, 0, job);
	ckpt_statement_close(&st);
	return found;
}

/*
 * ckpt_catalog_open_jobs lists the jobs (CkptJob *) of a run group that were
 * never ended.
 */
List *
ckpt_catalog_open_jobs(Oid owner, const char *name)
{
	/* by the index of running jobs: another has all runs of the name, in order */
	STATEMENT(st, "SELECT " JOB_COLUMNS " FROM checkpoint.job"
			  " WHERE job_id = ANY (ARRAY(SELECT job_id FROM checkpoint.job"
			  "  WHERE " OWNER_OID("") " = $1 AND name = $2 AND status = 'running'))"
			  " ORDER BY job_id");
	List	   *jobs = NIL;
	uint64		nrows;

	ckpt_arg_oid(&st, owner);
	ckpt_arg_text(&st, name);
	nrows = ckpt_statement_open(&st, SPI_OK_SELECT);
	MemoryContextSwitchTo(st.caller);
	for (uint64 row = 0; row < nrows; row++)
	{
		CkptJob    *job = palloc(sizeof(CkptJob));

		row_job(&st, row, job);
		jobs = lappend(jobs, job);
	}
	ckpt_statement_close(&st);
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

	ckpt_arg_oid(&st, owner);
	ckpt_arg_text(&st, name);
	return ckpt_statement_int8(&st, 0);
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
	CkptStatement *st = wait ? &then : &now;

	ckpt_arg_int8(st, job_id);
	return ckpt_statement_run(st, SPI_OK_SELECT) > 0;
}

/*
 * ckpt_catalog_pause_job notes that an open job is paused, or is not any more.
 * Returns whether it is open, and was not so before.
 */
bool
ckpt_catalog_pause_job(int64 job_id, bool paused)
{
	STATEMENT(st, "UPDATE checkpoint.job SET paused = $2"
			  " WHERE job_id = $1 AND status = 'running' AND paused <> $2");

	ckpt_arg_int8(&st, job_id);
	ckpt_arg_bool(&st, paused);
	return ckpt_statement_run(&st, SPI_OK_UPDATE) > 0;
}

/*
 * ckpt_catalog_job_is_paused returns whether an open job is paused.
 */
bool
ckpt_catalog_job_is_paused(int64 job_id)
{
	STATEMENT(st, "SELECT FROM checkpoint.job WHERE job_id = $1 AND status = 'running' AND paused");

	ckpt_arg_int8(&st, job_id);
	return ckpt_statement_run(&st, SPI_OK_SELECT) > 0;
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

	ckpt_arg_int8(&st, job_id);
	ckpt_arg_text(&st, refused);
	ckpt_statement_run(&st, SPI_OK_UPDATE);
}

/*
 * ckpt_catalog_end_job stores how an open job ended, and tells whoever listens.
 * Without an error, that of an interrupted one says what is known.
 */
void
ckpt_catalog_end_job(int64 job_id, CkptJobStatus status, const char *error)
{
	STATEMENT(st, "UPDATE checkpoint.job SET ended_at = clock_timestamp(),"
			  " status = CASE WHEN $3 IS NULL AND $2 = 'interrupted'"
			  "  THEN (SELECT i.status FROM checkpoint._interruption i WHERE i.job_id = $1) ELSE $2 END,"
			  " error = CASE WHEN $3 IS NULL AND $2 = 'interrupted'"
			  "  THEN (SELECT i.error FROM checkpoint._interruption i WHERE i.job_id = $1) ELSE $3 END"
			  " WHERE job_id = $1 AND status = 'running' RETURNING name, status, error");
	char	   *name = NULL;
	char	   *status_now = NULL;
	char	   *error_now = NULL;

	ckpt_arg_int8(&st, job_id);
	ckpt_arg_text(&st, ckpt_word(&ckpt_job_statuses, status));
	ckpt_arg_text(&st, error);
	if (ckpt_statement_open(&st, SPI_OK_UPDATE_RETURNING) > 0)
	{
		name = ckpt_row_text(&st, 0, 1);
		status_now = ckpt_row_text(&st, 0, 2);
		error_now = ckpt_row_text(&st, 0, 3);
	}
	ckpt_statement_close(&st);
	if (name)
		ckpt_notify_end(job_id, name, status_now, error_now);
}

/*
 * ckpt_catalog_reopen_job lets a job that has ended run again.
 */
void
ckpt_catalog_reopen_job(int64 job_id)
{
	STATEMENT(st, "UPDATE checkpoint.job SET status = 'running', ended_at = NULL,"
			  " error = NULL, refused = NULL, paused = false WHERE job_id = $1");

	ckpt_arg_int8(&st, job_id);
	ckpt_statement_run(&st, SPI_OK_UPDATE);
}

/*
 * ckpt_catalog_rename_group gives a run group, with all that is kept, another
 * name.
 */
void
ckpt_catalog_rename_group(Oid owner, const char *name, const char *new_name)
{
	STATEMENT(st, "WITH c AS (UPDATE checkpoint.checkpoint SET job_name = $3"
			  "  WHERE " OWNER_OID("") " = $1 AND job_name = $2)"
			  " UPDATE checkpoint.job SET name = $3 WHERE " OWNER_OID("") " = $1 AND name = $2");

	ckpt_arg_oid(&st, owner);
	ckpt_arg_text(&st, name);
	ckpt_arg_text(&st, new_name);
	ckpt_statement_run(&st, SPI_OK_UPDATE);
}

/* The columns of a step that say how it was called. */
#define CALL_COLUMNS \
	"kind, query, udf, cache_enabled, cache_version, probe, on_code_change," \
	" resumed, code_version, code_query, partition_by, batch, keep, output, reads, materialized"

/*
 * arg_call makes a job and the name of a step of it the first two parameters of a
 * statement, and how the step was called $3 to $18.
 */
static void
arg_call(CkptStatement *st, int64 job_id, const char *step, const CkptSpec *spec, bool resumed)
{
	ckpt_arg_int8(st, job_id);
	ckpt_arg_text(st, step);
	ckpt_arg_text(st, ckpt_kind_name(spec->kind));
	ckpt_arg_text(st, spec->query);
	ckpt_arg_text(st, spec->udf);
	ckpt_arg_bool(st, spec->cache_enabled);
	ckpt_arg_text(st, spec->cache_version);
	ckpt_arg_text(st, spec->probe);
	ckpt_arg_text(st, ckpt_word(&ckpt_on_code_changes, spec->on_code_change));
	ckpt_arg_bool(st, resumed);
	ckpt_arg_text(st, spec->code_version);
	ckpt_arg_text(st, spec->depends_on);
	ckpt_arg_text(st, spec->partition_by);
	ckpt_arg_int8(st, spec->batch);
	ckpt_arg_text(st, spec->keep);
	ckpt_arg_text(st, spec->output);
	ckpt_arg_text(st, spec->reads);
	ckpt_arg_datum(st, BOOLOID, BoolGetDatum(spec->materialized == true), spec->materialized == CKPT_NONE);
}

/*
 * statement_step runs a statement that stores a step, and returns the step's number
 * or 0.
 */
static int64
statement_step(CkptStatement *st, int expected)
{
	int64		step_id = 0;

	if (ckpt_statement_open(st, expected) > 0)
		step_id = ckpt_row_int8(0, 1);
	ckpt_statement_close(st);
	return step_id;
}

/*
 * ckpt_catalog_insert_step stores a new step and returns its number, or 0 if the job
 * has a step of that name.  resumed says that it is computed anew as the job resumes
 * from it, or from one that it reads; it reads those of outputs that are used.  Without
 * an end, it is running.
 */
int64
ckpt_catalog_insert_step(int64 job_id, const char *step, const CkptSpec *spec, bool resumed,
						 List *outputs, const CkptStepEnd *end)
{
	STATEMENT(st, "INSERT INTO checkpoint.step (job_id, step, " CALL_COLUMNS ", reads_steps,"
			  "  action, reason, checkpoint_id, rows_total, rows_kept, rows_computed, rows_failed,"
			  "  rows_output, derivation, input_hash, started_at, ended_at)"
			  " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19,"
			  "  $20, $21, NULLIF($22, 0), $23, $24, $25, $26, $27, $28, $29,"
			  "  COALESCE($30, clock_timestamp()), CASE WHEN $20 <> 'running' THEN clock_timestamp() END)"
			  " ON CONFLICT (job_id, step) DO NOTHING RETURNING step_id");
	CkptStepEnd begun = {.action = CKPT_STEP_RUNNING, .counts = {-1, -1, -1, -1, -1, -1}};
	const CkptStepEnd *now = end ? end : &begun;

	arg_call(&st, job_id, step, spec, resumed);
	ckpt_arg_names(&st, ckpt_catalog_reads(outputs));
	ckpt_arg_text(&st, ckpt_word(&ckpt_step_actions, now->action));
	ckpt_arg_text(&st, now->reason);
	ckpt_arg_int8(&st, now->checkpoint_id);
	ckpt_arg_count(&st, now->counts.total);
	ckpt_arg_count(&st, now->counts.kept);
	ckpt_arg_count(&st, now->counts.computed);
	ckpt_arg_count(&st, now->counts.failed);
	ckpt_arg_count(&st, now->counts.output);
	ckpt_arg_text(&st, now->derivation);
	ckpt_arg_text(&st, now->input_hash);
	ckpt_arg_datum(&st, TIMESTAMPTZOID, TimestampTzGetDatum(now->started), end == NULL);
	return statement_step(&st, SPI_OK_INSERT_RETURNING);
}

/*
 * ckpt_catalog_restart_step lets a step that has failed begin once more, and
 * returns its number, or 0 if the job has no such step.
 */
int64
ckpt_catalog_restart_step(int64 job_id, const char *step, const CkptSpec *spec, bool resumed)
{
	STATEMENT(st, "UPDATE checkpoint.step SET action = 'running', reason = NULL,"
			  " rows_total = NULL, rows_kept = NULL, rows_computed = NULL,"
			  " rows_failed = NULL, rows_output = NULL, run_seconds = NULL,"
			  " derivation = NULL, input_hash = NULL, outcome = NULL, inline_query = NULL,"
			  " started_at = clock_timestamp(), ended_at = NULL,"
			  " (" CALL_COLUMNS ") = ($3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)"
			  " WHERE job_id = $1 AND step = $2 AND action IN ('failed', 'stopped') RETURNING step_id");

	arg_call(&st, job_id, step, spec, resumed);
	return statement_step(&st, SPI_OK_UPDATE_RETURNING);
}

/*
 * ckpt_catalog_failed_step returns the name of a step of a job that has failed,
 * or NULL.
 */
char *
ckpt_catalog_failed_step(int64 job_id)
{
	STATEMENT(st, "SELECT min(step) FROM checkpoint.step"
			  " WHERE job_id = $1 AND action IN ('failed', 'stopped')");

	ckpt_arg_int8(&st, job_id);
	return ckpt_statement_text(&st);
}

/*
 * ckpt_catalog_step_failed returns whether the step that a call is about has
 * failed in a job.  A target of save that its step is named by is not qualified
 * yet: that is any save.
 */
bool
ckpt_catalog_step_failed(int64 job_id, const CkptSpec *spec)
{
	STATEMENT(st, "SELECT FROM checkpoint.step WHERE job_id = $1"
			  " AND CASE WHEN $2 IS NULL THEN kind = $3 ELSE step = $2 END"
			  " AND checkpoint._step_action(step_id, action) IN ('failed', 'stopped') LIMIT 1");

	ckpt_arg_int8(&st, job_id);
	ckpt_arg_text(&st, spec->step);
	ckpt_arg_text(&st, ckpt_kind_name(spec->kind));
	return ckpt_statement_run(&st, SPI_OK_SELECT) > 0;
}

/*
 * ckpt_catalog_last_call returns the age, in s, of the last call of a step of a job,
 * or -1 if it has had none.
 */
int64
ckpt_catalog_last_call(int64 job_id)
{
	STATEMENT(st, "SELECT CASE WHEN count(*) = 0 THEN -1 ELSE greatest(0,"
			  " extract(epoch FROM clock_timestamp() - max(greatest(started_at, ended_at)))) END::int8"
			  " FROM checkpoint.step WHERE job_id = $1");

	ckpt_arg_int8(&st, job_id);
	return ckpt_statement_int8(&st, 0);
}

/*
 * ckpt_catalog_step_is_new returns whether no other job of the run group has had
 * the step.
 */
bool
ckpt_catalog_step_is_new(const CkptStepRef *ref, int64 job_id)
{
	STATEMENT(st, "SELECT FROM checkpoint.job j JOIN checkpoint.step s USING (job_id)"
			  " WHERE " OWNER_OID("j.") " = $1 AND j.name = $2 AND s.step = $3"
			  " AND job_id <> $4 LIMIT 1");

	arg_step(&st, ref);
	ckpt_arg_int8(&st, job_id);
	return ckpt_statement_run(&st, SPI_OK_SELECT) == 0;
}

/*
 * ckpt_catalog_update_step stores what a step has done so far.  checkpoint_id
 * 0 and counts of -1 leave what is stored.
 */
void
ckpt_catalog_update_step(int64 step_id, CkptStepAction action, const char *reason,
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

	ckpt_arg_int8(&st, step_id);
	ckpt_arg_text(&st, ckpt_word(&ckpt_step_actions, action));
	ckpt_arg_text(&st, reason);
	ckpt_arg_int8(&st, checkpoint_id);
	ckpt_arg_count(&st, counts->total);
	ckpt_arg_count(&st, counts->kept);
	ckpt_arg_count(&st, counts->computed);
	ckpt_arg_count(&st, counts->failed);
	ckpt_arg_count(&st, counts->output);
	ckpt_arg_datum(&st, FLOAT8OID, Float8GetDatum(counts->seconds), counts->seconds < 0);
	ckpt_arg_bool(&st, ended);
	ckpt_statement_run(&st, SPI_OK_UPDATE);
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

	ckpt_arg_int8(&st, step_id);
	ckpt_arg_text(&st, derivation);
	ckpt_arg_text(&st, input_hash);
	ckpt_statement_run(&st, SPI_OK_UPDATE);
}

/*
 * ckpt_catalog_store_content stores the hash of rows of an object that follow from
 * a derivation, in place of what an owner knew of the object before.  What other
 * transactions are storing is left alone.
 */
void
ckpt_catalog_store_content(Oid owner, const char *object, const char *derivation,
						   const char *hash)
{
	STATEMENT(old, "DELETE FROM checkpoint.known_content WHERE ctid = ANY (ARRAY("
			  " SELECT ctid FROM checkpoint.known_content"
			  " WHERE " OWNER_OID("") " = $1 AND object = $2 FOR UPDATE SKIP LOCKED))");
	STATEMENT(st, "INSERT INTO checkpoint.known_content (owner, object, derivation, hash)"
			  " VALUES (checkpoint._role_of($1), $2, $3, $4)");

	ckpt_arg_oid(&old, owner);
	ckpt_arg_text(&old, object);
	ckpt_statement_run(&old, SPI_OK_DELETE);
	ckpt_arg_oid(&st, owner);
	ckpt_arg_text(&st, object);
	ckpt_arg_text(&st, derivation);
	ckpt_arg_text(&st, hash);
	ckpt_statement_run(&st, SPI_OK_INSERT);
}

/*
 * ckpt_catalog_known_content returns the hash of rows that follow from a
 * derivation, or NULL if the owner has none on record.
 */
char *
ckpt_catalog_known_content(Oid owner, const char *derivation)
{
	STATEMENT(st, "SELECT hash FROM checkpoint.known_content"
			  " WHERE derivation = $2 AND " OWNER_OID("") " = $1 LIMIT 1");

	ckpt_arg_oid(&st, owner);
	ckpt_arg_text(&st, derivation);
	return ckpt_statement_text(&st);
}

/*
 * ckpt_catalog_known_input returns the identity of the input that has that
 * derivation, or NULL if no step has read it so far.
 */
char *
ckpt_catalog_known_input(const char *derivation)
{
	STATEMENT(st, "SELECT input_hash FROM checkpoint.step WHERE derivation = $1 LIMIT 1");

	ckpt_arg_text(&st, derivation);
	return ckpt_statement_text(&st);
}

/*
 * row_hint returns a boolean that may be null as the hint of a call.
 */
static int
row_hint(uint64 row, int col)
{
	bool		isnull;
	Datum		value = SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, col, &isnull);

	return isnull ? CKPT_NONE : DatumGetBool(value);
}

/*
 * ckpt_catalog_row_call returns the call of a step, from RECORDED_COLUMNS.
 */
CkptSpec *
ckpt_catalog_row_call(CkptStatement *st, uint64 row)
{
	CkptSpec   *spec = palloc0(sizeof(CkptSpec));

	spec->step = ckpt_row_text(st, row, 1);
	spec->kind = row_word(st, row, 2, &ckpt_kinds);
	spec->query = ckpt_row_text(st, row, 3);
	spec->udf = ckpt_row_text(st, row, 4);
	spec->cache_enabled = ckpt_row_bool(row, 5);
	spec->cache_version = ckpt_row_text(st, row, 6);
	spec->probe = ckpt_row_text(st, row, 7);
	spec->on_code_change = row_word(st, row, 8, &ckpt_on_code_changes);
	spec->code_version = ckpt_row_text(st, row, 9);
	spec->depends_on = ckpt_row_text(st, row, 10);
	spec->partition_by = ckpt_row_text(st, row, 11);
	/* how rows are computed is not on record */
	spec->workers = ckpt_workers;
	spec->batch = (int) ckpt_row_int8(row, 13);
	spec->keep = ckpt_row_text(st, row, 14);
	spec->output = ckpt_row_text(st, row, 15);
	spec->reads = ckpt_row_text(st, row, 16);
	spec->max_errors = CKPT_NONE;
	spec->max_error_rate = spec->rate = CKPT_NONE;
	spec->unit_timeout = spec->max_rows = spec->max_time = CKPT_NONE;
	spec->materialized = row_hint(row, 12);
	return spec;
}

/*
 * ckpt_catalog_recorded_steps lists (CkptSpec *) the steps of the last run
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
			  " SELECT " RECORDED_COLUMNS " FROM call c ORDER BY c.nth, c.step_id");
	List	   *specs = NIL;
	uint64		nrows;

	ckpt_arg_oid(&st, owner);
	ckpt_arg_text(&st, name);
	nrows = ckpt_statement_open(&st, SPI_OK_SELECT);
	MemoryContextSwitchTo(st.caller);
	for (uint64 row = 0; row < nrows; row++)
		specs = lappend(specs, ckpt_catalog_row_call(&st, row));
	ckpt_statement_close(&st);
	return specs;
}

/*
 * ckpt_catalog_seconds_per_row returns what computing a row of a step cost when
 * that was last done in the run group; -1 is not known.
 */
double
ckpt_catalog_seconds_per_row(const CkptStepRef *ref)
{
	STATEMENT(st, "SELECT s.run_seconds / s.rows_computed"
			  " FROM checkpoint.job j JOIN checkpoint.step s USING (job_id)"
			  " WHERE " OWNER_OID("j.") " = $1 AND j.name = $2 AND s.step = $3"
			  " AND s.rows_computed > 0 AND s.run_seconds IS NOT NULL"
			  " ORDER BY j.job_id DESC LIMIT 1");
	double		seconds = -1;

	arg_step(&st, ref);
	if (ckpt_statement_open(&st, SPI_OK_SELECT) > 0)
	{
		bool		isnull;

		seconds = DatumGetFloat8(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc,
											   1, &isnull));
	}
	ckpt_statement_close(&st);
	return seconds;
}

/*
 * ckpt_catalog_group_has_step returns whether a job of a run group had a step
 * of that name.
 */
bool
ckpt_catalog_group_has_step(const CkptStepRef *ref)
{
	STATEMENT(st, "SELECT FROM checkpoint.job j JOIN checkpoint.step s USING (job_id)"
			  " WHERE " OWNER_OID("j.") " = $1 AND j.name = $2 AND s.step = $3 LIMIT 1");

	arg_step(&st, ref);
	return ckpt_statement_run(&st, SPI_OK_SELECT) > 0;
}

/*
 * ckpt_catalog_running_steps lists the numbers (int64 *) of a job's steps that
 * are stored as running in a process; those that clients compute have none.
 */
List *
ckpt_catalog_running_steps(int64 job_id)
{
	STATEMENT(st, "SELECT step_id FROM checkpoint.step"
			  " WHERE job_id = $1 AND action = 'running' AND output IS NULL");
	List	   *steps = NIL;
	uint64		nrows;

	ckpt_arg_int8(&st, job_id);
	nrows = ckpt_statement_open(&st, SPI_OK_SELECT);
	MemoryContextSwitchTo(st.caller);
	for (uint64 row = 0; row < nrows; row++)
	{
		int64	   *step_id = palloc(sizeof(int64));

		*step_id = ckpt_row_int8(row, 1);
		steps = lappend(steps, step_id);
	}
	ckpt_statement_close(&st);
	return steps;
}

/*
 * ckpt_catalog_step_action returns what is on record of a step now, whatever the
 * snapshot at hand shows; a step that is gone does not run.
 */
CkptStepAction
ckpt_catalog_step_action(int64 step_id)
{
	STATEMENT(st, "SELECT action FROM checkpoint.step WHERE step_id = $1");
	CkptStepAction action = CKPT_STEP_FAILED;

	ckpt_arg_int8(&st, step_id);
	if (ckpt_statement_open(&st, SPI_OK_SELECT) > 0)
		action = row_word(&st, 0, 1, &ckpt_step_actions);
	ckpt_statement_close(&st);
	return action;
}

/*
 * ckpt_catalog_step_owner returns the owner of a step's job, or InvalidOid if there
 * is no such step or its owner is no role.
 */
Oid
ckpt_catalog_step_owner(int64 step_id)
{
	STATEMENT(st, "SELECT checkpoint._role_oid(j.owner)::int8"
			  " FROM checkpoint.step s JOIN checkpoint.job j USING (job_id) WHERE s.step_id = $1");

	ckpt_arg_int8(&st, step_id);
	return (Oid) ckpt_statement_int8(&st, 0);
}

/*
 * ckpt_catalog_step_checkpoint returns the number of the checkpoint that a step
 * works on, or 0.
 */
int64
ckpt_catalog_step_checkpoint(int64 step_id)
{
	STATEMENT(st, "SELECT COALESCE(checkpoint_id, 0) FROM checkpoint.step WHERE step_id = $1");

	ckpt_arg_int8(&st, step_id);
	return ckpt_statement_int8(&st, 0);
}

/*
 * ckpt_catalog_partition_by returns the partition columns of the step, of kind
 * agg, that a checkpoint is of.
 */
char *
ckpt_catalog_partition_by(int64 checkpoint_id)
{
	STATEMENT(st, "SELECT partition_by FROM checkpoint.step WHERE checkpoint_id = $1"
			  " AND partition_by IS NOT NULL ORDER BY step_id DESC LIMIT 1");
	char	   *columns;

	ckpt_arg_int8(&st, checkpoint_id);
	columns = ckpt_statement_text(&st);
	return columns ? columns : pstrdup("");
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

	ckpt_arg_int8(&st, job_id);
	ckpt_arg_text(&st, step);
	return ckpt_statement_int8(&st, 0);
}

/*
 * ckpt_catalog_job_has_failed_rows returns whether a step of the job left rows
 * in quarantine.
 */
bool
ckpt_catalog_job_has_failed_rows(int64 job_id)
{
	STATEMENT(st, "SELECT FROM checkpoint.step WHERE job_id = $1 AND rows_failed > 0 LIMIT 1");

	ckpt_arg_int8(&st, job_id);
	return ckpt_statement_run(&st, SPI_OK_SELECT) > 0;
}
