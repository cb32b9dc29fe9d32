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
#include "job.h"
#include "joblock.h"
#include "miscadmin.h"
#include "publish.h"
#include "query.h"
#include "step_internal.h"
#include "stoppoint.h"
#include "utils/snapmgr.h"

/*
 * step_anew returns why the step is to ignore all that was kept, or NULL.
 */
static char *
step_anew(const CkptStep *step)
{
	if (step->job.fresh)
		return "fresh run asked for";
	if (!step->spec->cache_enabled)
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
 * ckpt_step_prepare checks the call and starts the step.  Whatever it raises is a
 * refusal: nothing is changed and the job goes on.
 */
void
ckpt_step_prepare(void *arg)
{
	CkptStep   *step = (CkptStep *) arg;
	const CkptSpec *spec = step->spec;
	CkptRequest *request = &step->request;
	List	   *outputs;
	CkptUser	saved;

	PushActiveSnapshot(GetTransactionSnapshot());

	ckpt_job_resolve(spec->job, &step->job);
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

	outputs = ckpt_catalog_step_outputs(step->job.job_id);
	saved = ckpt_user_become(step->job.owner);
	(void) ckpt_reuse_analyze(request, spec, outputs);
	if (spec->probe)
		(void) ckpt_query_result_desc(ckpt_query_analyze(spec->probe, "probe", outputs));
	ckpt_user_restore(saved);
	step->udf = request->udf;

	if (spec->kind == CKPT_SAVE)
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
	request->ref = (CkptStepRef) {step->job.owner, step->job.name, step->name};
	request->job_id = step->job.job_id;
	request->anew = step_anew(step);
	step->step_id = ckpt_catalog_insert_step(step->job.job_id, step->name, spec);
	if (step->step_id == 0)
		step_refuse_second(step);
	PopActiveSnapshot();

	if (!ckpt_joblock_acquire(CKPT_LOCK_STEP, step->step_id, ExclusiveLock, true))
		elog(ERROR, "lock of new step %lld is taken", (long long) step->step_id);
	step->state = STEP_IDENTIFY;
}
