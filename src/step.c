/*-------------------------------------------------------------------------
 *
 * step.c
 *	  The state machine: reuse, continue or compute.
 *
 *	prepare		check the call; nothing is changed before all of it is good
 *	identify	which input is it?  Often that is known without reading it
 *				final checkpoint under that key?	reuse it: done
 *				partial one of this step?			adopt its tables: run
 *				else number the query's rows and keep them in a new checkpoint;
 *				without a UDF, that is final.  With one:
 *				results for equal rows in an older one?	carry them over
 *	run			compute what is left (run.c), with workers
 *	collect		wait for the workers; rows left? run again
 *				else make the checkpoint final
 *	publish		put its rows under their name (save)
 *
 * A check (check_empty) has one state of its own, and keeps nothing.
 *
 * Each state is one transaction (run: many): between two of them everything is
 * as another run can use it.  The transactions are the step's own, whatever the
 * session's default: read-write and READ COMMITTED.  Their work is done in a
 * subtransaction, so that after any error the transaction can record it
 * (transaction.c).  Commits are asynchronous in the run, where results and the
 * record of what is processed are in one commit, so that a lost one is computed
 * again, and after prepare, unless the step is done by then (step_at_once.c).
 *
 * While a failure is recorded, interrupts are held: a cancel that comes on top
 * of an error does not keep it from being recorded.
 *
 * IDENTIFICATION
 *	  src/step.c
 *
 *-------------------------------------------------------------------------
 */
#include "checkpoint.h"

#include "access/xact.h"
#include "cleanup.h"
#include "crash_marker.h"
#include "executor/spi.h"
#include "job.h"
#include "joblock.h"
#include "ledger.h"
#include "miscadmin.h"
#include "progress.h"
#include "publish.h"
#include "step_internal.h"
#include "stoppoint.h"
#include "transaction.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timeout.h"
#include "utils/timestamp.h"
#include "utils/wait_event.h"
#include "wait.h"

static void
launch_workers(void *arg)
{
	CkptStep   *step = (CkptStep *) arg;

	ckpt_stop_point("launch of", "workers");
	step->run_workers = ckpt_workers_launch(&step->task, step->step_id, step->udf,
											step->nworkers, step->shared);
	step->shared = ckpt_workers_shared(step->run_workers);
}

/*
 * step_launch starts the workers that the step is to have.
 */
static void
step_launch(CkptStep *step)
{
	int64		left = step->counts.total - step->counts.kept;
	int			nworkers = (int) Min(step->spec->workers - 1, left - 1);
	ErrorData  *error;

	if (nworkers <= 0)
		return;
	if (step->udf->uses_temp)
	{
		ereport(NOTICE,
				(errmsg("step \"%s\": runs without workers, which do not have the temporary objects that its udf uses",
						step->name)));
		return;
	}
	step->nworkers = nworkers;

	/* interrupts are held: a notice is none that could lose what it reports on */
	HOLD_INTERRUPTS();
	error = ckpt_subxact_run(launch_workers, step, CurrentMemoryContext, NULL);
	if (error)
		ereport(NOTICE,
				(errmsg("step \"%s\": runs without workers", step->name),
				 errdetail("They could not be started: %s.", error->message)));
	RESUME_INTERRUPTS();
}

/*
 * ckpt_step_clock notes how long the step has been computing.
 */
void
ckpt_step_clock(CkptStep *step)
{
	if (step->computing != 0)
		step->counts.seconds = (double) (GetCurrentTimestamp() - step->computing) / USECS_PER_SEC;
}

/*
 * ckpt_step_count brings the step's numbers up to date with what all processes have
 * committed.
 */
void
ckpt_step_count(CkptStep *step)
{
	if (step->task.checkpoint_id == 0)
		return;
	step->done = ckpt_ledger_totals(step->cp);
	step->counts.computed = step->done.processed - step->counts.kept;
	step->counts.output = step->done.output.rows;
	step->counts.failed = ckpt_ledger_count_failed(step->cp, step->job.job_id);
}

/*
 * step_note_counts counts, and puts the numbers on record.  It leaves no memory
 * behind: a run has many transactions.
 */
static void
step_note_counts(CkptStep *step)
{
	MemoryContext cxt = AllocSetContextCreate(CurrentMemoryContext, "checkpoint counts",
											  ALLOCSET_SMALL_SIZES);
	MemoryContext oldcxt = MemoryContextSwitchTo(cxt);

	ckpt_step_count(step);
	ckpt_catalog_update_step(step->step_id, CKPT_STEP_RUNNING, NULL, step->cp->id,
							 &step->counts, false);
	MemoryContextSwitchTo(oldcxt);
	MemoryContextDelete(cxt);
}

static void
record_counts(void *arg)
{
	step_note_counts((CkptStep *) arg);
}

/*
 * between_transactions looks around while the step computes or waits.
 */
static void
between_transactions(void *arg)
{
	CkptStep   *step = (CkptStep *) arg;

	if (step->run_workers)
		ckpt_workers_count(step->run_workers);
	ckpt_wait_check_client();
	ckpt_step_progress(step);
	CHECK_FOR_INTERRUPTS();
}

/*
 * step_run computes what is left, with workers, in transactions of its own.
 */
static void
step_run(CkptStep *step)
{
	CkptRunProcess process = {"run", record_counts, between_transactions, step};

	ckpt_crash_marker_forget(step->cp->id);
	if (step->run)
		ckpt_run_again(step->run);
	else
	{
		step_launch(step);
		step->run = ckpt_run_create(&step->task, step->udf, step->cp, step->shared, &process);
	}
	step->error = ckpt_run(step->run, &step->error_id);
	step->state = STEP_COLLECT;
}

/*
 * step_collect waits for the workers and looks whether the step is complete.
 *
 * A wait is the first thing that its transaction does, and the transaction ends
 * soon after: workers may need what the session's transactions hold.
 */
static void
step_collect(CkptStep *step)
{
	if (step->run_workers && !ckpt_workers_wait(step->run_workers, CKPT_WAIT_MS))
	{
		step_note_counts(step);
		return;
	}
	if (step->run_workers)
	{
		step->error = ckpt_workers_error(step->run_workers, &step->error_id);
		if (step->error)
			return;
	}

	ckpt_step_count(step);
	if (step->done.processed == step->cp->rows_total)
	{
		ckpt_step_finish(step);
		return;
	}
	if (step->done.processed + step->counts.failed < step->cp->rows_total)
	{
		ckpt_step_check_budgets(step);
		if (ckpt_limits_too_many_failed(&step->shared->limits))
			ereport(ERROR,
					(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
					 errmsg("too many %s have failed: %lld", ckpt_unit_word(step->spec->kind, false),
							(long long) step->counts.failed),
					 errdetail("Argument \"max_error_rate\" is %g.", step->spec->max_error_rate)));
		ckpt_limits_correct(&step->shared->limits, step->spec, step->counts.computed);
		/* a worker died, or rows are not where they should be */
		if (step->passes++ > 0)
			ereport(ERROR,
					(errcode(ERRCODE_DATA_CORRUPTED),
					 errmsg("input table \"%s.%s\" lacks %lld of its rows",
							CKPT_DATA_SCHEMA, step->cp->input_table,
							(long long) (step->cp->rows_total - step->done.processed -
										 step->counts.failed)),
					 errhint("Run the job with fresh => true.")));
		step->state = STEP_RUN;
		return;
	}
	if (step->spec->on_error == CKPT_ERROR_STOP)
		ereport(ERROR,
				(errcode(ERRCODE_CRASH_SHUTDOWN),
				 errmsg_plural("%lld %s was being computed when a server process crashed, twice",
							   "%lld %s were being computed when a server process crashed, twice",
							   (unsigned long) step->counts.failed,
							   (long long) step->counts.failed,
							   ckpt_unit_word(step->spec->kind, step->counts.failed == 1)),
				 errdetail("See checkpoint.errors: such %s are not computed again.",
						   ckpt_unit_word(step->spec->kind, false)),
				 errhint("Change the function, or go on without these %s: on_error => 'skip'.",
						 ckpt_unit_word(step->spec->kind, false))));
	step->state = STEP_DONE;
}

/*
 * step_publish shows the checkpoint's rows under the target's name, unless the
 * job does so for all of its targets when it ends.
 */
static void
step_publish(CkptStep *step)
{
	step->target->checkpoint_id = step->cp->id;
	if (step->job.publish == CKPT_PUBLISH_STEP)
	{
		ckpt_publish(list_make1(step->target), &step->job);
		/* the target has let go of it */
		ckpt_cleanup_replaced(&step->request.ref);
	}
	step->state = STEP_DONE;
}

/*
 * ckpt_step_release lets go of the locks that say that the step runs.
 */
void
ckpt_step_release(CkptStep *step)
{
	if (step->step_id != 0 && ckpt_joblock_held_here(CKPT_LOCK_STEP, step->step_id, ExclusiveLock))
		ckpt_joblock_release(CKPT_LOCK_STEP, step->step_id, ExclusiveLock);
	ckpt_progress_end();
	if (step->job_locked)
		ckpt_job_let_go(&step->job);
	step->job_locked = false;
}

/*
 * ckpt_step_end_workers waits for the step's workers, which commit what they have
 * computed.  The current transaction has done nothing.
 */
void
ckpt_step_end_workers(CkptStep *step)
{
	CkptWorkers *workers = step->run_workers;

	step->run_workers = NULL;
	if (workers)
		ckpt_workers_end(workers);
}

static const struct
{
	void		(*work) (CkptStep *step);
	const char *name;
}			step_states[] =
{
	[STEP_CHECK] = {ckpt_step_check_empty, "check"},
	[STEP_IDENTIFY] = {ckpt_step_identify, "identify"},
	[STEP_COLLECT] = {step_collect, "collect"},
	[STEP_PUBLISH] = {step_publish, "publish"},
};

/*
 * step_state does one state's work, and records the last one's.
 */
static void
step_state(void *arg)
{
	CkptStep   *step = (CkptStep *) arg;

	step_states[step->state].work(step);
	if (step->state == STEP_DONE || step->state == STEP_PUBLISH)
	{
		bool		done = step->state == STEP_DONE;

		ckpt_step_clock(step);
		if (step->not_inlined && done)
			step->full_reason = psprintf("%s; not inlined: %s", step->full_reason, step->not_inlined);
		ckpt_catalog_update_step(step->step_id, done ? step->action : CKPT_STEP_RUNNING,
								 step->full_reason, step->cp ? step->cp->id : 0,
								 &step->counts, done);
	}
}

/*
 * step_transaction does one state's work and commits it, or leaves an error in
 * the step.
 */
static void
step_transaction(CkptStep *step)
{
	CkptTransaction transaction = {step_state, step, step_states[step->state].name};
	ErrorData  *error = ckpt_transaction_run(&transaction);

	if (error && ckpt_step_carry_ran_short(step, error))
		ckpt_step_without_carry(step, error);
	else if (error)
	{
		step->error = error;
		step->error_id = 0;
	}
}

static void
look_whether_paused(void *arg)
{
	CkptStep   *step = (CkptStep *) arg;

	PushActiveSnapshot(GetTransactionSnapshot());
	step->paused = ckpt_catalog_job_is_paused(step->job.job_id);
	PopActiveSnapshot();
}

/*
 * wait_while_paused lets the step not begin as long as its job is paused.
 */
static void
wait_while_paused(CkptStep *step)
{
	CkptTransaction look = {look_whether_paused, step, "wait", true};

	while ((step->error = ckpt_transaction_run(&look)) == NULL && step->paused)
	{
		ckpt_progress_wait(CKPT_WAITING_PAUSED);
		ckpt_wait(CKPT_LOOK_MS, PG_WAIT_EXTENSION);
		CHECK_FOR_INTERRUPTS();
	}
	ckpt_progress_wait(CKPT_WAITING_NOT);
}

/*
 * step_work goes through the states, until the step is done or has an error.
 */
static void
step_work(CkptStep *step)
{
	wait_while_paused(step);
	while (step->state != STEP_DONE && step->error == NULL)
	{
		CkptStepState before = step->state;

		if (before == STEP_RUN)
			step_run(step);
		else
			step_transaction(step);
		if (step->error == NULL && (before == STEP_RUN || step->state == STEP_COLLECT))
			between_transactions(step);
	}
	if (step->error)
		return;
	/* a cancel comes too late for what is done */
	HOLD_CANCEL_INTERRUPTS();
	if (step->run_workers)
		ckpt_workers_count(step->run_workers);
	ckpt_step_end_workers(step);
	ckpt_crash_marker_close();
}

/*
 * step_run_all runs a prepared step to its end.  An error that comes between
 * two of its transactions is one of the step like any other.
 */
static void
step_run_all(CkptStep *step)
{
	MemoryContext cxt = CurrentMemoryContext;

	PG_TRY();
	{
		ckpt_stop_point("after commit of", "prepare");
		step_work(step);
	}
	PG_CATCH();
	{
		step->error = ckpt_transaction_catch(cxt);
		step->error_id = 0;
	}
	PG_END_TRY();

	if (step->error)
		ckpt_step_fail(step);
}

/*
 * step_end tells the user of a step that is done.
 *
 * A cancel that has come since the last commit was for this call, which is over
 * and cannot be undone: it is forgotten, unless there is a procedure around the
 * call that it may be for.
 */
static void
step_end(CkptStep *step, bool nested)
{
	ckpt_step_release(step);
	ckpt_step_notice(step);
	SPI_finish();
	if (!nested)
	{
		QueryCancelPending = false;
		(void) get_timeout_indicator(STATEMENT_TIMEOUT, true);
	}
	RESUME_CANCEL_INTERRUPTS();
}

/*
 * step_create makes a step that is to run as a call says.
 */
static CkptStep *
step_create(const CkptSpec *spec)
{
	CkptStep   *step = palloc0(sizeof(CkptStep));

	step->spec = spec;
	step->name = spec->step;
	step->counts = (CkptStepCounts) {-1, -1, -1, -1, -1, -1};
	step->started = step->reported = GetCurrentTimestamp();
	return step;
}

/*
 * step_prepare prepares a step in a transaction of its own, and returns the error
 * if the call is refused.  The record that a step has begun need not outlive a crash
 * of the server: that of what it has done, which comes later, is not without it.
 */
static ErrorData *
step_prepare(CkptStep *step)
{
	ErrorData  *error = ckpt_subxact_run(ckpt_step_prepare, step, CurrentMemoryContext, NULL);

	/* if the caller's state does not allow to commit, the commit says so */
	if (error)
		return error;
	if (step->state != STEP_DONE)
		return ckpt_transaction_commit_async();
	HOLD_INTERRUPTS();
	error = ckpt_transaction_commit();
	if (error == NULL)
		HOLD_CANCEL_INTERRUPTS();	/* it would come too late */
	RESUME_INTERRUPTS();
	return error;
}

static void
set_path(const char *path)
{
	(void) set_config_option("search_path", path, PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_SET, true, 0, false);
}

/*
 * store_as_called stores the rows of an inlined step.
 */
static void
store_as_called(CkptStep *step)
{
	ErrorData  *error = step_prepare(step);

	if (error)
	{
		HOLD_INTERRUPTS();
		ckpt_step_release(step);
		RESUME_INTERRUPTS();
		ReThrowError(error);
	}
	if (step->to_store)
		elog(ERROR, "inlined step \"%s\" reads columns of an inlined step", step->name);
	step_run_all(step);
	RESUME_CANCEL_INTERRUPTS();
	ckpt_step_release(step);
	ckpt_step_notice(step);
}

/* What look_up_inlined finds: how the step was called. */
typedef struct InlinedCall
{
	const CkptStep *reader;
	CkptSpec   *spec;			/* NULL if somebody else has stored it */
	char	   *path;			/* search_path of the call */
	List	   *reads;			/* names of steps */
} InlinedCall;

static void
look_up_inlined(void *arg)
{
	InlinedCall *call = (InlinedCall *) arg;
	const CkptStep *reader = call->reader;
	ListCell   *lc;

	call->spec = ckpt_catalog_inlined_call(reader->job.job_id, reader->to_store, &call->path);
	foreach(lc, ckpt_catalog_step_outputs(reader->job.job_id,
										  list_make1(unconstify(char *, reader->to_store))))
	{
		const CkptStepOutput *output = (const CkptStepOutput *) lfirst(lc);

		if (output->inlined && strcmp(output->step, reader->to_store) == 0)
			call->reads = output->inlined->reads;
	}
}

/*
 * step_store_read stores an inlined step whose sys__ columns a step reads, as it was
 * called.
 */
static void
step_store_read(CkptStep *reader)
{
	InlinedCall call = {.reader = reader};
	char	   *path = pstrdup(GetConfigOption("search_path", false, false));
	ErrorData  *error = ckpt_subxact_run(look_up_inlined, &call, CurrentMemoryContext, NULL);
	CkptStep   *step;

	if (error)
		ReThrowError(error);
	if (call.spec == NULL)
		return;
	step = step_create(call.spec);
	call.spec->job = &reader->job.job_id;
	step->storing = true;
	step->may_read = call.reads;
	PG_TRY();
	{
		set_path(call.path);
		store_as_called(step);
	}
	PG_FINALLY();
	{
		set_path(path);
	}
	PG_END_TRY();
}

/*
 * ckpt_step_run runs a step.  It is nested if there is a procedure around its
 * call.
 *
 * Runs outside transaction blocks, with SPI connected, which it leaves
 * disconnected.
 */
void
ckpt_step_run(const CkptSpec *spec, bool nested)
{
	CkptStep   *step = step_create(spec);
	ErrorData  *error = step_prepare(step);

	while (error == NULL && step->to_store)
	{
		ckpt_step_release(step);
		step_store_read(step);
		step = step_create(spec);
		error = step_prepare(step);
	}
	if (error)
	{
		HOLD_INTERRUPTS();
		ckpt_step_release(step);
		RESUME_INTERRUPTS();
		ckpt_step_refuse(spec, error);
	}
	if (step->state != STEP_DONE)
		step_run_all(step);
	step_end(step, nested);
}
