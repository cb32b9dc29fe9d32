/*-------------------------------------------------------------------------
 *
 * run.c
 *	  The loop of every process of a run: claim, compute, record, commit, pause.
 *
 * A transaction lasts about checkpoint.commit_interval.  In it, ranges of ids are
 * claimed and computed in batches (runner.c), and what has become of the rows is
 * stored in the ledger, so that results and ledger are committed together.
 *
 * A row whose call fails is tried again if there are retries, in the next
 * transaction and after a while, then ends the run or goes into quarantine.
 *
 * Rows stand in the input table in the order of their ids.  That is used to
 * find where a range of ids begins and ends, and not relied upon: if rows are
 * missing when all processes have ended, one of them looks everywhere.
 *
 * The code may be replaced while it runs.  Each transaction looks at it when it
 * begins and before it ends, and what it has computed goes on record as the work
 * of what it has found.
 *
 * Interrupts are held from when a transaction has opened what it needs until it
 * is committed, but for the calls: a cancel never costs what has been computed.
 *
 * IDENTIFICATION
 *	  src/run.c
 *
 *-------------------------------------------------------------------------
 */
#include "checkpoint.h"

#include "asuser.h"
#include "executor/instrument.h"
#include "guc.h"
#include "joblock.h"
#include "ledger.h"
#include "miscadmin.h"
#include "progress.h"
#include "run.h"
#include "runner.h"
#include "storage/ipc.h"
#include "storage/pmsignal.h"
#include "throttle.h"
#include "transaction.h"
#include "unit_timer.h"
#include "utils/inval.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/wait_event.h"
#include "wait.h"

struct CkptRun
{
	CkptRunTask task;
	CkptUdf    *udf;
	CkptCheckpoint *cp;
	CkptRunShared *shared;
	CkptRunProcess process;
	MemoryContext cxt;			/* lives as long as the run */
	MemoryContext xact_cxt;		/* a transaction */

	CkptLedger *ledger;			/* NULL before the first transaction */
	CkptRunner *runner;
	bool		in_range;		/* it has claimed ids that it has not computed */
	bool		anywhere;		/* rows may stand in any order */
	bool		stale;			/* others may have marked rows in the ledger since */
	bool		more;			/* there may be more to do */
	bool		paused;			/* the job was, ... */
	int64		looked_at;		/* ... at this time, ckpt_now_ms() */
	uint64		wal_bytes;		/* that this process had written at the last pause */

	CkptTransaction transaction;	/* the one at hand */
	CkptRunnerXact xact;
	int64		computed;		/* rows, in the course of it */
	bool		code_changed;	/* in the course of it */

	/* the row that failed last */
	int64		failed_id;
	int			attempts;
	int64		retry_at;		/* when it is tried again, ckpt_now_ms() */

	/* the row that went into quarantine last */
	ErrorData  *skipped;		/* its error, or NULL */
	int64		skipped_id;

	/* the error that ends the run, or NULL */
	ErrorData  *error;
	int64		error_id;		/* the row it is about, or 0 */
};

/*
 * ckpt_run_share prepares what nprocesses processes share, to compute the rows
 * 1 .. max_id.
 */
void
ckpt_run_share(CkptRunShared *shared, const CkptRunTask *task, int64 max_id, int nprocesses,
			   int64 next_output_id)
{
	ckpt_claims_init(&shared->claims, max_id, nprocesses, Max(task->spec->batch, 1),
					 next_output_id);
	ckpt_limits_init(&shared->limits, task->spec, task->until);
}

/*
 * ckpt_run_create prepares a process's part in a run, in CurrentMemoryContext.
 *
 * udf, cp and shared must live as long as the run.
 */
CkptRun *
ckpt_run_create(const CkptRunTask *task, CkptUdf *udf, CkptCheckpoint *cp,
				CkptRunShared *shared, const CkptRunProcess *process)
{
	CkptRun    *run = palloc0(sizeof(CkptRun));

	run->task = *task;
	run->udf = udf;
	run->cp = cp;
	run->shared = shared;
	run->process = *process;
	run->cxt = CurrentMemoryContext;
	run->xact_cxt = AllocSetContextCreate(run->cxt, "checkpoint transaction",
										  ALLOCSET_DEFAULT_SIZES);
	run->wal_bytes = pgWalUsage.wal_bytes;
	return run;
}

/*
 * run_take_new_code makes this process go on with the code as it was last looked
 * at.
 */
static void
run_take_new_code(CkptRun *run)
{
	/* in this order in each process: both may wait for another one's commit */
	ckpt_ledger_take_code(run->ledger, &run->udf->code);
	run->cp->code_hash = run->udf->code.hash;
	ckpt_catalog_update_checkpoint(run->cp);
}

/*
 * run_open loads what is done already.
 */
static void
run_open(CkptRun *run)
{
	MemoryContext oldcxt = MemoryContextSwitchTo(run->cxt);

	/* a worker's code may be another than the session's: replaced since, or shadowed */
	run->ledger = ckpt_ledger_open(run->cp, &run->udf->code, run->task.worker);
	ckpt_ledger_close_crashed(run->ledger);
	run->runner = ckpt_runner_create(run->udf, run->cp, run->task.owner,
									 &run->shared->claims, run->ledger, run->task.worker,
									 run->task.long_hashes);
	MemoryContextSwitchTo(oldcxt);
}

/*
 * run_claim claims a range of ids that are not all done.  Returns false if there
 * is nothing left.
 */
static bool
run_claim(CkptRun *run)
{
	int64		lo;
	int64		hi;
	int64		first;

	do
	{
		if (!ckpt_claim(&run->shared->claims, &lo, &hi))
			return false;
		first = ckpt_idset_next_missing(ckpt_ledger_closed(run->ledger), lo);
	} while (first > hi);
	ckpt_runner_seek(run->runner, lo, hi, run->anywhere ? 0 : first);
	run->in_range = true;
	return true;
}

/*
 * add_line adds a line to the detail or context of an error.
 */
static void
add_line(const ErrorData *error, char **lines, char *line)
{
	MemoryContext oldcxt = MemoryContextSwitchTo(error->assoc_context);

	*lines = *lines ? psprintf("%s\n%s", *lines, line) : pstrdup(line);
	MemoryContextSwitchTo(oldcxt);
}

/*
 * may_skip counts a row that has failed, and returns whether the run goes on
 * without it; if not, the error says why.
 */
static bool
may_skip(CkptRun *run, ErrorData *error)
{
	uint32		nfailed;

	if (ckpt_limits_may_fail(&run->shared->limits, run->task.spec, &nfailed))
		return true;
	add_line(error, &error->detail,
			 psprintf("This is failure %u of this run; argument \"max_errors\" is %d.",
					  nfailed, run->task.spec->max_errors));
	return false;
}

/*
 * run_retry has the row that failed tried again in the next transaction.
 */
static void
run_retry(CkptRun *run)
{
	run->retry_at = ckpt_now_ms() + ckpt_limits_retry_wait(run->task.spec, run->attempts);
	run->xact.end = true;
	ckpt_runner_row_by_row(run->runner, 1);
}

/*
 * run_quarantine puts a row that has failed into quarantine.  It keeps the
 * error.
 */
static void
run_quarantine(CkptRun *run, ErrorData *error, int64 id)
{
	CkptFailure failure = {
		.sqlstate = unpack_sql_state(error->sqlerrcode),
		.message = error->message,
		.detail = error->detail,
		.context = error->context,
		.attempts = run->attempts
	};

	ckpt_ledger_fail(run->ledger, id, &failure);
	run->xact.dirty = true;
	if (run->skipped)
		FreeErrorData(run->skipped);
	run->skipped = error;
	run->skipped_id = id;
}

/*
 * handle_failure decides what becomes of the row that failed: it is tried
 * again, goes into quarantine or ends the run.
 */
static void
handle_failure(CkptRun *run, ErrorData *error, int64 id)
{
	if (id != 0 && id == run->failed_id)
		run->attempts++;
	else
		run->attempts = 1;
	run->failed_id = id;

	if (id != 0 && (error->sqlerrcode != ERRCODE_QUERY_CANCELED || ckpt_unit_timed_out(error)))
	{
		if (run->attempts <= run->task.spec->retries)
		{
			run_retry(run);
			FreeErrorData(error);
			return;
		}
		if (run->task.spec->on_error == CKPT_ERROR_SKIP && may_skip(run, error))
		{
			run_quarantine(run, error, id);
			return;
		}
	}
	if (run->attempts > 1)
		add_line(error, &error->detail,
				 psprintf("The UDF was called %d times for this %s.", run->attempts,
						  ckpt_unit_word(run->task.spec->kind, true)));
	if (id != 0)
		add_line(error, &error->context, ckpt_runner_describe_row(run->runner, id));
	run->error = error;
	run->error_id = id;
	ckpt_claims_stop(&run->shared->claims, CKPT_CLAIMS_STOP);
}

/*
 * look_at_code finds out whether the code was changed since the transaction
 * began.
 */
static void
look_at_code(void *arg)
{
	CkptRun    *run = (CkptRun *) arg;
	CkptUser	saved = ckpt_user_become(run->task.owner);

	AcceptInvalidationMessages();
	PushActiveSnapshot(GetTransactionSnapshot());
	run->code_changed = ckpt_udf_refresh(run->udf, run->cp->input_table);
	PopActiveSnapshot();
	ckpt_user_restore(saved);
}

/*
 * take_mixed_code makes what the transaction has computed the work of a version
 * of the code that nothing else is: which rows are the old code's and which the
 * new one's is not known.
 */
static void
take_mixed_code(CkptRun *run, const CkptCode *old)
{
	CkptCode	code = {
		.hash = ckpt_hash_text(psprintf("%s\1%s", old->hash, run->udf->code.hash)),
		.cache_version = old->cache_version,
		.components = old->components
	};

	ckpt_ledger_take_code(run->ledger, &code);
}

/*
 * run_record stores what the transaction has computed, and with which code.
 */
static void
run_record(CkptRun *run)
{
	const CkptCode old = run->udf->code;

	if (run->xact.dirty)
	{
		/* code that cannot be analysed any more has changed, too */
		run->code_changed = true;
		(void) ckpt_subxact_run(look_at_code, run, run->xact_cxt, NULL);
		if (run->code_changed)
			take_mixed_code(run, &old);
	}
	ckpt_ledger_store(run->ledger);
	if (run->code_changed)
		run_take_new_code(run);
}

/*
 * run_batch computes some rows of the range, as many as the limits allow.
 */
static void
run_batch(CkptRun *run)
{
	CkptLimits *limits = &run->shared->limits;
	CkptRunnerXact *xact = &run->xact;
	ErrorData  *error;
	int64		id;

	xact->called = 0;
	xact->computed = 0;
	xact->quota = ckpt_limits_take(limits, run->task.spec, run->shared->claims.nprocesses,
								   &xact->call_quota);
	if (xact->quota == 0)
	{
		/* to wait for more is for between two transactions */
		xact->end = true;
		return;
	}
	error = ckpt_runner_batch(run->runner, &run->in_range, &id);
	ckpt_limits_settle(limits, run->task.spec, xact->quota, xact->call_quota, xact->called,
					   xact->computed);
	run->computed += xact->computed;
	if (error)
		handle_failure(run, error, id);
	if (ckpt_limits_too_many_failed(limits))
		ckpt_claims_stop(&run->shared->claims, CKPT_CLAIMS_STOP);
}

/*
 * run_may_go_on returns whether the run may begin more rows.
 */
static bool
run_may_go_on(CkptRun *run)
{
	return !ckpt_claims_stopped(&run->shared->claims) &&
		!ckpt_limits_spent(&run->shared->limits);
}

/*
 * stop_for_error_rate ends the run with the error of the row that has failed
 * last, if it is of this process.
 */
static void
stop_for_error_rate(CkptRun *run)
{
	if (run->skipped == NULL)
		return;
	run->error = run->skipped;
	run->error_id = run->skipped_id;
	add_line(run->error, &run->error->detail,
			 psprintf("Too many of the %s tried in this run have failed: %u; argument \"max_error_rate\" is %g.",
					  ckpt_unit_word(run->task.spec->kind, false),
					  pg_atomic_read_u32(&run->shared->limits.failed),
					  run->task.spec->max_error_rate));
}

/*
 * look_whether_paused looks whether the job is paused, if that was not done of late.
 */
static void
look_whether_paused(CkptRun *run)
{
	int64		now = ckpt_now_ms();

	if (run->looked_at != 0 && now - run->looked_at < CKPT_LOOK_MS)
		return;
	run->paused = ckpt_catalog_job_is_paused(run->task.job_id);
	run->looked_at = now;
}

/*
 * run_compute claims and computes until the transaction's time is up or the job is
 * paused, and records what it has done.  Returns false if there is no more to do.
 */
static bool
run_compute(CkptRun *run)
{
	int64		until = Min(ckpt_now_ms() + ckpt_commit_interval, run->shared->limits.until);
	bool		more;

	do
	{
		more = run_may_go_on(run) && (run->in_range || run_claim(run));
		run->xact.deadline = Min(until, ckpt_now_ms() + CKPT_WAIT_MS);
		if (more)
			run_batch(run);
		if (ckpt_now_ms() < until)
			look_whether_paused(run);
	} while (more && run->error == NULL && !run->xact.end && !run->paused &&
			 ckpt_now_ms() < until);

	/*
	 * A function may have called pg_advisory_unlock_all(): then somebody else
	 * may have begun to compute the same rows.
	 */
	if (!ckpt_joblock_held_here(CKPT_LOCK_JOB, run->task.job_id, ShareLock))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("a function has released the locks of the job that calls it"),
				 errhint("Do not call pg_advisory_unlock_all() in a function that a step runs.")));

	run_record(run);
	return more && run->error == NULL;
}

/*
 * run_work is the work of a transaction.  If it raises an error, which is never
 * the UDF's, the run is over.
 *
 * Code that was replaced since the last transaction is put on record, and that
 * is all that this one does.  The processes of a run all write that record, and
 * each would wait as long as the calls of the one before it take, if calls were
 * made in the same transaction.
 */
static void
run_work(void *arg)
{
	CkptRun    *run = (CkptRun *) arg;
	MemoryContext oldcxt;

	/* without a postmaster nobody would write the WAL of what is computed */
	if (!PostmasterIsAlive())
		proc_exit(1);

	PushActiveSnapshot(GetTransactionSnapshot());
	if (run->ledger == NULL)
		run_open(run);
	if (run->stale)
		ckpt_ledger_refresh(run->ledger);
	run->stale = false;
	oldcxt = MemoryContextSwitchTo(run->xact_cxt);
	memset(&run->xact, 0, sizeof(CkptRunnerXact));
	run->computed = 0;
	run->xact.unit_timeout = run->task.spec->unit_timeout;
	run->code_changed = ckpt_runner_open(run->runner, &run->xact);
	if (run->code_changed)
		run_take_new_code(run);

	HOLD_INTERRUPTS();
	look_whether_paused(run);
	if (!run->code_changed && !(run->paused && run_may_go_on(run)))
		run->more = run_compute(run);
	run->transaction.async = !run->xact.durable;
	ckpt_runner_close(run->runner);
	PopActiveSnapshot();
	MemoryContextSwitchTo(oldcxt);
	MemoryContextReset(run->xact_cxt);
	if (run->process.record)
		run->process.record(run->process.arg);
	RESUME_INTERRUPTS();
}

/*
 * run_waits_for returns what the run waits for before its next transaction, and
 * for how long at most, ms.
 */
static CkptWaitingFor
run_waits_for(CkptRun *run, int64 *left)
{
	CkptLimits *limits = &run->shared->limits;

	*left = CKPT_LOOK_MS;
	if (run->paused)
		return CKPT_WAITING_PAUSED;
	if ((*left = run->retry_at - ckpt_now_ms()) > 0)
		return CKPT_WAITING_RETRY;
	if ((*left = ckpt_limits_wal_wait(limits)) > 0)
		return CKPT_WAITING_WAL_RATE;
	if ((*left = ckpt_limits_call_wait(limits, run->task.spec)) > 0)
		return CKPT_WAITING_RATE;
	*left = CKPT_LOOK_MS;
	return ckpt_throttle_replicas_lag() ? CKPT_WAITING_REPLICA_LAG : CKPT_WAITING_NOT;
}

static void
look_in_wait(void *arg)
{
	PushActiveSnapshot(GetTransactionSnapshot());
	look_whether_paused((CkptRun *) arg);
	PopActiveSnapshot();
}

/*
 * run_pause is what comes between two transactions.  Whatever throttles a run
 * waits here.
 *
 * Where the server says "between", it has begun a transaction already.  So that it
 * does not grow old, a long wait is one of several transactions, which also look
 * whether the job is paused.
 */
static void
run_pause(CkptRun *run)
{
	CkptTransaction look = {look_in_wait, run, "wait", true};

	ckpt_limits_add_wal(&run->shared->limits, pgWalUsage.wal_bytes - run->wal_bytes);
	run->wal_bytes = pgWalUsage.wal_bytes;
	while (run->error == NULL)
	{
		CkptWaitingFor what;
		int64		left;

		run->process.between(run->process.arg);
		if (!run_may_go_on(run))
			break;
		what = run_waits_for(run, &left);
		ckpt_progress_wait(what);
		if (what == CKPT_WAITING_NOT)
			break;
		ckpt_wait(Min(left, CKPT_LOOK_MS), PG_WAIT_EXTENSION);
		if (ckpt_now_ms() - run->looked_at >= CKPT_LOOK_MS)
			run->error = ckpt_transaction_run(&look);
	}
	ckpt_progress_wait(CKPT_WAITING_NOT);
}

/*
 * ckpt_run computes rows until this process finds no more to claim, or the run
 * is stopped.
 *
 * Returns the error that has ended it, whose row is *error_id or 0, or NULL.  All
 * that was computed before is committed; of other processes that is so when
 * they have ended.  Raises only what comes between two transactions.
 */
ErrorData *
ckpt_run(CkptRun *run, int64 *error_id)
{
	run->transaction = (CkptTransaction) {run_work, run, run->process.name};
	run->more = true;
	for (;;)
	{
		ErrorData  *error = ckpt_transaction_run(&run->transaction);

		if (error == NULL)
			ckpt_progress_computed(run->computed);
		/* the function's error wins */
		if (run->error == NULL)
			run->error = error;
		if (run->error || !run->more)
			break;
		run_pause(run);
		if (run->error)
			break;
	}
	if (run->error == NULL && ckpt_limits_too_many_failed(&run->shared->limits))
		stop_for_error_rate(run);
	if (run->error)
		ckpt_claims_stop(&run->shared->claims, CKPT_CLAIMS_STOP);
	*error_id = run->error_id;
	return run->error;
}

/*
 * ckpt_run_again prepares to look for rows that the run has left, wherever they
 * are: of a worker that has died, or out of order.  No other process works on
 * the checkpoint any more.
 */
void
ckpt_run_again(CkptRun *run)
{
	ckpt_claims_restart(&run->shared->claims);
	run->in_range = false;
	run->anywhere = true;
	run->stale = true;
}
