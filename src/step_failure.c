/*-------------------------------------------------------------------------
 *
 * step_failure.c
 *	  Records that a step has failed, or that its call was refused.
 *
 * Interrupts are held meanwhile: a cancel that comes on top of an error does not
 * keep it from being recorded.
 *
 * IDENTIFICATION
 *	  src/step_failure.c
 *
 *-------------------------------------------------------------------------
 */
#include "checkpoint.h"

#include "crash_marker.h"
#include "executor/spi.h"
#include "job.h"
#include "joblock.h"
#include "miscadmin.h"
#include "query.h"
#include "step_internal.h"
#include "stoppoint.h"
#include "transaction.h"
#include "unit_timer.h"
#include "utils/builtins.h"
#include "wait.h"

/*
 * spent_budget returns in words which budget of the step is spent, or NULL.
 */
static char *
spent_budget(const CkptStep *step)
{
	const CkptSpec *spec = step->spec;
	Interval	interval = {.time = spec->max_time};

	if (spec->max_rows != CKPT_NONE && step->counts.computed >= spec->max_rows)
		return psprintf("%lld %s", (long long) spec->max_rows,
						ckpt_unit_word(spec->kind, spec->max_rows == 1));
	if (ckpt_now_ms() < step->task.until)
		return NULL;
	return step->task.until == step->job.until ? step->job.max_time :
		DatumGetCString(DirectFunctionCall1(interval_out, IntervalPGetDatum(&interval)));
}

/*
 * ckpt_step_check_budgets raises if a budget of the step is spent, which has rows
 * left.  Its counts are up to date, and no other process works on it.
 */
void
ckpt_step_check_budgets(CkptStep *step)
{
	const CkptStepCounts *n = &step->counts;
	char	   *budget = spent_budget(step);
	const char *units = ckpt_unit_word(step->spec->kind, false);

	if (budget == NULL)
		return;
	step->stopped = true;
	ereport(ERROR,
			(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
			 errmsg("budget of %s is spent: %lld of %lld %s computed", budget,
					(long long) n->computed, (long long) n->total, units),
			 errdetail("%lld %s are kept from before, %lld have failed, %lld are left.",
					   (long long) n->kept, units, (long long) n->failed,
					   (long long) (n->total - n->kept - n->computed - n->failed))));
}

/*
 * leave_job lets go of a job that is over, if it is the session's.
 */
static void
leave_job(const CkptJob *job)
{
	if (job->attached && ckpt_joblock_held_here(CKPT_LOCK_JOB, job->job_id, ShareLock))
		ckpt_job_let_go(job);
}

/*
 * lock_job locks the job's row.  Interrupts are held.  If another transaction
 * has it, which may stay open for long, a terminate ends the wait.
 */
static void
lock_job(const CkptStep *step)
{
	if (ckpt_catalog_lock_job(step->job.job_id, false))
		return;
	HOLD_CANCEL_INTERRUPTS();
	RESUME_INTERRUPTS();
	(void) ckpt_catalog_lock_job(step->job.job_id, true);
	HOLD_INTERRUPTS();
	RESUME_CANCEL_INTERRUPTS();
}

/*
 * step_record_failure stores that the step, and with it its job, has failed.
 */
static void
step_record_failure(void *arg)
{
	CkptStep   *step = (CkptStep *) arg;
	const ErrorData *error = step->error;
	char	   *message = step->error_id == 0 ?
		psprintf("%s (SQLSTATE %s)", error->message, unpack_sql_state(error->sqlerrcode)) :
		psprintf("%s (SQLSTATE %s, %s " INT64_FORMAT ")", error->message,
				 unpack_sql_state(error->sqlerrcode), CKPT_ID_COLUMN, step->error_id);

	lock_job(step);
	ckpt_step_count(step);
	ckpt_step_clock(step);
	ckpt_catalog_update_step(step->step_id, step->stopped ? CKPT_STEP_STOPPED : CKPT_STEP_FAILED,
							 message, 0, &step->counts, true);
	ckpt_job_close(&step->job, step->stopped ? CKPT_JOB_STOPPED :
				   ckpt_is_cancel(error) ? CKPT_JOB_CANCELLED : CKPT_JOB_FAILED,
				   psprintf("step \"%s\": %s", step->name, message));
}

/*
 * ckpt_step_fail records the step's error, and raises it.  What the current
 * transaction has done is undone already, or worth keeping.
 *
 * The workers are told to stop, and waited for when the transaction with the
 * session's last work has ended: they may be waiting for its locks.
 *
 * Nothing that comes meanwhile keeps it from being recorded: interrupts are
 * held, and if the commit fails, which can only be for what the transaction did
 * before, the next transaction has done nothing before.
 */
void
ckpt_step_fail(CkptStep *step)
{
	HOLD_INTERRUPTS();
	if (step->run_workers)
	{
		ckpt_workers_stop(step->run_workers,
						  step->error->sqlerrcode == ERRCODE_QUERY_CANCELED &&
						  !ckpt_unit_timed_out(step->error));
		(void) ckpt_transaction_commit();
		ckpt_step_end_workers(step);
	}
	ckpt_crash_marker_close();
	ckpt_stop_point("record of", "failure");
	for (int i = 0; i < 2; i++)
	{
		ErrorData  *error;

		ckpt_transaction_is_ours();
		error = ckpt_subxact_run(step_record_failure, step, CurrentMemoryContext, NULL);
		if (ckpt_transaction_commit() == NULL && error == NULL)
			break;
	}

	ckpt_step_release(step);
	leave_job(&step->job);
	ckpt_step_add_context(step, step->error);
	RESUME_INTERRUPTS();
	ReThrowError(step->error);
}

/* A call that was refused. */
typedef struct Refusal
{
	const CkptSpec *spec;
	ErrorData  *error;
	CkptJob		job;			/* of which it was a call; its job_id may be 0 */
} Refusal;

/*
 * advise_on_names says more on a relation that does not exist, if a step of the
 * run group has its name.
 */
static void
advise_on_names(const CkptSpec *spec, const CkptJob *job, ErrorData *error)
{
	bool		in_udf = error->context && strstr(error->context, "argument \"udf\"");
	bool		in_probe = error->context && strstr(error->context, "argument \"probe\"");
	const char *name;
	char	   *table;

	if (error->sqlerrcode != ERRCODE_UNDEFINED_TABLE)
		return;
	name = ckpt_query_missing_name(in_udf ? psprintf("SELECT %s", spec->udf) :
								   in_probe ? spec->probe : spec->query, error->message);
	if (name == NULL || !ckpt_catalog_group_has_step(&(CkptStepRef) {job->owner, job->name, name}))
		return;
	if (in_udf)
		error->hint = psprintf("Names of steps mean nothing in argument \"udf\": read step \"%s\" in argument \"input\", and name its columns alone.",
							   name);
	else if (!ckpt_catalog_get_step_table(job->job_id, name, true, &table))
	{
		error->message = psprintf("step \"%s\" of the run before has not been called in this run",
								  name);
		error->hint = pstrdup("Run the script from the top: what has been computed is not computed again.");
	}
}

/*
 * look_into_refusal finds the job that a refused call was for, if it is there
 * and the user's, and what can be said of the error.
 */
static void
look_into_refusal(void *arg)
{
	Refusal    *refusal = (Refusal *) arg;
	CkptJob		job;

	ckpt_job_resolve(refusal->spec->job, &job);
	refusal->job = job;
	advise_on_names(refusal->spec, &job, refusal->error);
}

/*
 * store_refusal notes at the job that a call of it was refused, and why; but if
 * another transaction is ending the job, this is of no more interest.  A call
 * that was cancelled was none that the job could go on after.
 */
static void
store_refusal(void *arg)
{
	const Refusal *refusal = (const Refusal *) arg;
	const CkptSpec *spec = refusal->spec;
	const ErrorData *error = refusal->error;
	const char *step = spec->step ? spec->step : spec->target;
	char	   *name = step ? psprintf(" \"%s\"", step) : "";
	char	   *message = psprintf("%s (SQLSTATE %s)", error->message,
								   unpack_sql_state(error->sqlerrcode));

	if (!ckpt_catalog_lock_job(refusal->job.job_id, false))
		return;
	if (error->sqlerrcode == ERRCODE_QUERY_CANCELED)
		ckpt_job_close(&refusal->job, ckpt_is_cancel(error) ? CKPT_JOB_CANCELLED : CKPT_JOB_FAILED,
					   psprintf("step%s: %s", name, message));
	else
		ckpt_catalog_store_refused(refusal->job.job_id,
								   psprintf("%s%s: %s", ckpt_kind_name(spec->kind), name,
											message));
}

/*
 * ckpt_step_refuse raises an error that came before the step started.
 *
 * It is noted at the job, in a transaction of its own: the caller's would be
 * rolled back by the error, and is, a moment earlier.
 */
void
ckpt_step_refuse(const CkptSpec *spec, ErrorData *error)
{
	Refusal		refusal = {spec, error};
	bool		cancelled = error->sqlerrcode == ERRCODE_QUERY_CANCELED;

	HOLD_INTERRUPTS();
	(void) ckpt_subxact_run(look_into_refusal, &refusal, CurrentMemoryContext, NULL);
	if (refusal.job.job_id != 0 && ckpt_transaction_rollback() == NULL)
	{
		ckpt_transaction_is_ours();
		(void) ckpt_subxact_run(store_refusal, &refusal, CurrentMemoryContext, NULL);
		(void) ckpt_transaction_commit();
		if (cancelled)
			leave_job(&refusal.job);
	}
	if (error->hint == NULL)
		error->hint = pstrdup(cancelled ? CKPT_RERUN_HINT :
							  "Nothing was changed: correct the call and repeat it.");
	RESUME_INTERRUPTS();
	ReThrowError(error);
}
