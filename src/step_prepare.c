/*-------------------------------------------------------------------------
 *
 * step_prepare.c
 *	  Checks the call of a step, and starts it.
 *
 * IDENTIFICATION
 *	  src/step_prepare.c
 *
 *-------------------------------------------------------------------------
 */
#include "checkpoint.h"

#include "access/tupdesc.h"
#include "asuser.h"
#include "catalog_picture.h"
#include "content.h"
#include "inline.h"
#include "job.h"
#include "joblock.h"
#include "miscadmin.h"
#include "progress.h"
#include "query.h"
#include "query_columns.h"
#include "rights.h"
#include "step_internal.h"
#include "stoppoint.h"
#include "target.h"
#include "utils/snapmgr.h"

/*
 * step_anew returns why the step is to ignore all that was kept, or NULL.
 */
static char *
step_anew(const CkptStep *step, List *outputs)
{
	const char *inlined = ckpt_inline_anew(outputs);

	if (step->job.fresh)
		return "fresh run asked for";
	if (!step->spec->cache_enabled)
		return "cache disabled";
	if (step->resume == RESUME_FROM)
		return psprintf("resumed from step \"%s\"", step->job.resume_from);
	if (inlined)
		return psprintf("cache disabled by step \"%s\"", inlined);
	return NULL;
}

/*
 * step_refuse_second raises that the job has a step of that name, which may be
 * running.
 */
static void
step_refuse_second(const CkptStep *step)
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
 * step_resume says where the step stands in a job that resumes from a step.
 */
static CkptResume
step_resume(const CkptStep *step, List *outputs)
{
	const CkptJob *job = &step->job;
	ListCell   *lc;

	if (job->resume_from == NULL)
		return RESUME_NOT;
	if (strcmp(step->name, job->resume_from) == 0)
		return RESUME_FROM;
	foreach(lc, outputs)
	{
		const CkptStepOutput *output = (const CkptStepOutput *) lfirst(lc);

		if (output->used && output->resumed)
			return RESUME_FROM;
	}
	return ckpt_catalog_step_is_new(&step->request.ref, job->job_id) ? RESUME_NEW : RESUME_OTHER;
}

/*
 * step_insert records that the step has begun: as a new one of its job or as one
 * that has failed and is called again.  A job that has ended goes on with such a
 * one only: reopen says that it does.  held says that the session has held it before.
 */
static void
step_insert(CkptStep *step, List *outputs, bool reopen, bool held)
{
	int64		job_id = step->job.job_id;
	bool		resumed = step->resume == RESUME_FROM;

	if (step->storing)
	{
		step->step_id = ckpt_catalog_reinsert_inlined(job_id, step->name);
		if (step->step_id == 0)
			step_refuse_second(step);
	}
	else if (reopen)
	{
		ckpt_job_reopen(&step->job, held);
		step->step_id = ckpt_catalog_restart_step(job_id, step->name, step->spec, resumed);
		if (step->step_id == 0)
			ckpt_job_refuse(&step->job);
	}
	else
	{
		step->step_id = ckpt_catalog_insert_step(job_id, step->name, step->spec, resumed, outputs, NULL);
		if (step->step_id != 0)
			return;
		step->step_id = ckpt_catalog_restart_step(job_id, step->name, step->spec, resumed);
		/* of several that open a step at the same time, one does */
		if (step->step_id == 0 && step->spec->output == NULL)
			step_refuse_second(step);
	}
	if (step->step_id != 0)
		ckpt_catalog_store_reads(step->step_id, outputs);
}

/*
 * step_find_job finds the step's job and makes it live as long as the step.  Raises
 * unless steps of it may run; or returns true if only this one, which has failed, may be
 * called again.  *held says whether the session has held the job before.
 *
 * What the session has held nobody has ended until now; what it has not may have
 * been, until the locks were got.
 */
static bool
step_find_job(CkptStep *step, bool *held)
{
	const CkptSpec *spec = step->spec;
	CkptJob    *job = &step->job;

	ckpt_job_resolve(spec->job, job);
	*held = ckpt_joblock_held_here(CKPT_LOCK_JOB, job->job_id, ShareLock);
	if (!*held)
		(void) ckpt_job_may_reopen(job, spec, false);
	ckpt_stop_point("middle of", "prepare");
	if (!ckpt_job_hold(job))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_IN_USE),
				 errmsg("job %lld is being ended", (long long) job->job_id),
				 errhint("A new run of it is being started.")));
	step->job_locked = true;
	if (!*held)
		ckpt_job_resolve(&job->job_id, job);
	return ckpt_job_may_reopen(job, spec, *held);
}

/*
 * published_columns returns the columns of a query step's output that are shown
 * to others: all but the number of the row.
 */
static TupleDesc
published_columns(TupleDesc output)
{
	TupleDesc	desc = CreateTemplateTupleDesc(output->natts - 1);

	for (int i = 1; i <= desc->natts; i++)
		TupleDescCopyEntry(desc, i, output, i + 1);
	return desc;
}

/*
 * ckpt_step_outputs lists (CkptStepOutput *) the outputs of earlier steps that the
 * step's arguments may name.  Others are not looked at, let alone locked, however
 * many the job has.  An inlined step that is to be stored now reads what it could read
 * when it was called.
 */
List *
ckpt_step_outputs(const CkptStep *step)
{
	const CkptSpec *spec = step->spec;
	List	   *names;

	if (step->storing)
		return ckpt_catalog_step_outputs(step->job.job_id, step->may_read);
	names = ckpt_query_names(NIL, spec->query, ckpt_reuse_argument(spec->kind));
	names = ckpt_query_names(names, spec->depends_on, "depends_on");
	names = ckpt_query_names(names, spec->probe, "probe");
	return ckpt_catalog_step_outputs(step->job.job_id, names);
}

/*
 * ckpt_step_prepare checks the call and starts the step.  Whatever it raises is a
 * refusal: nothing is changed and the job goes on.  A step for clients that another
 * session has opened is not started: then it has no number.
 * Or it says in step->to_store which step is to be stored before; then it is to be
 * called again.  Or the step is done already.
 */
void
ckpt_step_prepare(void *arg)
{
	CkptStep   *step = (CkptStep *) arg;
	const CkptSpec *spec = step->spec;
	CkptRequest *request = &step->request;
	List	   *outputs;
	Query	   *query;
	CkptUser	saved;
	bool		held;
	bool		reopen;

	PushActiveSnapshot(GetTransactionSnapshot());

	reopen = step_find_job(step, &held);
	if (GetUserNameFromId(step->job.owner, true) == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("the role that owns job %lld does not exist",
						(long long) step->job.job_id),
				 errhint("Start a job of your own.")));
	/* who began the job has adopted what there was, unless it has come with that */
	if (step->job.by_name)
		ckpt_catalog_adopt(step->job.owner);

	outputs = ckpt_step_outputs(step);
	saved = ckpt_user_become(step->job.owner);
	query = ckpt_reuse_analyze(request, spec, outputs);
	ckpt_rights_check(query);
	if (request->udf && request->udf->query)
		ckpt_rights_check(request->udf->query);
	if (spec->probe)
	{
		Query	   *probe = ckpt_query_analyze(spec->probe, "probe", outputs);

		(void) ckpt_query_result_desc(probe);
		ckpt_rights_check(probe);
	}
	step->to_store = ckpt_inline_to_store(outputs);
	if (step->to_store && spec->output)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("step \"%s\" is inlined: it has no columns of the extension", step->to_store),
				 errdetail("It would have to be stored first, in transactions of its own."),
				 errhint("Call that step with materialized => true.")));
	if (step->to_store == NULL && !step->storing && ckpt_inline_wanted(spec))
		step->inlined = ckpt_inline_make(request, outputs, &step->not_inlined);
	ckpt_user_restore(saved);
	ckpt_content_store(step->job.owner);
	if (step->to_store)
	{
		PopActiveSnapshot();
		return;
	}
	step->reads_inlined = ckpt_inline_names(outputs);
	step->udf = request->udf;

	if (spec->kind == CKPT_SAVE)
	{
		step->target = ckpt_target_make(spec->target, spec->as_table);
		if (step->name == NULL)
			step->name = step->target->qualified;
		step->target->step = step->name;
		ckpt_target_check(step->target, published_columns(request->output_desc),
						  step->job.owner);
	}

	request->ref = (CkptStepRef) {step->job.owner, step->job.name, step->name};
	request->job_id = step->job.job_id;
	step->resume = step_resume(step, outputs);
	request->anew = step_anew(step, outputs);
	if (!reopen && ckpt_step_reuse_at_once(step, query, outputs))
	{
		PopActiveSnapshot();
		return;
	}
	step_insert(step, outputs, reopen, held);
	if (step->target)
		ckpt_catalog_store_step_target(step->step_id, step->target);
	PopActiveSnapshot();
	if (step->step_id == 0)
		return;

	if (!ckpt_joblock_acquire(CKPT_LOCK_STEP, step->step_id, ExclusiveLock, true))
		elog(ERROR, "lock of new step %lld is taken", (long long) step->step_id);
	ckpt_progress_begin(step->step_id);
	step->state = spec->kind == CKPT_CHECK_EMPTY ? STEP_CHECK : STEP_IDENTIFY;
}
