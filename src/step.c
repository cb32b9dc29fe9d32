/*-------------------------------------------------------------------------
 *
 * step.c
 *	  The state machine: reuse, continue or compute.
 *
 *	prepare		check the call; nothing is changed before all of it is good
 *	identify	rerun the input query and hash its rows
 *				final checkpoint under that key?	reuse it: done
 *				partial one of this step?			adopt its tables: run
 *	materialize	number the query's rows and keep them in a new checkpoint
 *	run			compute what is left, one transaction at a time
 *	finish		make the checkpoint final
 *	publish		put its rows under their name (save)
 *
 * Each state is one transaction (run: many), and its work is done in a
 * subtransaction, so that after any error the transaction can record it.  All
 * commits but the last are asynchronous: results and the record of what is
 * processed are in one commit, so a lost one is computed again.
 *
 * IDENTIFICATION
 *	  src/step.c
 *
 *-------------------------------------------------------------------------
 */
#include "checkpoint.h"

#include "access/xact.h"
#include "access/xlog.h"
#include "catalog.h"
#include "catalog/heap.h"
#include "catalog/pg_class.h"
#include "cleanup.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "guc.h"
#include "input.h"
#include "job.h"
#include "joblock.h"
#include "miscadmin.h"
#include "publish.h"
#include "query.h"
#include "result_table.h"
#include "runner.h"
#include "subxact.h"
#include "tcop/utility.h"
#include "udf.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

typedef enum StepState
{
	STEP_IDENTIFY,
	STEP_MATERIALIZE,
	STEP_RUN,
	STEP_FINISH,
	STEP_PUBLISH,
	STEP_DONE
} StepState;

typedef struct Step
{
	/* the call */
	CkptKind	kind;
	char	   *name;			/* save: the target as given, then qualified */
	char	   *input;			/* query */
	const char *input_argument; /* the argument it came in */
	char	   *udf_text;
	char	   *cache_version;
	bool		cache_enabled;
	int64		job_arg;
	bool		has_job_arg;

	/* what it means */
	CkptJob		job;
	TupleDesc	input_desc;		/* sys__id and the query's columns */
	TupleDesc	output_desc;
	char	   *output_columns;
	CkptUdf    *udf;			/* map and gen */
	CkptFingerprint *fingerprint;

	/* where it is */
	StepState	state;
	int64		step_id;
	bool		job_locked;
	CkptCheckpoint *cp;
	CkptRunner *runner;
	int			code_no;
	const char *action;
	char	   *reason;
	int64		kept_from;		/* job that computed the rows kept, or 0 */
	CkptStepCounts counts;
	TimestampTz started;
	TimestampTz reported;		/* progress, last time */
} Step;

PG_FUNCTION_INFO_V1(checkpoint_map);
PG_FUNCTION_INFO_V1(checkpoint_gen);
PG_FUNCTION_INFO_V1(checkpoint_query);
PG_FUNCTION_INFO_V1(checkpoint_save);

/*
 * The kind of a step's checkpoint: what save publishes is kept as the rows of
 * a query.
 */
static CkptKind
checkpoint_kind(const Step *step)
{
	return step->kind == CKPT_SAVE ? CKPT_QUERY : step->kind;
}

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
 * prepare_query analyses the query and works out the columns of its rows.
 */
static void
prepare_query(Step *step)
{
	Query	   *query = ckpt_query_analyze(step->input, step->input_argument,
										   ckpt_catalog_step_outputs(step->job.job_id));

	step->input_desc = ckpt_numbered_desc(ckpt_query_result_desc(query));
	for (int i = 1; i < step->input_desc->natts; i++)
	{
		for (int j = 1; j < i; j++)
		{
			if (strcmp(NameStr(TupleDescAttr(step->input_desc, i)->attname),
					   NameStr(TupleDescAttr(step->input_desc, j)->attname)) == 0)
				ereport(ERROR,
						(errcode(ERRCODE_DUPLICATE_COLUMN),
						 errmsg("column \"%s\" occurs more than once in argument \"%s\"",
								NameStr(TupleDescAttr(step->input_desc, i)->attname),
								step->input_argument),
						 errhint("Name the columns with AS.")));
		}
	}
	CheckAttributeNamesTypes(step->input_desc, RELKIND_RELATION, 0);
}

/*
 * step_prepare checks the call and starts the step.  Whatever it raises is a
 * refusal: nothing is changed and the job goes on.
 */
static void
step_prepare(void *arg)
{
	Step	   *step = (Step *) arg;

	PushActiveSnapshot(GetTransactionSnapshot());

	ckpt_job_resolve(step->has_job_arg ? &step->job_arg : NULL, &step->job);
	if (!ckpt_joblock_acquire(CKPT_LOCK_JOB, step->job.job_id, ShareLock, true))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_IN_USE),
				 errmsg("job %lld is being ended", (long long) step->job.job_id),
				 errhint("A new run of it is being started.")));
	step->job_locked = true;
	/* what was read before the lock may have changed until it was got */
	ckpt_job_resolve(&step->job.job_id, &step->job);
	ckpt_job_check_open(&step->job);
	if (!OidIsValid(step->job.ownerid))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("role \"%s\" that owns job %lld does not exist", step->job.owner,
						(long long) step->job.job_id),
				 errhint("Start a job of your own.")));

	if (step->kind != CKPT_SAVE)
		step_check_name(step->name);
	prepare_query(step);

	if (step->udf_text)
	{
		step->udf = ckpt_udf_analyze(step->kind, step->udf_text, step->input_desc);
		step->output_desc = step->udf->output_desc;
		step->fingerprint = step->udf->fingerprint;
	}
	else
	{
		step->output_desc = step->input_desc;
		step->fingerprint = ckpt_fingerprint_none();
	}
	step->output_columns = ckpt_columns_text(step->output_desc);
	if (step->kind == CKPT_SAVE)
	{
		TupleDesc	published = CreateTemplateTupleDesc(step->output_desc->natts - 1);

		for (int i = 1; i <= published->natts; i++)
			TupleDescCopyEntry(published, i, step->output_desc, i + 1);
		step->name = ckpt_publish_check(step->name, published, step->job.ownerid);
	}

	step->step_id = ckpt_catalog_insert_step(step->job.job_id, step->name, step->kind,
											 step->input, step->udf_text);
	if (step->step_id == 0)
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_OBJECT),
				 errmsg("job %lld has a step \"%s\" already", (long long) step->job.job_id,
						step->name),
				 errhint("Give each step of a job a name of its own.")));
	PopActiveSnapshot();

	if (!ckpt_joblock_acquire(CKPT_LOCK_STEP, step->step_id, ExclusiveLock, true))
		elog(ERROR, "lock of new step %lld is taken", (long long) step->step_id);
	step->state = STEP_IDENTIFY;
}

/*
 * step_cache_key puts together all that a final checkpoint is found by.
 */
static char *
step_cache_key(const Step *step, const char *input_hash)
{
	return ckpt_hash_text(psprintf("%s\1%s\1%s\1%s\1%s",
								   ckpt_kind_name(checkpoint_kind(step)), input_hash,
								   step->output_columns, step->fingerprint->hash,
								   step->cache_version ? step->cache_version : ""));
}

/*
 * table_usable returns whether a checkpoint's table is what it was, and warns
 * if it is not.
 */
static bool
table_usable(const Step *step, const CkptCheckpoint *cp, const char *table,
			 const char *columns)
{
	const char *fault = ckpt_result_table_fault(table, step->job.ownerid, columns);

	if (fault == NULL)
		return true;
	ereport(WARNING,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("checkpoint %lld cannot be used", (long long) cp->id),
			 errdetail("Table \"%s.%s\": %s.", CKPT_DATA_SCHEMA, table, fault),
			 errhint("What it held is computed again.")));
	return false;
}

/*
 * step_reuse ends the step with a final checkpoint.
 */
static void
step_reuse(Step *step, CkptCheckpoint *cp)
{
	step->cp = cp;
	step->action = "reused";
	step->reason = psprintf("same input%s: final checkpoint %lld of job %lld",
							step->udf ? " and code" : "", (long long) cp->id,
							(long long) cp->job_id);
	step->counts.total = cp->rows_total;
	step->counts.kept = cp->rows_total;
	step->counts.computed = 0;
	step->counts.output = cp->rows_output;
	ckpt_catalog_touch_checkpoint(cp->id);
	step->state = step->kind == CKPT_SAVE ? STEP_PUBLISH : STEP_DONE;
}

/*
 * step_adopt goes on with a partial checkpoint.
 */
static void
step_adopt(Step *step, CkptCheckpoint *cp)
{
	char	   *difference = ckpt_catalog_code_difference(cp->id,
														  step->fingerprint->components);

	step->cp = cp;
	step->action = "continued";
	step->reason = difference ? ckpt_fingerprint_describe(difference) :
		psprintf("not finished by job %lld", (long long) cp->job_id);
	step->kept_from = cp->job_id;
	step->counts.total = cp->rows_total;
	step->counts.kept = cp->rows_processed;
	step->counts.computed = 0;
	step->counts.output = cp->rows_output;

	cp->job_id = step->job.job_id;
	cp->code_hash = step->fingerprint->hash;
	cp->cache_version = step->cache_version;
	step->state = STEP_RUN;
}

/*
 * step_explain_compute says why what this run group has is of no use.
 */
static char *
step_explain_compute(const Step *step, const char *input_hash)
{
	List	   *earlier;
	CkptCheckpoint *last;
	char	   *difference;

	if (step->job.fresh)
		return "fresh run asked for";
	if (!step->cache_enabled)
		return "cache disabled";

	earlier = ckpt_catalog_group_checkpoints(step->job.owner, step->job.name, step->name);
	if (earlier == NIL)
		return "no earlier work";
	last = (CkptCheckpoint *) linitial(earlier);
	if (strcmp(last->output_columns, step->output_columns) != 0)
		return "output columns changed";
	difference = last->final ?
		ckpt_catalog_code_difference(last->id, step->fingerprint->components) : NULL;
	if (difference)
		return ckpt_fingerprint_describe(difference);
	if (input_hash && strcmp(last->input_hash, input_hash) != 0)
		return "input changed";
	if (last->final && strcmp(last->cache_version ? last->cache_version : "",
							  step->cache_version ? step->cache_version : "") != 0)
		return "cache_version changed";
	return "tables of earlier work cannot be used";
}

static Query *
step_analyze_input(Step *step)
{
	return ckpt_query_analyze(step->input, step->input_argument,
							  ckpt_catalog_step_outputs(step->job.job_id));
}

/*
 * step_become_owner makes the job's owner the current user for a user's query;
 * the end of the subtransaction undoes it.
 */
static void
step_become_owner(const Step *step)
{
	Oid			userid;
	int			sec_context;

	GetUserIdAndSecContext(&userid, &sec_context);
	if (userid != step->job.ownerid)
		SetUserIdAndSecContext(step->job.ownerid,
							   sec_context | SECURITY_LOCAL_USERID_CHANGE |
							   SECURITY_RESTRICTED_OPERATION);
}

/*
 * step_identify looks for a checkpoint that serves this step.
 */
static void
step_identify(void *arg)
{
	Step	   *step = (Step *) arg;
	CkptInput	input;
	Oid			save_userid;
	int			save_sec_context;
	ListCell   *lc;

	step->state = STEP_MATERIALIZE;
	if (step->job.fresh || !step->cache_enabled ||
		!ckpt_catalog_has_candidate(step->job.owner, step->job.name, step->name,
									checkpoint_kind(step), step->output_columns,
									step->fingerprint->hash))
	{
		step->reason = step_explain_compute(step, NULL);
		return;
	}

	PushActiveSnapshot(GetTransactionSnapshot());
	GetUserIdAndSecContext(&save_userid, &save_sec_context);
	step_become_owner(step);
	ckpt_input_hash(step_analyze_input(step), step->input, &input);
	SetUserIdAndSecContext(save_userid, save_sec_context);
	PopActiveSnapshot();

	foreach(lc, ckpt_catalog_finals(step->job.owner, step->job.name,
									step_cache_key(step, input.hash)))
	{
		CkptCheckpoint *cp = (CkptCheckpoint *) lfirst(lc);

		if (table_usable(step, cp, cp->output_table, step->output_columns))
		{
			step_reuse(step, cp);
			return;
		}
	}

	foreach(lc, ckpt_catalog_group_checkpoints(step->job.owner, step->job.name, step->name))
	{
		CkptCheckpoint *cp = (CkptCheckpoint *) lfirst(lc);

		if (cp->final || cp->kind != checkpoint_kind(step) ||
			strcmp(cp->input_hash, input.hash) != 0 ||
			strcmp(cp->output_columns, step->output_columns) != 0)
			continue;
		if (table_usable(step, cp, cp->output_table, step->output_columns) &&
			table_usable(step, cp, cp->input_table, ckpt_columns_text(step->input_desc)))
		{
			step_adopt(step, cp);
			ckpt_catalog_update_step(step->step_id, "running", step->reason, cp->id,
									 &step->counts, false);
			return;
		}
	}

	step->reason = step_explain_compute(step, input.hash);
}

/*
 * step_materialize keeps the query's rows as the input of a new checkpoint or,
 * where there is no UDF, as its output.
 */
static void
step_materialize(void *arg)
{
	Step	   *step = (Step *) arg;
	CkptCheckpoint *cp = palloc0(sizeof(CkptCheckpoint));
	CkptInput	input;
	Query	   *query;
	Oid			relid;
	Oid			save_userid;
	int			save_sec_context;

	cp->id = ckpt_catalog_next_checkpoint_id();
	cp->owner = step->job.owner;
	cp->job_name = step->job.name;
	cp->step = step->name;
	cp->job_id = step->job.job_id;
	cp->kind = checkpoint_kind(step);
	cp->output_columns = step->output_columns;
	cp->code_hash = step->fingerprint->hash;
	cp->cache_version = step->cache_version;
	cp->next_output_id = 1;
	cp->output_table = ckpt_result_table_name(cp->job_name, cp->step, cp->id, "output");

	PushActiveSnapshot(GetTransactionSnapshot());
	if (step->udf)
	{
		cp->input_table = ckpt_result_table_name(cp->job_name, cp->step, cp->id, "input");
		relid = ckpt_result_table_create(cp->input_table, step->input_desc,
										 step->job.ownerid);
		(void) ckpt_result_table_create(cp->output_table, step->output_desc,
										step->job.ownerid);
	}
	else
		relid = ckpt_result_table_create(cp->output_table, step->output_desc,
										 step->job.ownerid);

	GetUserIdAndSecContext(&save_userid, &save_sec_context);
	step_become_owner(step);
	query = step_analyze_input(step);
	ckpt_input_materialize(query, step->input, relid, &input);
	SetUserIdAndSecContext(save_userid, save_sec_context);
	PopActiveSnapshot();

	cp->input_hash = input.hash;
	cp->rows_total = input.sum.rows;
	if (!step->udf)
	{
		cp->rows_processed = input.sum.rows;
		cp->rows_output = input.sum.rows;
		cp->content = input.sum;
	}
	ckpt_catalog_insert_checkpoint(cp);

	step->cp = cp;
	step->action = "computed";
	step->counts.total = cp->rows_total;
	step->counts.kept = 0;
	step->counts.computed = step->udf ? 0 : cp->rows_total;
	step->counts.output = cp->rows_output;
	ckpt_catalog_update_step(step->step_id, "running", step->reason, cp->id,
							 &step->counts, false);
	step->state = step->udf ? STEP_RUN : STEP_FINISH;
}

/*
 * step_finish makes the checkpoint final.
 */
static void
step_finish(void *arg)
{
	Step	   *step = (Step *) arg;
	CkptCheckpoint *cp = step->cp;

	cp->final = true;
	cp->mixed_code = ckpt_catalog_count_code_versions(cp->id) > 1;
	cp->content_hash = ckpt_rowhash_finish(ckpt_rowhash_create(step->output_desc),
										   &cp->content);

	/* the output of map has its input's columns; that of gen has not */
	if (step->kind == CKPT_MAP && ckpt_result_table_drop(cp->input_table))
		cp->input_table = NULL;
	if (!cp->mixed_code)
		ckpt_catalog_delete_processed(cp->id);
	ckpt_catalog_finish_checkpoint(cp, step_cache_key(step, cp->input_hash));
	ckpt_cleanup_superseded(cp);
	step->state = step->kind == CKPT_SAVE ? STEP_PUBLISH : STEP_DONE;
}

/*
 * step_run does one transaction's worth of the run.
 */
static void
step_run(void *arg)
{
	Step	   *step = (Step *) arg;
	int64		error_id;
	bool		more;

	if (step->runner == NULL)
	{
		step->code_no = ckpt_catalog_code_version(step->cp->id, step->fingerprint->hash,
												  step->cache_version,
												  step->fingerprint->components);
		step->runner = ckpt_runner_create(step->udf, step->cp, step->code_no,
										  step->job.ownerid);
	}
	more = ckpt_runner_transaction(step->runner);
	step->counts.computed = ckpt_runner_computed(step->runner);
	step->counts.output = step->cp->rows_output;
	if (more || ckpt_runner_error(step->runner, &error_id))
		ckpt_catalog_update_step(step->step_id, "running", NULL, step->cp->id,
								 &step->counts, false);
	else
		step_finish(step);
}

/*
 * step_publish shows the checkpoint's rows under the target's name.
 */
static void
step_publish(void *arg)
{
	Step	   *step = (Step *) arg;
	TupleDesc	published = CreateTemplateTupleDesc(step->output_desc->natts - 1);

	for (int i = 1; i <= published->natts; i++)
		TupleDescCopyEntry(published, i, step->output_desc, i + 1);
	PushActiveSnapshot(GetTransactionSnapshot());
	ckpt_publish_view(step->name, step->cp->output_table, published, step->job.ownerid);
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

	if (strcmp(step->action, "reused") == 0)
		ereport(NOTICE,
				(errmsg("step \"%s\": reused: final checkpoint %lld of job %lld",
						step->name, (long long) step->cp->id, (long long) step->cp->job_id)));
	else if (step->kept_from != 0)
		ereport(NOTICE,
				(errmsg("step \"%s\": %s: %lld of %lld rows computed, %lld kept from job %lld (%s)",
						step->name, step->action, (long long) n->computed,
						(long long) n->total, (long long) n->kept,
						(long long) step->kept_from, step->reason)));
	else
		ereport(NOTICE,
				(errmsg("step \"%s\": %s: %lld of %lld rows computed (%s)",
						step->name, step->action, (long long) n->computed,
						(long long) n->total, step->reason)));
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
 * step_release lets go of the locks that say that the step runs.
 */
static void
step_release(Step *step)
{
	if (step->step_id != 0 && ckpt_joblock_held_here(CKPT_LOCK_STEP, step->step_id))
		ckpt_joblock_release(CKPT_LOCK_STEP, step->step_id, ExclusiveLock);
	if (step->job_locked)
		ckpt_joblock_release(CKPT_LOCK_JOB, step->job.job_id, ShareLock);
	step->job_locked = false;
}

typedef struct Failure
{
	Step	   *step;
	ErrorData  *error;
	int64		id;				/* of the row, or 0 */
} Failure;

static void
step_record_failure(void *arg)
{
	Failure    *failure = (Failure *) arg;
	Step	   *step = failure->step;
	char	   *message = failure->id == 0 ?
		psprintf("%s (SQLSTATE %s)", failure->error->message,
				 unpack_sql_state(failure->error->sqlerrcode)) :
		psprintf("%s (SQLSTATE %s, %s " INT64_FORMAT ")", failure->error->message,
				 unpack_sql_state(failure->error->sqlerrcode), CKPT_ID_COLUMN, failure->id);

	ckpt_catalog_update_step(step->step_id, "failed", message, 0, &step->counts, true);
	ckpt_catalog_end_job(step->job.job_id,
						 failure->error->sqlerrcode == ERRCODE_QUERY_CANCELED ?
						 "cancelled" : "failed",
						 psprintf("step \"%s\": %s", step->name, message));
}

/*
 * step_add_context adds to an error what the step knows of it.
 */
static void
step_add_context(const Step *step, ErrorData *error, int64 id)
{
	StringInfoData buf;

	initStringInfo(&buf);
	if (error->context)
		appendStringInfo(&buf, "%s\n", error->context);
	appendStringInfo(&buf, "step \"%s\" of job \"%s\"", step->name, step->job.name);
	if (id != 0)
		appendStringInfo(&buf, ", %s " INT64_FORMAT, CKPT_ID_COLUMN, id);
	if (step->cp && step->udf)
		appendStringInfo(&buf, ", %lld of %lld rows kept",
						 (long long) step->cp->rows_processed,
						 (long long) step->cp->rows_total);
	error->context = buf.data;
	if (error->hint == NULL)
		error->hint = pstrdup("A rerun of the job continues from here: call checkpoint.begin_job() again.");
}

/*
 * step_fail records an error in the current transaction, whose work is undone
 * or worth keeping, commits, and raises it.
 */
static void
step_fail(Step *step, ErrorData *error, int64 id)
{
	Failure		failure = {step, error, id};
	bool		own_lock = ckpt_joblock_held_here(CKPT_LOCK_JOB, step->job.job_id) &&
		step->job.attached;

	(void) ckpt_subxact_run(step_record_failure, &failure, CurrentMemoryContext, NULL);
	SPI_commit();

	step_release(step);
	/* the job is over: its session need not hold it any longer */
	if (own_lock && ckpt_joblock_held_here(CKPT_LOCK_JOB, step->job.job_id))
		ckpt_joblock_release(CKPT_LOCK_JOB, step->job.job_id, ShareLock);
	step_add_context(step, error, id);
	ReThrowError(error);
}

/*
 * step_commit commits, and waits for the disk only if durable.  An error of the
 * commit (of a deferred constraint, say) fails the step.
 */
static void
step_commit(Step *step, bool durable)
{
	MemoryContext cxt = CurrentMemoryContext;
	ErrorData  *volatile error = NULL;

	if (!durable && synchronous_commit > SYNCHRONOUS_COMMIT_OFF)
		(void) set_config_option("synchronous_commit", "off", PGC_USERSET,
								 PGC_S_SESSION, GUC_ACTION_LOCAL, true, 0, false);
	PG_TRY();
	{
		SPI_commit();
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(cxt);
		error = CopyErrorData();
		FlushErrorState();
	}
	PG_END_TRY();

	if (error)
		step_fail(step, error, 0);
}

/*
 * step_transaction does one state's work and commits it.
 */
static void
step_transaction(Step *step)
{
	static const CkptWork work[] = {
		[STEP_IDENTIFY] = step_identify,
		[STEP_MATERIALIZE] = step_materialize,
		[STEP_RUN] = step_run,
		[STEP_FINISH] = step_finish,
		[STEP_PUBLISH] = step_publish,
	};
	bool		hold = step->state == STEP_RUN;
	int64		processed = step->cp ? step->cp->rows_processed : 0;
	ErrorData  *error;
	int64		error_id = 0;

	CHECK_FOR_INTERRUPTS();
	if (hold)
		HOLD_INTERRUPTS();
	error = ckpt_subxact_run(work[step->state], step, CurrentMemoryContext, NULL);
	if (error)
	{
		/* what this transaction did is lost */
		if (step->cp)
		{
			step->cp->rows_processed = processed;
			step->counts.computed = processed - step->counts.kept;
		}
	}
	else if (step->runner)
		error = ckpt_runner_error(step->runner, &error_id);

	if (error)
	{
		if (hold)
			RESUME_INTERRUPTS();
		step_fail(step, error, error_id);
	}
	if (step->state == STEP_DONE)
		ckpt_catalog_update_step(step->step_id, step->action, step->reason, step->cp->id,
								 &step->counts, true);
	step_commit(step, step->state == STEP_DONE || step->state == STEP_PUBLISH);
	if (hold)
		RESUME_INTERRUPTS();
}

/*
 * step_refuse raises an error that came before the step started.
 */
static void
step_refuse(Step *step, ErrorData *error)
{
	step_release(step);
	if (error->hint == NULL)
		error->hint = pstrdup("Nothing was changed: correct the call and repeat it.");
	ReThrowError(error);
}

/*
 * step_call runs a step from one of its entrances.
 */
static void
step_call(FunctionCallInfo fcinfo, Step *step)
{
	char	   *command = psprintf("checkpoint.%s()", ckpt_kind_name(step->kind));
	ErrorData  *error;

	if (fcinfo->context == NULL || !IsA(fcinfo->context, CallContext) ||
		castNode(CallContext, fcinfo->context)->atomic)
		ereport(ERROR,
				(errcode(ERRCODE_ACTIVE_SQL_TRANSACTION),
				 errmsg("%s cannot run inside a transaction block or a function", command),
				 errdetail("Steps commit what they have computed."),
				 errhint("Call it on its own: without BEGIN, and with the driver's autocommit on.")));
	PreventCommandDuringRecovery(command);
	PreventCommandIfReadOnly(command);

	if (SPI_connect_ext(SPI_OPT_NONATOMIC) != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	step->counts = (CkptStepCounts) {-1, -1, -1, -1, -1};
	step->started = step->reported = GetCurrentTimestamp();

	error = ckpt_subxact_run(step_prepare, step, CurrentMemoryContext, NULL);
	if (error)
		step_refuse(step, error);
	step_commit(step, false);

	while (step->state != STEP_DONE)
	{
		step_transaction(step);
		if (step->state == STEP_RUN)
			step_progress(step);
	}

	step_release(step);
	step_notice(step);
	SPI_finish();
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
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("argument \"%s\" must not be null", name),
				 errhint("Pass a text.")));
	return text_argument(fcinfo, argno);
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
 * step_udf_call is map and gen: (step, input, udf, workers, on_error,
 * max_errors, retries, cache_enabled, cache_version, probe, on_code_change,
 * job).
 */
static void
step_udf_call(FunctionCallInfo fcinfo, CkptKind kind)
{
	Step	   *step = palloc0(sizeof(Step));
	char	   *on_error = text_argument(fcinfo, 4);
	char	   *on_code_change = text_argument(fcinfo, 10);

	step->kind = kind;
	step->name = required_text(fcinfo, 0, "step");
	step->input = required_text(fcinfo, 1, "input");
	step->input_argument = "input";
	step->udf_text = required_text(fcinfo, 2, "udf");
	if (!PG_ARGISNULL(3) && PG_GETARG_INT32(3) != 1)
		unsupported_argument("workers", psprintf("%d", PG_GETARG_INT32(3)));
	if (on_error && strcmp(on_error, "stop") != 0)
		unsupported_argument("on_error", quote_literal_cstr(on_error));
	if (!PG_ARGISNULL(6) && PG_GETARG_INT32(6) != 0)
		unsupported_argument("retries", psprintf("%d", PG_GETARG_INT32(6)));
	step->cache_enabled = PG_ARGISNULL(7) || PG_GETARG_BOOL(7);
	step->cache_version = text_argument(fcinfo, 8);
	if (!PG_ARGISNULL(9))
		unsupported_argument("probe", quote_literal_cstr(text_argument(fcinfo, 9)));
	if (on_code_change && strcmp(on_code_change, "continue") != 0)
		unsupported_argument("on_code_change", quote_literal_cstr(on_code_change));
	step->has_job_arg = !PG_ARGISNULL(11);
	step->job_arg = step->has_job_arg ? PG_GETARG_INT64(11) : 0;
	step_call(fcinfo, step);
}

/*
 * step_query_call is query and save: (step, query, materialized or as_table,
 * cache_enabled, cache_version, probe, job).
 */
static void
step_query_call(FunctionCallInfo fcinfo, CkptKind kind)
{
	Step	   *step = palloc0(sizeof(Step));
	bool		save = kind == CKPT_SAVE;

	step->kind = kind;
	step->name = required_text(fcinfo, 0, save ? "target" : "step");
	step->input = required_text(fcinfo, 1, "query");
	step->input_argument = "query";
	if (!PG_ARGISNULL(2) && PG_GETARG_BOOL(2) == save)
		unsupported_argument(save ? "as_table" : "materialized", save ? "true" : "false");
	step->cache_enabled = PG_ARGISNULL(3) || PG_GETARG_BOOL(3);
	step->cache_version = text_argument(fcinfo, 4);
	if (!PG_ARGISNULL(5))
		unsupported_argument("probe", quote_literal_cstr(text_argument(fcinfo, 5)));
	step->has_job_arg = !PG_ARGISNULL(6);
	step->job_arg = step->has_job_arg ? PG_GETARG_INT64(6) : 0;
	step_call(fcinfo, step);
}

Datum
checkpoint_map(PG_FUNCTION_ARGS)
{
	step_udf_call(fcinfo, CKPT_MAP);
	PG_RETURN_VOID();
}

Datum
checkpoint_gen(PG_FUNCTION_ARGS)
{
	step_udf_call(fcinfo, CKPT_GEN);
	PG_RETURN_VOID();
}

Datum
checkpoint_query(PG_FUNCTION_ARGS)
{
	step_query_call(fcinfo, CKPT_QUERY);
	PG_RETURN_VOID();
}

Datum
checkpoint_save(PG_FUNCTION_ARGS)
{
	step_query_call(fcinfo, CKPT_SAVE);
	PG_RETURN_VOID();
}
