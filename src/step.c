/*-------------------------------------------------------------------------
 *
 * step.c
 *	  The state machine: reuse, continue or compute.
 *
 *	prepare		check the call (step_prepare.c); nothing is changed before all of it is good
 *	identify	which input is it?  Often that is known without reading it
 *				final checkpoint under that key?	reuse it: done
 *				partial one of this step?			adopt its tables: run
 *				else number the query's rows and keep them in a new checkpoint;
 *				without a UDF, that is final.  With one:
 *				results for equal rows in an older one?	carry them over
 *	run			compute what is left, one transaction at a time, with workers
 *	collect		wait for the workers; rows left? run again
 *				else make the checkpoint final
 *	publish		put its rows under their name (save)
 *
 * Each state is one transaction (run: many): between two of them everything is
 * as another run can use it.  The transactions are the step's own, whatever the
 * session's default: read-write and READ COMMITTED.  Their work is done in a
 * subtransaction, so that after any error the transaction can record it.
 * Commits are asynchronous but for the last, and the one before the run, which
 * what a crash leaves behind refers to: results and the record of what is
 * processed are in one commit, so a lost one is computed again.
 *
 * Interrupts are held from the end of that work until it is committed, and
 * while a failure is recorded: a cancel that comes late changes nothing, and
 * one that comes on top of an error does not keep it from being recorded.
 *
 * Which earlier work serves is for reuse.c to say.
 *
 * IDENTIFICATION
 *	  src/step.c
 *
 *-------------------------------------------------------------------------
 */
#include "checkpoint.h"

#include "access/xact.h"
#include "asuser.h"
#include "carry.h"
#include "cleanup.h"
#include "executor/spi.h"
#include "inhand.h"
#include "input.h"
#include "job.h"
#include "joblock.h"
#include "ledger.h"
#include "miscadmin.h"
#include "publish.h"
#include "query.h"
#include "result_table.h"
#include "step_internal.h"
#include "stoppoint.h"
#include "subxact.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timeout.h"
#include "utils/timestamp.h"
#include "wait.h"

/*
 * step_protect makes sure that the tables of the step's checkpoint are read-only.
 */
static void
step_protect(const CkptStep *step)
{
	if (step->cp->input_table)
		ckpt_result_table_protect(step->cp->input_table, step->job.owner);
	ckpt_result_table_protect(step->cp->output_table, step->job.owner);
}

/*
 * step_reuse ends the step with a final checkpoint.
 */
static void
step_reuse(CkptStep *step, CkptCheckpoint *cp)
{
	step->cp = cp;
	step->action = CKPT_STEP_REUSED;
	step->counts.total = cp->rows_total;
	step->counts.kept = cp->rows_total;
	step->counts.computed = 0;
	step->counts.failed = 0;
	step->done = ckpt_ledger_totals(cp);
	step->counts.output = step->done.output.rows;
	step_protect(step);
	ckpt_catalog_touch_checkpoint(cp->id);
	ckpt_cleanup_superseded(&step->request.ref, cp->id);
	step->state = step->spec->kind == CKPT_SAVE ? STEP_PUBLISH : STEP_DONE;
}

/*
 * recompute_other_code drops the results of other versions of the code.
 */
static void
recompute_other_code(CkptStep *step, const CkptCode *code)
{
	ckpt_ledger_forget_other_code(step->cp, code);
	ckpt_result_table_keep(step->cp->output_table, step->spec->kind == CKPT_MAP ? 1 : 2,
						   ckpt_ledger_processed(step->cp));
}

/*
 * quarantine_row records that a row was in hand at two crashes, of which so
 * many are new.
 */
static void
quarantine_row(const CkptStep *step, int64 id, int attempts)
{
	CkptFailure failure = {
		.sqlstate = unpack_sql_state(ERRCODE_CRASH_SHUTDOWN),
		.message = "server process crashed twice with this row in hand",
		.detail = "The row is not computed again before the code has changed.",
		.attempts = attempts
	};

	ckpt_ledger_quarantine(step->cp, id, &failure);
}

/*
 * record_crashes notes which rows were in hand when a process of an earlier run
 * crashed, with the code of that run.
 */
static void
record_crashes(const CkptStep *step)
{
	ListCell   *lc;

	foreach(lc, ckpt_inhand_collect(step->cp->id))
	{
		int64		id = *(int64 *) lfirst(lc);
		int			crashes;

		if (id > step->cp->rows_total)
			continue;
		crashes = ckpt_ledger_record_crash(step->cp, id);
		if (crashes > 1)
			quarantine_row(step, id, crashes);
	}
}

/*
 * quarantine_poisonous puts the rows that were in hand at two crashes, with the
 * code at hand, into this job's quarantine, too.
 */
static void
quarantine_poisonous(const CkptStep *step)
{
	CkptIdSet  *poisonous = ckpt_ledger_crashed_twice(step->cp);

	for (int64 id = 1; (id = ckpt_idset_next_member(poisonous, id)) <= poisonous->max_id; id++)
		quarantine_row(step, id, 0);
}

/*
 * step_begin_run makes the checkpoint ready for a run, in the transaction that
 * made or adopted it: workers see what is committed.
 */
static void
step_begin_run(CkptStep *step)
{
	CkptCheckpoint *cp = step->cp;
	CkptCode	code = ckpt_reuse_code(&step->request);

	step->computing = GetCurrentTimestamp();
	step->task.job_id = step->job.job_id;
	step->task.checkpoint_id = cp->id;
	step->task.owner = step->job.owner;
	step->task.skip = step->spec->on_error == CKPT_ERROR_SKIP;
	step->task.max_errors = step->spec->max_errors;
	step->task.retries = step->spec->retries;

	cp->job_id = step->job.job_id;
	record_crashes(step);
	ckpt_ledger_note_code(cp, &code);
	cp->code_hash = step->request.fingerprint->hash;
	cp->cache_version = step->spec->cache_version;
	ckpt_catalog_update_checkpoint(cp);
	if (step->spec->on_code_change == CKPT_CODE_RECOMPUTE)
		recompute_other_code(step, &code);
	quarantine_poisonous(step);

	step->done = ckpt_ledger_totals(cp);
	step->counts.total = cp->rows_total;
	step->counts.kept = step->done.processed;
	step->counts.computed = 0;
	step->counts.failed = 0;
	step->counts.output = step->done.output.rows;
	step->pool = palloc(sizeof(CkptPool));
	ckpt_pool_init(step->pool, cp->rows_total, 1, step->done.max_output_id + 1);
	ckpt_catalog_update_step(step->step_id, CKPT_STEP_RUNNING, step->reason, cp->id,
							 &step->counts, false);
	step->state = STEP_RUN;
}

/*
 * carry_over gives the step's checkpoint what others of this step of the run
 * group have for equal rows, unless that has been tried in vain.
 */
static void
carry_over(CkptStep *step, CkptCarryCounts *counts)
{
	CkptCarryFrom from = ckpt_reuse_carry_from(&step->request);

	memset(counts, 0, sizeof(CkptCarryCounts));
	if (step->carry_error)
		return;
	step->carrying = true;
	ckpt_carry_over(&from, step->cp, step->udf, step->job.owner, counts);
	step->carrying = false;
}

/*
 * carry_ran_short returns whether an error is that carrying over, which only
 * saves work, has met a limit: of temporary files, say.
 */
static bool
carry_ran_short(const CkptStep *step, const ErrorData *error)
{
	return step->carrying &&
		ERRCODE_TO_CATEGORY(error->sqlerrcode) == ERRCODE_INSUFFICIENT_RESOURCES;
}

/*
 * step_without_carry lets the step identify its input once more, and not carry
 * over this time.
 */
static void
step_without_carry(CkptStep *step, ErrorData *error)
{
	step->state = STEP_IDENTIFY;
	memset(&step->identity, 0, sizeof(CkptIdentity));
	step->cp = NULL;
	step->carrying = false;
	step->carry_error = error->message;
	ereport(NOTICE,
			(errmsg("step \"%s\": results of earlier work could not be carried over: %s",
					step->name, error->message),
			 errdetail("Rows are computed that have results already."),
			 error->hint ? errhint("%s", error->hint) : 0));
}

/*
 * step_adopt goes on with a partial checkpoint; if carry is set, others may have
 * results that it lacks.
 */
static void
step_adopt(CkptStep *step, CkptCheckpoint *cp, bool carry)
{
	CkptCarryCounts counts;

	step->cp = cp;
	step->action = CKPT_STEP_CONTINUED;
	step->kept_from = cp->job_id;
	step->done = ckpt_ledger_totals(cp);
	step_protect(step);
	if (carry)
		carry_over(step, &counts);
	step_begin_run(step);
}

/*
 * check_resume raises if the step, which is to be computed for step->reason, is
 * one of those before the step that the job resumes from.
 */
static void
check_resume(const CkptStep *step)
{
	if (step->resume != RESUME_BEFORE)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("cannot resume job \"%s\" from step \"%s\"", step->job.name,
					step->job.resume_from),
			 errdetail("Step \"%s\" before it cannot be reused: %s.", step->name, step->reason),
			 errhint("Run the job without resume_from: only what is needed is computed.")));
}

/*
 * analyze_input analyses the input query once more: it was, in an earlier
 * transaction, and relations may have changed since.
 */
static Query *
analyze_input(CkptStep *step, List *outputs)
{
	const char *argument = ckpt_reuse_argument(step->spec->kind);
	Query	   *query = ckpt_query_analyze(step->spec->query, argument, outputs);
	char	   *now = ckpt_columns_text(ckpt_query_input_desc(query, argument));
	char	   *then = ckpt_columns_text(step->request.input_desc);

	if (strcmp(now, then) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("columns of argument \"%s\" changed while the step ran",
						argument),
				 errdetail("They were %s and are %s.", then, now)));
	return query;
}

/*
 * step_prepare_identity finds out what can be told of the input's identity
 * without reading it.  It needs the rights of the job's owner.
 */
static void
step_prepare_identity(CkptStep *step, Query *query, List *outputs)
{
	Query	   *probe = step->spec->probe ? ckpt_query_analyze(step->spec->probe, "probe", outputs) : NULL;

	step->identity = ckpt_identity_prepare(query, step->job.owner, probe, step->spec->probe);
}

/*
 * step_finish makes the checkpoint final.
 */
static void
step_finish(CkptStep *step)
{
	CkptCheckpoint *cp = step->cp;

	step->done = ckpt_ledger_totals(cp);
	cp->final = true;
	if (step->udf)
	{
		CkptUser	saved = ckpt_user_become(step->job.owner);
		CkptCode	code;

		/* replaced in the last moment, the code may have computed any row */
		PushActiveSnapshot(GetTransactionSnapshot());
		cp->mixed_code = ckpt_udf_refresh(step->udf, cp->input_table);
		PopActiveSnapshot();
		ckpt_user_restore(saved);
		step->request.fingerprint = step->udf->fingerprint;
		code = ckpt_reuse_code(&step->request);
		cp->code_hash = step->udf->fingerprint->hash;
		ckpt_ledger_note_code(cp, &code);
		ckpt_catalog_update_checkpoint(cp);
		/* it may be that none of its rows is of the code that it is finished with */
		cp->mixed_code |= ckpt_ledger_rows_of_code(cp, &code) < step->done.processed;
	}
	cp->content_hash = ckpt_rowhash_finish(ckpt_rowhash_columns(ckpt_rowhash_create(step->request.output_desc)),
										   &step->done.output);

	/* the output of map has its input's columns; that of gen has not */
	if (step->spec->kind == CKPT_MAP && ckpt_result_table_drop(cp->input_table, cp->owner))
		cp->input_table = NULL;
	ckpt_ledger_finish(cp);
	ckpt_catalog_finish_checkpoint(cp, ckpt_reuse_key(&step->request, cp->input_hash));
	ckpt_cleanup_superseded(&step->request.ref, cp->id);
	step->state = step->spec->kind == CKPT_SAVE ? STEP_PUBLISH : STEP_DONE;
}

/*
 * step_materialize keeps the query's rows as the input of a new checkpoint or,
 * where there is no UDF, as its output.
 */
static void
step_materialize(CkptStep *step)
{
	CkptCheckpoint *cp = palloc0(sizeof(CkptCheckpoint));
	const CkptRequest *request = &step->request;
	CkptInput	input;
	List	   *outputs = ckpt_catalog_step_outputs(step->job.job_id);
	Query	   *query;
	Oid			relid;
	CkptUser	saved;

	step->computing = GetCurrentTimestamp();
	cp->id = ckpt_catalog_next_checkpoint_id();
	cp->owner = step->job.owner;
	cp->job_name = step->job.name;
	cp->step = step->name;
	cp->job_id = step->job.job_id;
	cp->kind = request->kind;
	cp->input_columns = ckpt_columns_text(request->input_desc);
	cp->output_columns = request->output_columns;
	cp->code_hash = request->fingerprint->hash;
	cp->cache_version = step->spec->cache_version;
	cp->fresh = request->anew != NULL;
	cp->output_table = ckpt_result_table_name(cp->job_name, cp->step, cp->id, "output");

	PushActiveSnapshot(GetTransactionSnapshot());
	if (step->udf)
	{
		cp->input_table = ckpt_result_table_name(cp->job_name, cp->step, cp->id, "input");
		relid = ckpt_result_table_create(cp->input_table, request->input_desc,
										 step->job.owner);
		(void) ckpt_result_table_create(cp->output_table, request->output_desc,
										step->job.owner);
	}
	else
		relid = ckpt_result_table_create(cp->output_table, request->output_desc,
										 step->job.owner);

	/* a probe comes before what it stands for: changes since then are noticed */
	saved = ckpt_user_become(step->job.owner);
	query = analyze_input(step, outputs);
	if (step->identity.hash == NULL)
		step_prepare_identity(step, query, outputs);
	ckpt_input_materialize(query, step->spec->query, relid, &input);
	ckpt_identity_check(&step->identity, query, step->job.owner);
	ckpt_user_restore(saved);
	PopActiveSnapshot();

	if (!step->identity.probed)
		step->identity.hash = input.hash;
	ckpt_catalog_store_identity(step->step_id, step->identity.derivation,
								step->identity.hash);
	if (step->rows_before >= 0)
		step->reason = ckpt_reuse_describe_input(step->rows_before, input.sum.rows);
	cp->input_hash = step->identity.hash;
	cp->rows_total = input.sum.rows;
	ckpt_catalog_insert_checkpoint(cp);
	step->cp = cp;
	step->action = CKPT_STEP_COMPUTED;
	if (step->udf)
	{
		if (ckpt_reuse_may_carry(request))
		{
			CkptCarryCounts counts;

			carry_over(step, &counts);
			if (step->carry_error)
				step->reason = psprintf("nothing could be carried over: %s", step->carry_error);
			if (counts.compared && (step->rows_before >= 0 || counts.carried > 0))
				step->reason = ckpt_carry_describe(&counts);
			if (counts.carried > 0)
			{
				step->action = CKPT_STEP_CARRIED_OVER;
				step->kept_from = counts.from_job;
			}
		}
		step_begin_run(step);
	}
	else
	{
		int64		nrows = input.sum.rows;

		ckpt_ledger_store_query(cp, &input.sum);
		step->counts = (CkptStepCounts) {nrows, 0, nrows, 0, nrows, -1};
		step_finish(step);
	}
}

/*
 * step_identify looks for a checkpoint that serves this step, or makes one.
 */
static void
step_identify(CkptStep *step)
{
	CkptDecision decision;

	if (ckpt_reuse_needs_identity(&step->request, &decision))
	{
		List	   *outputs = ckpt_catalog_step_outputs(step->job.job_id);
		CkptUser	saved;
		Query	   *query;

		PushActiveSnapshot(GetTransactionSnapshot());
		saved = ckpt_user_become(step->job.owner);
		query = analyze_input(step, outputs);
		step_prepare_identity(step, query, outputs);
		if (step->identity.hash == NULL)
		{
			ckpt_identity_read(&step->identity, query, step->spec->query, NULL);
			ckpt_identity_check(&step->identity, query, step->job.owner);
		}
		ckpt_user_restore(saved);
		PopActiveSnapshot();
		ckpt_catalog_store_identity(step->step_id, step->identity.derivation,
									step->identity.hash);
		decision = ckpt_reuse_decide(&step->request, step->identity.hash);
	}

	step->reason = decision.reason;
	step->rows_before = decision.rows_before;
	if (decision.action == CKPT_REUSE)
	{
		step_reuse(step, decision.cp);
		return;
	}
	check_resume(step);
	if (decision.action == CKPT_CONTINUE)
		step_adopt(step, decision.cp, decision.carry);
	else
		step_materialize(step);
}

static void
launch_workers(void *arg)
{
	CkptStep   *step = (CkptStep *) arg;

	ckpt_stop_point("launch of", "workers");
	step->run_workers = ckpt_workers_launch(&step->task, step->spec->kind, step->step_id,
											step->spec->udf, step->nworkers, step->pool);
	step->pool = ckpt_workers_pool(step->run_workers);
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

	if (nworkers <= 0 || step->second_pass)
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

/*
 * step_run does one transaction's worth of the run.
 */
static void
step_run(CkptStep *step)
{
	if (step->runner == NULL)
		step->runner = ckpt_runner_create(&step->task, step->udf, step->cp, step->pool);
	else if (step->second_pass)
		ckpt_runner_begin_second_pass(step->runner);
	step->second_pass = false;

	if (!ckpt_runner_transaction(step->runner))
		step->state = STEP_COLLECT;
	step->error = ckpt_runner_error(step->runner, &step->error_id);
	step_note_counts(step);
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
		step_finish(step);
		return;
	}
	if (step->done.processed + step->counts.failed < step->cp->rows_total)
	{
		/* a worker died, or rows are not where they should be */
		if (step->passes++ > 0)
			ereport(ERROR,
					(errcode(ERRCODE_DATA_CORRUPTED),
					 errmsg("input table \"%s.%s\" lacks %lld of its rows",
							CKPT_DATA_SCHEMA, step->cp->input_table,
							(long long) (step->cp->rows_total - step->done.processed -
										 step->counts.failed)),
					 errhint("Run the job with fresh => true.")));
		step->second_pass = true;
		step->state = STEP_RUN;
		return;
	}
	if (step->spec->on_error == CKPT_ERROR_STOP)
		ereport(ERROR,
				(errcode(ERRCODE_CRASH_SHUTDOWN),
				 errmsg_plural("%lld row was in hand when a server process crashed, twice",
							   "%lld rows were in hand when a server process crashed, twice",
							   (unsigned long) step->counts.failed,
							   (long long) step->counts.failed),
				 errdetail("See checkpoint.errors: such rows are not computed again."),
				 errhint("Change the function, or go on without these rows: on_error => 'skip'.")));
	step->state = STEP_DONE;
}

/*
 * step_publish shows the checkpoint's rows under the target's name.
 */
static void
step_publish(CkptStep *step)
{
	TupleDesc	desc = step->request.output_desc;
	TupleDesc	published = CreateTemplateTupleDesc(desc->natts - 1);

	for (int i = 1; i <= published->natts; i++)
		TupleDescCopyEntry(published, i, desc, i + 1);
	PushActiveSnapshot(GetTransactionSnapshot());
	ckpt_publish_view(step->name, step->name, step->job.job_id, step->cp, published,
					  step->job.owner);
	PopActiveSnapshot();
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

/*
 * end_transaction commits or rolls back, and returns the error (of a deferred
 * constraint, say) if it could not.  A new transaction has begun then, too,
 * unless it is the caller's state that does not allow to end one.
 */
static ErrorData *
end_transaction(void (*end) (void))
{
	MemoryContext cxt = CurrentMemoryContext;
	/* the server leaves some bytes of each commit behind */
	MemoryContext scratch = AllocSetContextCreate(cxt, "checkpoint commit",
												  ALLOCSET_SMALL_SIZES);
	uint32		holdoff = InterruptHoldoffCount;
	ErrorData  *volatile error = NULL;

	MemoryContextSwitchTo(scratch);
	PG_TRY();
	{
		end();
	}
	PG_CATCH();
	{
		error = ckpt_catch_error(cxt, holdoff);
	}
	PG_END_TRY();
	MemoryContextSwitchTo(cxt);
	MemoryContextDelete(scratch);
	return error;
}

ErrorData *
ckpt_step_commit(void)
{
	return end_transaction(SPI_commit);
}

ErrorData *
ckpt_step_rollback(void)
{
	return end_transaction(SPI_rollback);
}
static const struct
{
	void		(*work) (CkptStep *step);
	const char *name;
}			step_states[] =
{
	[STEP_IDENTIFY] = {step_identify, "identify"},
	[STEP_RUN] = {step_run, "run"},
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
	bool		run = step->state == STEP_RUN;

	/* the runner lets them in itself, where it can */
	if (!run)
		RESUME_INTERRUPTS();
	step_states[step->state].work(step);
	if (step->state == STEP_DONE || step->state == STEP_PUBLISH)
	{
		bool		done = step->state == STEP_DONE;

		ckpt_step_clock(step);
		ckpt_catalog_update_step(step->step_id, done ? step->action : CKPT_STEP_RUNNING,
								 step->reason, step->cp->id, &step->counts, done);
	}
	if (!run)
		HOLD_INTERRUPTS();
}

/*
 * step_commit commits a state's work, and waits for the disk only where that is
 * wanted.
 */
static void
step_commit(CkptStep *step, CkptStepState before)
{
	bool		durable = before != STEP_RUN ||
		(step->runner && ckpt_runner_wants_durable(step->runner));

	if (!durable && synchronous_commit > SYNCHRONOUS_COMMIT_OFF)
		(void) set_config_option("synchronous_commit", "off", PGC_USERSET,
								 PGC_S_SESSION, GUC_ACTION_LOCAL, true, 0, false);
	step->error = ckpt_step_commit();
}

/*
 * step_transaction does one state's work and commits it, or leaves an error in
 * the step.
 */
static void
step_transaction(CkptStep *step)
{
	CkptStepState	before = step->state;
	ErrorData  *error;

	ckpt_transaction_is_ours();
	HOLD_INTERRUPTS();
	error = ckpt_subxact_run(step_state, step, CurrentMemoryContext, NULL);
	if (error && carry_ran_short(step, error))
		step_without_carry(step, error);
	else if (error)
	{
		step->error = error;
		step->error_id = 0;
	}
	ckpt_stop_point("before commit of", step_states[before].name);
	if (step->error == NULL)
		step_commit(step, before);
	ckpt_stop_point("after commit of", step_states[before].name);
	/* a cancel comes too late for what is done */
	if (step->error == NULL && step->state == STEP_DONE)
		HOLD_CANCEL_INTERRUPTS();
	RESUME_INTERRUPTS();
}

/*
 * step_work goes through the states, until the step is done or has an error.
 */
static void
step_work(CkptStep *step)
{
	while (step->state != STEP_DONE)
	{
		CkptStepState	before = step->state;

		step_transaction(step);
		if (step->error)
			return;
		if (step->state == STEP_RUN && before != STEP_RUN)
		{
			ckpt_inhand_forget(step->cp->id);
			step_launch(step);
		}
		if (step->run_workers)
			ckpt_workers_count(step->run_workers);
		if (step->state == STEP_RUN || step->state == STEP_COLLECT)
		{
			ckpt_wait_check_client();
			ckpt_step_progress(step);
		}
	}
	ckpt_step_end_workers(step);
	ckpt_inhand_close();
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
		step->error = ckpt_catch_error(cxt, 0);
		step->error_id = 0;
		HOLD_INTERRUPTS();
		while (GetCurrentTransactionNestLevel() > 1)
			RollbackAndReleaseCurrentSubTransaction();
		(void) ckpt_step_rollback();
		RESUME_INTERRUPTS();
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
 * ckpt_step_run runs a step.  It is nested if there is a procedure around its
 * call.
 *
 * Runs outside transaction blocks, with SPI connected, which it leaves
 * disconnected.
 */
void
ckpt_step_run(const CkptSpec *spec, bool nested)
{
	CkptStep   *step = palloc0(sizeof(CkptStep));
	ErrorData  *error;

	step->spec = spec;
	step->name = spec->step;
	step->counts = (CkptStepCounts) {-1, -1, -1, -1, -1, -1};
	step->started = step->reported = GetCurrentTimestamp();

	error = ckpt_subxact_run(ckpt_step_prepare, step, CurrentMemoryContext, NULL);
	/* if the caller's state does not allow to commit, this says so */
	if (error == NULL)
		error = ckpt_step_commit();
	if (error)
	{
		HOLD_INTERRUPTS();
		ckpt_step_release(step);
		RESUME_INTERRUPTS();
		ckpt_step_refuse(spec, error);
	}
	step_run_all(step);
	step_end(step, nested);
}
