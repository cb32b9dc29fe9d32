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
 * Which earlier work serves is for decide.c to say.
 *
 * IDENTIFICATION
 *	  src/step.c
 *
 *-------------------------------------------------------------------------
 */
#include "checkpoint.h"

#include <limits.h>

#include "access/xact.h"
#include "asuser.h"
#include "carry.h"
#include "catalog.h"
#include "cleanup.h"
#include "decide.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "guc.h"
#include "identity.h"
#include "inhand.h"
#include "input.h"
#include "job.h"
#include "joblock.h"
#include "ledger.h"
#include "miscadmin.h"
#include "publish.h"
#include "query.h"
#include "result_table.h"
#include "runner.h"
#include "stoppoint.h"
#include "subxact.h"
#include "udf.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timeout.h"
#include "utils/timestamp.h"
#include "wait.h"
#include "worker.h"

/* What to do after an error that ends the job. */
#define RERUN_HINT	"A rerun of the job continues from here: call checkpoint.begin_job() again."

typedef enum StepState
{
	STEP_IDENTIFY,
	STEP_RUN,
	STEP_COLLECT,
	STEP_PUBLISH,
	STEP_DONE
} StepState;

/* Where the step stands in a job that resumes from a step. */
typedef enum Resume
{
	RESUME_NOT,					/* in none */
	RESUME_BEFORE,				/* before that step: must be reused */
	RESUME_FROM					/* that step or after it: is computed anew */
} Resume;

typedef struct Step
{
	/* the call */
	FunctionCallInfo fcinfo;
	void		(*take_arguments) (struct Step *step);
	CkptKind	kind;
	char	   *name;			/* save: the target as given, then qualified */
	char	   *input;			/* query */
	char	   *udf_text;
	char	   *cache_version;
	char	   *probe;
	bool		cache_enabled;
	int64		job_arg;
	bool		has_job_arg;
	int			workers;
	bool		skip;
	int			max_errors;
	int			retries;
	CkptOnCodeChange on_code_change;

	/* what it means */
	CkptJob		job;
	Resume		resume;
	CkptRequest request;
	CkptUdf    *udf;			/* map and gen */
	CkptIdentity identity;		/* of the input */

	/* where it is */
	StepState	state;
	int64		step_id;
	bool		job_locked;
	CkptCheckpoint *cp;
	CkptWorkDone done;			/* what is on record of cp */
	CkptRunTask task;
	CkptPool   *pool;
	CkptRunner *runner;
	int			nworkers;		/* that are to help */
	CkptWorkers *run_workers;	/* or NULL */
	bool		carrying;		/* results of earlier work are being carried over */
	char	   *carry_error;	/* why that could not be done, or NULL */
	bool		second_pass;	/* to be begun */
	int			passes;			/* second ones */
	const char *action;
	char	   *reason;
	int64		rows_before;	/* of the input that has changed, or -1 */
	int64		kept_from;		/* job that computed the rows kept, or 0 */
	CkptStepCounts counts;
	TimestampTz started;
	TimestampTz computing;		/* since when; 0 is not yet */
	TimestampTz reported;		/* progress, last time */

	/* what ended it */
	ErrorData  *error;			/* or NULL */
	int64		error_id;		/* the row that it is about, or 0 */
} Step;

PG_FUNCTION_INFO_V1(checkpoint_map);
PG_FUNCTION_INFO_V1(checkpoint_gen);
PG_FUNCTION_INFO_V1(checkpoint_query);
PG_FUNCTION_INFO_V1(checkpoint_save);

static void
step_check_name(const char *name)
{
	if (name[0] == '\0' || strlen(name) >= NAMEDATALEN)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("name of a step must have 1 to %d bytes", NAMEDATALEN - 1),
				 errdetail("\"%s\" has %d.", name, (int) strlen(name)),
				 errhint("Later steps use the name as that of a table.")));
	if (ckpt_is_system_column(name))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("name of a step must not begin with \"%s\"", CKPT_COLUMN_PREFIX),
				 errhint("Such names belong to the extension.")));
}

/*
 * step_anew returns why the step is to ignore all that was kept, or NULL.
 */
static char *
step_anew(const Step *step)
{
	if (step->job.fresh)
		return "fresh run asked for";
	if (!step->cache_enabled)
		return "cache disabled";
	if (step->resume == RESUME_FROM)
		return psprintf("resumed from step \"%s\"", step->job.resume_from);
	return NULL;
}

/*
 * step_refuse_second raises that the job has a step of that name, which may be
 * running.
 */
static void
step_refuse_second(const Step *step)
{
	int64		other = ckpt_catalog_running_step(step->job.job_id, step->name);
	int			pid = other == 0 ? 0 : ckpt_joblock_holder(CKPT_LOCK_STEP, other);

	if (pid != 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_IN_USE),
				 errmsg("step \"%s\" of job %lld is running", step->name,
						(long long) step->job.job_id),
				 errdetail("Process %d runs it.", pid),
				 errhint("Wait until it has ended, or end it with checkpoint.cancel_job().")));
	ereport(ERROR,
			(errcode(ERRCODE_DUPLICATE_OBJECT),
			 errmsg("job %lld has a step \"%s\" already", (long long) step->job.job_id,
					step->name),
			 errhint("Give each step of a job a name of its own. To run it again, start a rerun with checkpoint.begin_job().")));
}

/*
 * step_prepare checks the call and starts the step.  Whatever it raises is a
 * refusal: nothing is changed and the job goes on.
 */
static void
step_prepare(void *arg)
{
	Step	   *step = (Step *) arg;
	CkptRequest *request = &step->request;
	CkptStepCall call;
	List	   *outputs;
	CkptUser	saved;

	step->take_arguments(step);
	call = (CkptStepCall) {
		.step = step->name,
		.kind = step->kind,
		.query = step->input,
		.udf = step->udf_text,
		.cache_enabled = step->cache_enabled,
		.cache_version = step->cache_version,
		.probe = step->probe,
		.on_code_change = unconstify(char *, ckpt_on_code_change_names[step->on_code_change]),
	};
	PushActiveSnapshot(GetTransactionSnapshot());

	ckpt_job_resolve(step->has_job_arg ? &step->job_arg : NULL, &step->job);
	ckpt_job_check_open(&step->job);
	ckpt_stop_point("middle of", "prepare");
	if (!ckpt_job_hold(&step->job))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_IN_USE),
				 errmsg("job %lld is being ended", (long long) step->job.job_id),
				 errhint("A new run of it is being started.")));
	step->job_locked = true;
	/* it may have been ended until the locks were got */
	ckpt_job_resolve(&step->job.job_id, &step->job);
	ckpt_job_check_open(&step->job);
	if (GetUserNameFromId(step->job.owner, true) == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("the role that owns job %lld does not exist",
						(long long) step->job.job_id),
				 errhint("Start a job of your own.")));
	ckpt_catalog_adopt(step->job.owner);

	if (step->kind != CKPT_SAVE)
		step_check_name(step->name);
	outputs = ckpt_catalog_step_outputs(step->job.job_id);
	saved = ckpt_user_become(step->job.owner);
	(void) ckpt_decide_analyze(request, &call, outputs);
	if (step->probe)
		(void) ckpt_query_result_desc(ckpt_query_analyze(step->probe, "probe", outputs));
	ckpt_user_restore(saved);
	step->udf = request->udf;

	if (step->kind == CKPT_SAVE)
	{
		TupleDesc	published = CreateTemplateTupleDesc(request->output_desc->natts - 1);

		for (int i = 1; i <= published->natts; i++)
			TupleDescCopyEntry(published, i, request->output_desc, i + 1);
		step->name = ckpt_publish_check(step->name, published, step->job.owner);
	}

	if (step->job.resume_from)
	{
		char	   *table;

		step->resume = strcmp(step->name, step->job.resume_from) == 0 ||
			ckpt_catalog_get_step_table(step->job.job_id, step->job.resume_from, &table) ?
			RESUME_FROM : RESUME_BEFORE;
	}
	request->owner = step->job.owner;
	request->job_name = step->job.name;
	request->step = call.step = step->name;
	request->anew = step_anew(step);
	step->step_id = ckpt_catalog_insert_step(step->job.job_id, &call);
	if (step->step_id == 0)
		step_refuse_second(step);
	PopActiveSnapshot();

	if (!ckpt_joblock_acquire(CKPT_LOCK_STEP, step->step_id, ExclusiveLock, true))
		elog(ERROR, "lock of new step %lld is taken", (long long) step->step_id);
	step->state = STEP_IDENTIFY;
}

/*
 * step_reuse ends the step with a final checkpoint.
 */
static void
step_reuse(Step *step, CkptCheckpoint *cp)
{
	step->cp = cp;
	step->action = "reused";
	step->counts.total = cp->rows_total;
	step->counts.kept = cp->rows_total;
	step->counts.computed = 0;
	step->counts.failed = 0;
	step->done = ckpt_ledger_totals(cp);
	step->counts.output = step->done.output.rows;
	ckpt_catalog_touch_checkpoint(cp->id);
	ckpt_cleanup_superseded(step->job.owner, step->job.name, step->name, cp->id);
	step->state = step->kind == CKPT_SAVE ? STEP_PUBLISH : STEP_DONE;
}

/*
 * recompute_other_code drops the results of other versions of the code.
 */
static void
recompute_other_code(Step *step, const CkptCode *code)
{
	ckpt_ledger_forget_other_code(step->cp, code);
	ckpt_result_table_keep(step->cp->output_table, step->kind == CKPT_MAP ? 1 : 2,
						   ckpt_ledger_processed(step->cp));
}

/*
 * quarantine_row records that a row was in hand at two crashes, of which so
 * many are new.
 */
static void
quarantine_row(const Step *step, int64 id, int attempts)
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
record_crashes(const Step *step)
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
quarantine_poisonous(const Step *step)
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
step_begin_run(Step *step)
{
	CkptCheckpoint *cp = step->cp;
	CkptCode	code = ckpt_decide_code(&step->request);

	step->computing = GetCurrentTimestamp();
	step->task.job_id = step->job.job_id;
	step->task.checkpoint_id = cp->id;
	step->task.owner = step->job.owner;
	step->task.skip = step->skip;
	step->task.max_errors = step->max_errors;
	step->task.retries = step->retries;

	cp->job_id = step->job.job_id;
	record_crashes(step);
	ckpt_ledger_note_code(cp, &code);
	cp->code_hash = step->request.fingerprint->hash;
	cp->cache_version = step->cache_version;
	ckpt_catalog_update_checkpoint(cp);
	if (step->on_code_change == CKPT_CODE_RECOMPUTE)
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
	ckpt_catalog_update_step(step->step_id, "running", step->reason, cp->id,
							 &step->counts, false);
	step->state = STEP_RUN;
}

/*
 * carry_over gives the step's checkpoint what others of this step of the run
 * group have for equal rows, unless that has been tried in vain.
 */
static void
carry_over(Step *step, CkptCarryCounts *counts)
{
	CkptCarryFrom from = ckpt_decide_carry_from(&step->request);

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
carry_ran_short(const Step *step, const ErrorData *error)
{
	return step->carrying &&
		ERRCODE_TO_CATEGORY(error->sqlerrcode) == ERRCODE_INSUFFICIENT_RESOURCES;
}

/*
 * step_without_carry lets the step identify its input once more, and not carry
 * over this time.
 */
static void
step_without_carry(Step *step, ErrorData *error)
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
step_adopt(Step *step, CkptCheckpoint *cp, bool carry)
{
	CkptCarryCounts counts;

	step->cp = cp;
	step->action = "continued";
	step->kept_from = cp->job_id;
	step->done = ckpt_ledger_totals(cp);
	if (carry)
		carry_over(step, &counts);
	step_begin_run(step);
}

/*
 * check_resume raises if the step, which is to be computed for step->reason, is
 * one of those before the step that the job resumes from.
 */
static void
check_resume(const Step *step)
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
analyze_input(Step *step, List *outputs)
{
	const char *argument = ckpt_decide_argument(step->kind);
	Query	   *query = ckpt_query_analyze(step->input, argument, outputs);
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
step_prepare_identity(Step *step, Query *query, List *outputs)
{
	Query	   *probe = step->probe ? ckpt_query_analyze(step->probe, "probe", outputs) : NULL;

	step->identity = ckpt_identity_prepare(query, step->job.owner, probe, step->probe);
}

/*
 * step_finish makes the checkpoint final.
 */
static void
step_finish(Step *step)
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
		code = ckpt_decide_code(&step->request);
		cp->code_hash = step->udf->fingerprint->hash;
		ckpt_ledger_note_code(cp, &code);
		ckpt_catalog_update_checkpoint(cp);
		/* it may be that none of its rows is of the code that it is finished with */
		cp->mixed_code |= ckpt_ledger_rows_of_code(cp, &code) < step->done.processed;
	}
	cp->content_hash = ckpt_rowhash_finish(ckpt_rowhash_columns(ckpt_rowhash_create(step->request.output_desc)),
										   &step->done.output);

	/* the output of map has its input's columns; that of gen has not */
	if (step->kind == CKPT_MAP && ckpt_result_table_drop(cp->input_table, cp->owner))
		cp->input_table = NULL;
	ckpt_ledger_finish(cp);
	ckpt_catalog_finish_checkpoint(cp, ckpt_decide_key(&step->request, cp->input_hash));
	ckpt_cleanup_superseded(step->job.owner, step->job.name, step->name, cp->id);
	step->state = step->kind == CKPT_SAVE ? STEP_PUBLISH : STEP_DONE;
}

/*
 * step_materialize keeps the query's rows as the input of a new checkpoint or,
 * where there is no UDF, as its output.
 */
static void
step_materialize(Step *step)
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
	cp->output_columns = request->output_columns;
	cp->code_hash = request->fingerprint->hash;
	cp->cache_version = step->cache_version;
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
	ckpt_input_materialize(query, step->input, relid, &input);
	ckpt_identity_check(&step->identity, query, step->job.owner);
	ckpt_user_restore(saved);
	PopActiveSnapshot();

	if (!step->identity.probed)
		step->identity.hash = input.hash;
	ckpt_catalog_store_identity(step->step_id, step->identity.derivation,
								step->identity.hash);
	if (step->rows_before >= 0)
		step->reason = ckpt_decide_describe_input(step->rows_before, input.sum.rows);
	cp->input_hash = step->identity.hash;
	cp->rows_total = input.sum.rows;
	ckpt_catalog_insert_checkpoint(cp);
	step->cp = cp;
	step->action = "computed";
	if (step->udf)
	{
		if (ckpt_decide_may_carry(request))
		{
			CkptCarryCounts counts;

			carry_over(step, &counts);
			if (step->carry_error)
				step->reason = psprintf("nothing could be carried over: %s", step->carry_error);
			if (counts.compared && (step->rows_before >= 0 || counts.carried > 0))
				step->reason = ckpt_carry_describe(&counts);
			if (counts.carried > 0)
			{
				step->action = "carried over";
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
step_identify(Step *step)
{
	CkptDecision decision;

	if (ckpt_decide_needs_identity(&step->request, &decision))
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
			ckpt_identity_read(&step->identity, query, step->input, NULL);
			ckpt_identity_check(&step->identity, query, step->job.owner);
		}
		ckpt_user_restore(saved);
		PopActiveSnapshot();
		ckpt_catalog_store_identity(step->step_id, step->identity.derivation,
									step->identity.hash);
		decision = ckpt_decide(&step->request, step->identity.hash);
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
	Step	   *step = (Step *) arg;

	ckpt_stop_point("launch of", "workers");
	step->run_workers = ckpt_workers_launch(&step->task, step->kind, step->step_id,
											step->udf_text, step->nworkers, step->pool);
	step->pool = ckpt_workers_pool(step->run_workers);
}

/*
 * step_launch starts the workers that the step is to have.
 */
static void
step_launch(Step *step)
{
	int64		left = step->counts.total - step->counts.kept;
	int			nworkers = (int) Min(step->workers - 1, left - 1);
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
 * step_clock notes how long the step has been computing.
 */
static void
step_clock(Step *step)
{
	if (step->computing != 0)
		step->counts.seconds = (double) (GetCurrentTimestamp() - step->computing) / USECS_PER_SEC;
}

/*
 * step_count brings the step's numbers up to date with what all processes have
 * committed.
 */
static void
step_count(Step *step)
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
step_note_counts(Step *step)
{
	MemoryContext cxt = AllocSetContextCreate(CurrentMemoryContext, "checkpoint counts",
											  ALLOCSET_SMALL_SIZES);
	MemoryContext oldcxt = MemoryContextSwitchTo(cxt);

	step_count(step);
	ckpt_catalog_update_step(step->step_id, "running", NULL, step->cp->id,
							 &step->counts, false);
	MemoryContextSwitchTo(oldcxt);
	MemoryContextDelete(cxt);
}

/*
 * step_run does one transaction's worth of the run.
 */
static void
step_run(Step *step)
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
 * step_progress reports on a long run.
 */
static void
step_progress(Step *step)
{
	const CkptStepCounts *n = &step->counts;
	TimestampTz now = GetCurrentTimestamp();
	double		seconds;
	double		rate;

	if (ckpt_progress_interval == 0 ||
		!TimestampDifferenceExceeds(step->reported, now, ckpt_progress_interval))
		return;
	step->reported = now;
	seconds = (double) (now - step->started) / USECS_PER_SEC;
	rate = n->computed / seconds;
	if (rate <= 0)
		return;
	ereport(NOTICE,
			(errmsg("step \"%s\": %lld of %lld rows (%.0f %%), %.1f rows/s, %.0f s left",
					step->name, (long long) (n->kept + n->computed), (long long) n->total,
					100.0 * (n->kept + n->computed) / Max(n->total, 1), rate,
					(n->total - n->kept - n->computed) / rate)));
}

/*
 * step_collect waits for the workers and looks whether the step is complete.
 *
 * A wait is the first thing that its transaction does, and the transaction ends
 * soon after: workers may need what the session's transactions hold.
 */
static void
step_collect(Step *step)
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

	step_count(step);
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
	if (!step->skip)
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
step_publish(Step *step)
{
	TupleDesc	desc = step->request.output_desc;
	TupleDesc	published = CreateTemplateTupleDesc(desc->natts - 1);

	for (int i = 1; i <= published->natts; i++)
		TupleDescCopyEntry(published, i, desc, i + 1);
	PushActiveSnapshot(GetTransactionSnapshot());
	ckpt_publish_view(step->name, step->cp->output_table, published, step->job.owner);
	PopActiveSnapshot();
	step->state = STEP_DONE;
}

/*
 * step_notice is what the user sees of a finished step.
 */
static void
step_notice(const Step *step)
{
	const CkptStepCounts *n = &step->counts;
	char	   *failed = n->failed <= 0 ? "" :
		psprintf(", %lld failed: see checkpoint.errors", (long long) n->failed);

	if (strcmp(step->action, "reused") == 0)
		ereport(NOTICE,
				(errmsg("step \"%s\": reused: final checkpoint %lld of job %lld",
						step->name, (long long) step->cp->id, (long long) step->cp->job_id)));
	else if (step->kept_from != 0)
		ereport(NOTICE,
				(errmsg("step \"%s\": %s: %lld of %lld rows computed, %lld kept from job %lld%s (%s)",
						step->name, step->action, (long long) n->computed,
						(long long) n->total, (long long) n->kept,
						(long long) step->kept_from, failed, step->reason)));
	else
		ereport(NOTICE,
				(errmsg("step \"%s\": %s: %lld of %lld rows computed%s (%s)",
						step->name, step->action, (long long) n->computed,
						(long long) n->total, failed, step->reason)));
}

/*
 * step_release lets go of the locks that say that the step runs.
 */
static void
step_release(Step *step)
{
	if (step->step_id != 0 && ckpt_joblock_held_here(CKPT_LOCK_STEP, step->step_id, ExclusiveLock))
		ckpt_joblock_release(CKPT_LOCK_STEP, step->step_id, ExclusiveLock);
	if (step->job_locked)
		ckpt_job_let_go(&step->job);
	step->job_locked = false;
}

/*
 * step_end_workers waits for the step's workers, which commit what they have
 * computed.  The current transaction has done nothing.
 */
static void
step_end_workers(Step *step)
{
	CkptWorkers *workers = step->run_workers;

	step->run_workers = NULL;
	if (workers)
		ckpt_workers_end(workers);
}

/*
 * is_cancel tells a user's cancel from a timeout, which has the same code.
 */
static bool
is_cancel(const ErrorData *error)
{
	return error->sqlerrcode == ERRCODE_QUERY_CANCELED &&
		strcmp(error->message, _("canceling statement due to user request")) == 0;
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
lock_job(const Step *step)
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
	Step	   *step = (Step *) arg;
	const ErrorData *error = step->error;
	char	   *message = step->error_id == 0 ?
		psprintf("%s (SQLSTATE %s)", error->message, unpack_sql_state(error->sqlerrcode)) :
		psprintf("%s (SQLSTATE %s, %s " INT64_FORMAT ")", error->message,
				 unpack_sql_state(error->sqlerrcode), CKPT_ID_COLUMN, step->error_id);

	lock_job(step);
	step_count(step);
	step_clock(step);
	ckpt_catalog_update_step(step->step_id, "failed", message, 0, &step->counts, true);
	ckpt_job_close(&step->job, is_cancel(error) ? "cancelled" : "failed",
				   psprintf("step \"%s\": %s", step->name, message));
}

/*
 * step_add_context adds to an error what the step knows of it.
 */
static void
step_add_context(const Step *step, ErrorData *error)
{
	StringInfoData buf;

	initStringInfo(&buf);
	if (error->context)
		appendStringInfo(&buf, "%s\n", error->context);
	appendStringInfo(&buf, "step \"%s\" of job \"%s\"", step->name, step->job.name);
	if (step->error_id != 0)
		appendStringInfo(&buf, ", %s " INT64_FORMAT, CKPT_ID_COLUMN, step->error_id);
	if (step->cp && step->udf)
		appendStringInfo(&buf, ", %lld of %lld rows kept",
						 (long long) step->done.processed,
						 (long long) step->cp->rows_total);
	error->context = buf.data;
	if (error->hint == NULL)
		error->hint = pstrdup(RERUN_HINT);
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

static ErrorData *
commit(void)
{
	return end_transaction(SPI_commit);
}

/*
 * step_fail records the step's error, and raises it.  What the current
 * transaction has done is undone already, or worth keeping.
 *
 * The workers are told to stop, and waited for when the transaction with the
 * session's last work has ended: they may be waiting for its locks.
 *
 * Nothing that comes meanwhile keeps it from being recorded: interrupts are
 * held, and if the commit fails, which can only be for what the transaction did
 * before, the next transaction has done nothing before.
 */
static void
step_fail(Step *step)
{
	HOLD_INTERRUPTS();
	if (step->run_workers)
	{
		ckpt_workers_stop(step->run_workers,
						  step->error->sqlerrcode == ERRCODE_QUERY_CANCELED);
		(void) commit();
		step_end_workers(step);
	}
	ckpt_inhand_close();
	ckpt_stop_point("record of", "failure");
	for (int i = 0; i < 2; i++)
	{
		ErrorData  *error;

		ckpt_transaction_is_ours();
		error = ckpt_subxact_run(step_record_failure, step, CurrentMemoryContext, NULL);
		if (commit() == NULL && error == NULL)
			break;
	}

	step_release(step);
	leave_job(&step->job);
	step_add_context(step, step->error);
	RESUME_INTERRUPTS();
	ReThrowError(step->error);
}

static const struct
{
	void		(*work) (Step *step);
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
	Step	   *step = (Step *) arg;
	bool		run = step->state == STEP_RUN;

	/* the runner lets them in itself, where it can */
	if (!run)
		RESUME_INTERRUPTS();
	step_states[step->state].work(step);
	if (step->state == STEP_DONE || step->state == STEP_PUBLISH)
	{
		bool		done = step->state == STEP_DONE;

		step_clock(step);
		ckpt_catalog_update_step(step->step_id, done ? step->action : "running",
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
step_commit(Step *step, StepState before)
{
	bool		durable = before != STEP_RUN ||
		(step->runner && ckpt_runner_wants_durable(step->runner));

	if (!durable && synchronous_commit > SYNCHRONOUS_COMMIT_OFF)
		(void) set_config_option("synchronous_commit", "off", PGC_USERSET,
								 PGC_S_SESSION, GUC_ACTION_LOCAL, true, 0, false);
	step->error = commit();
}

/*
 * step_transaction does one state's work and commits it, or leaves an error in
 * the step.
 */
static void
step_transaction(Step *step)
{
	StepState	before = step->state;
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
step_work(Step *step)
{
	while (step->state != STEP_DONE)
	{
		StepState	before = step->state;

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
			step_progress(step);
		}
	}
	step_end_workers(step);
	ckpt_inhand_close();
}

/*
 * step_run_all runs a prepared step to its end.  An error that comes between
 * two of its transactions is one of the step like any other.
 */
static void
step_run_all(Step *step)
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
		(void) end_transaction(SPI_rollback);
		RESUME_INTERRUPTS();
	}
	PG_END_TRY();

	if (step->error)
		step_fail(step);
}

typedef struct Refusal
{
	Step	   *step;
	ErrorData  *error;
	CkptJob		job;			/* of which it was a call; its job_id may be 0 */
} Refusal;

/*
 * advise_on_names says more on a relation that does not exist, if a step of the
 * run group has its name.
 */
static void
advise_on_names(const Step *step, const CkptJob *job, ErrorData *error)
{
	bool		in_udf = error->context && strstr(error->context, "argument \"udf\"");
	bool		in_probe = error->context && strstr(error->context, "argument \"probe\"");
	const char *name;
	char	   *table;

	if (error->sqlerrcode != ERRCODE_UNDEFINED_TABLE)
		return;
	name = ckpt_query_missing_name(in_udf ? psprintf("SELECT %s", step->udf_text) :
								   in_probe ? step->probe : step->input, error->message);
	if (name == NULL || !ckpt_catalog_group_has_step(job->owner, job->name, name))
		return;
	if (in_udf)
		error->hint = psprintf("Names of steps mean nothing in argument \"udf\": read step \"%s\" in argument \"input\", and name its columns alone.",
							   name);
	else if (!ckpt_catalog_get_step_table(job->job_id, name, &table))
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
	Step	   *step = refusal->step;
	CkptJob		job;

	ckpt_job_resolve(step->has_job_arg ? &step->job_arg : NULL, &job);
	refusal->job = job;
	advise_on_names(step, &job, refusal->error);
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
	const Step *step = refusal->step;
	const ErrorData *error = refusal->error;
	char	   *name = step->name ? psprintf(" \"%s\"", step->name) : "";
	char	   *message = psprintf("%s (SQLSTATE %s)", error->message,
								   unpack_sql_state(error->sqlerrcode));

	if (!ckpt_catalog_lock_job(refusal->job.job_id, false))
		return;
	if (error->sqlerrcode == ERRCODE_QUERY_CANCELED)
		ckpt_job_close(&refusal->job, is_cancel(error) ? "cancelled" : "failed",
					   psprintf("step%s: %s", name, message));
	else
		ckpt_catalog_store_refused(refusal->job.job_id,
								   psprintf("%s%s: %s", ckpt_kind_name(step->kind), name,
											message));
}

/*
 * step_refuse raises an error that came before the step started.
 *
 * It is noted at the job, in a transaction of its own: the caller's would be
 * rolled back by the error, and is, a moment earlier.
 */
static void
step_refuse(Step *step, ErrorData *error)
{
	Refusal		refusal = {step, error};
	bool		cancelled = error->sqlerrcode == ERRCODE_QUERY_CANCELED;

	HOLD_INTERRUPTS();
	step_release(step);
	(void) ckpt_subxact_run(look_into_refusal, &refusal, CurrentMemoryContext, NULL);
	if (refusal.job.job_id != 0 && end_transaction(SPI_rollback) == NULL)
	{
		ckpt_transaction_is_ours();
		(void) ckpt_subxact_run(store_refusal, &refusal, CurrentMemoryContext, NULL);
		(void) commit();
		if (cancelled)
			leave_job(&refusal.job);
	}
	if (error->hint == NULL)
		error->hint = pstrdup(cancelled ? RERUN_HINT :
							  "Nothing was changed: correct the call and repeat it.");
	RESUME_INTERRUPTS();
	ReThrowError(error);
}

/*
 * step_end tells the user of a step that is done.
 *
 * A cancel that has come since the last commit was for this call, which is over
 * and cannot be undone: it is forgotten, unless there is a procedure around the
 * call that it may be for.
 */
static void
step_end(Step *step, bool nested)
{
	step_release(step);
	step_notice(step);
	SPI_finish();
	if (!nested)
	{
		QueryCancelPending = false;
		(void) get_timeout_indicator(STATEMENT_TIMEOUT, true);
	}
	RESUME_CANCEL_INTERRUPTS();
}

/*
 * step_call runs a step from one of its entrances.
 */
static void
step_call(FunctionCallInfo fcinfo, CkptKind kind, void (*take_arguments) (Step *step))
{
	Step	   *step = palloc0(sizeof(Step));
	char	   *command = psprintf("checkpoint.%s()", ckpt_kind_name(kind));
	bool		nested = SPI_inside_nonatomic_context();
	ErrorData  *error;

	if (fcinfo->context == NULL || !IsA(fcinfo->context, CallContext) ||
		castNode(CallContext, fcinfo->context)->atomic)
		ereport(ERROR,
				(errcode(ERRCODE_ACTIVE_SQL_TRANSACTION),
				 errmsg("%s cannot run inside a transaction block or a function", command),
				 errdetail("Steps commit what they have computed."),
				 errhint("Call it on its own: without BEGIN, and with the driver's autocommit on. DO blocks and procedures in PL/pgSQL, without EXCEPTION, may call it, too, but not procedures with SET or SECURITY DEFINER, nor any in other languages.")));
	ckpt_job_check_writable(command);

	if (SPI_connect_ext(SPI_OPT_NONATOMIC) != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	step->fcinfo = fcinfo;
	step->take_arguments = take_arguments;
	step->kind = kind;
	step->counts = (CkptStepCounts) {-1, -1, -1, -1, -1, -1};
	step->started = step->reported = GetCurrentTimestamp();

	/* what a step does is not for a snapshot that is as old as the transaction */
	if (XactIsoLevel != XACT_READ_COMMITTED)
		SPI_commit();
	ckpt_transaction_is_ours();
	error = ckpt_subxact_run(step_prepare, step, CurrentMemoryContext, NULL);
	if (error)
		step_refuse(step, error);

	/* if the caller's state does not allow to commit, this says so */
	error = commit();
	if (error)
		step_refuse(step, error);
	step_run_all(step);
	step_end(step, nested);
}

static char *
text_argument(FunctionCallInfo fcinfo, int argno)
{
	return PG_ARGISNULL(argno) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(argno));
}

static char *
required_text(FunctionCallInfo fcinfo, int argno, const char *name)
{
	if (PG_ARGISNULL(argno))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"%s\" must not be null", name),
				 errhint("Pass a text.")));
	return text_argument(fcinfo, argno);
}

/*
 * version_argument returns a text of which nothing is none.
 */
static char *
version_argument(FunctionCallInfo fcinfo, int argno)
{
	char	   *version = text_argument(fcinfo, argno);

	return version && version[0] != '\0' ? version : NULL;
}

/*
 * int_argument returns a number from min to max; the default for null.
 */
static int
int_argument(FunctionCallInfo fcinfo, int argno, const char *name, int dflt,
			 int min, int max)
{
	int			value = PG_ARGISNULL(argno) ? dflt : PG_GETARG_INT32(argno);

	if (value < min || value > max)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"%s\" is out of range", name),
				 errdetail("It is %d.", value),
				 errhint("Pass a number from %d to %d.", min, max)));
	return value;
}

/*
 * word_argument returns the index of a word in a list; 0 for NULL.
 */
static int
word_argument(const char *name, const char *value, const char *const *words, int nwords)
{
	StringInfoData buf;

	initStringInfo(&buf);
	for (int i = 0; i < nwords; i++)
	{
		if (value == NULL || strcmp(value, words[i]) == 0)
			return i;
		appendStringInfo(&buf, "%s\"%s\"", i > 0 ? ", " : "", words[i]);
	}
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("argument \"%s\" must not be \"%s\"", name, value),
			 errhint("Pass one of %s.", buf.data)));
	return 0;					/* not reached */
}

static void
unsupported_argument(const char *name, const char *value)
{
	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("%s => %s is not supported yet", name, value),
			 errhint("Leave the argument out.")));
}

/*
 * take_job takes the last argument of all steps, the job.
 */
static void
take_job(Step *step, int argno)
{
	FunctionCallInfo fcinfo = step->fcinfo;

	step->has_job_arg = !PG_ARGISNULL(argno);
	step->job_arg = step->has_job_arg ? PG_GETARG_INT64(argno) : 0;
}

/*
 * take_udf_arguments is for map and gen: (step, input, udf, workers, on_error,
 * max_errors, retries, cache_enabled, cache_version, probe, on_code_change,
 * job).
 */
static void
take_udf_arguments(Step *step)
{
	FunctionCallInfo fcinfo = step->fcinfo;
	char	   *on_error = text_argument(fcinfo, 4);
	char	   *on_code_change = text_argument(fcinfo, 10);
	static const char *const on_error_names[] = {"stop", "skip"};

	take_job(step, 11);
	step->name = required_text(fcinfo, 0, "step");
	step->input = required_text(fcinfo, 1, "input");
	step->udf_text = required_text(fcinfo, 2, "udf");
	step->workers = int_argument(fcinfo, 3, "workers", ckpt_workers, 1, CKPT_MAX_WORKERS);
	step->skip = word_argument("on_error", on_error, on_error_names,
							   lengthof(on_error_names)) == 1;
	step->max_errors = int_argument(fcinfo, 5, "max_errors", 100, 0, INT_MAX);
	step->retries = int_argument(fcinfo, 6, "retries", 0, 0, 1000);
	step->cache_enabled = PG_ARGISNULL(7) || PG_GETARG_BOOL(7);
	step->cache_version = version_argument(fcinfo, 8);
	step->probe = text_argument(fcinfo, 9);
	step->on_code_change = word_argument("on_code_change", on_code_change,
										 ckpt_on_code_change_names,
										 CKPT_NUM_ON_CODE_CHANGE);
}

/*
 * take_query_arguments is for query and save: (step, query, materialized or
 * as_table, cache_enabled, cache_version, probe, job).
 */
static void
take_query_arguments(Step *step)
{
	FunctionCallInfo fcinfo = step->fcinfo;
	bool		save = step->kind == CKPT_SAVE;

	take_job(step, 6);
	step->name = required_text(fcinfo, 0, save ? "target" : "step");
	step->input = required_text(fcinfo, 1, "query");
	if (!PG_ARGISNULL(2) && PG_GETARG_BOOL(2) == save)
		unsupported_argument(save ? "as_table" : "materialized", save ? "true" : "false");
	step->cache_enabled = PG_ARGISNULL(3) || PG_GETARG_BOOL(3);
	step->cache_version = version_argument(fcinfo, 4);
	step->probe = text_argument(fcinfo, 5);
}

Datum
checkpoint_map(PG_FUNCTION_ARGS)
{
	step_call(fcinfo, CKPT_MAP, take_udf_arguments);
	PG_RETURN_VOID();
}

Datum
checkpoint_gen(PG_FUNCTION_ARGS)
{
	step_call(fcinfo, CKPT_GEN, take_udf_arguments);
	PG_RETURN_VOID();
}

Datum
checkpoint_query(PG_FUNCTION_ARGS)
{
	step_call(fcinfo, CKPT_QUERY, take_query_arguments);
	PG_RETURN_VOID();
}

Datum
checkpoint_save(PG_FUNCTION_ARGS)
{
	step_call(fcinfo, CKPT_SAVE, take_query_arguments);
	PG_RETURN_VOID();
}
