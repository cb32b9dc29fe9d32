/*-------------------------------------------------------------------------
 *
 * job_views.c
 *	  What the views, and users, ask of jobs and their steps.
 *
 * Nothing here changes anything.
 *
 * IDENTIFICATION
 *	  src/job_views.c
 *
 *-------------------------------------------------------------------------
 */
#include "checkpoint.h"

#include "access/xlog.h"
#include "fmgr.h"
#include "funcapi.h"
#include "job.h"
#include "joblock.h"
#include "result_table.h"
#include "role.h"
#include "utils/builtins.h"

PG_FUNCTION_INFO_V1(checkpoint_job_status);
PG_FUNCTION_INFO_V1(checkpoint_step_action);
PG_FUNCTION_INFO_V1(checkpoint_step_pids);
PG_FUNCTION_INFO_V1(checkpoint_output);
PG_FUNCTION_INFO_V1(checkpoint_input);

/*
 * _step_pids(step_id) returns the processes that work on a step.
 */
Datum
checkpoint_step_pids(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	int64		step_id = PG_GETARG_INT64(0);
	List	   *pids = list_concat(ckpt_joblock_pids(CKPT_LOCK_STEP, step_id),
								   ckpt_joblock_pids(CKPT_LOCK_WORKER, step_id));
	ListCell   *lc;

	InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
	foreach(lc, pids)
	{
		Datum		value = Int32GetDatum(lfirst_int(lc));
		bool		isnull = false;

		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, &value, &isnull);
	}
	return (Datum) 0;
}

/*
 * is_others_job returns whether a job is nobody's business here: the functions
 * below, which everybody may call, say nothing of it.
 */
static bool
is_others_job(int64 job_id)
{
	CkptJob		job;

	return ckpt_catalog_get_job(job_id, &job) && !ckpt_role_may_use(job.owner);
}

/*
 * _job_status(job_id, status, attached): a stored "running" is one only while
 * somebody holds the lock, or a detached job is waited for.  If nobody does, the job
 * may have ended since the caller read its row.  Other words are returned as they are.
 */
Datum
checkpoint_job_status(PG_FUNCTION_ARGS)
{
	int64		job_id = PG_GETARG_INT64(0);
	char	   *status = text_to_cstring(PG_GETARG_TEXT_PP(1));
	CkptJob		now;

	/* a standby does not see the locks */
	if (ckpt_word_find(&ckpt_job_statuses, status) != CKPT_JOB_RUNNING || is_others_job(job_id) ||
		RecoveryInProgress() || ckpt_job_is_running(job_id, PG_GETARG_BOOL(2)))
		PG_RETURN_DATUM(PG_GETARG_DATUM(1));
	if (!ckpt_catalog_get_job(job_id, &now) || now.status == CKPT_JOB_RUNNING)
		now.status = CKPT_JOB_INTERRUPTED;
	PG_RETURN_TEXT_P(cstring_to_text(ckpt_word(&ckpt_job_statuses, now.status)));
}

/*
 * open_step_runs returns whether a step is one that clients compute and that runs:
 * it does as long as its job does.
 */
static bool
open_step_runs(int64 step_id)
{
	int64		job_id = ckpt_catalog_job_of_client_step(step_id);
	CkptJob		job;

	return job_id != 0 && ckpt_catalog_get_job(job_id, &job) &&
		job.status == CKPT_JOB_RUNNING &&
		(!job.attached || ckpt_joblock_holder(CKPT_LOCK_JOB, job_id) != 0);
}

/*
 * _step_action(step_id, action): a stored "running" is one only while somebody
 * holds the lock, or the step is open for clients and its job runs.  If nobody does,
 * the step may have ended since the caller read its row.  Other words are returned as
 * they are.
 */
Datum
checkpoint_step_action(PG_FUNCTION_ARGS)
{
	int64		step_id = PG_GETARG_INT64(0);
	char	   *action = text_to_cstring(PG_GETARG_TEXT_PP(1));
	CkptStepAction now;

	if (ckpt_word_find(&ckpt_step_actions, action) != CKPT_STEP_RUNNING ||
		RecoveryInProgress() || !ckpt_role_may_use(ckpt_catalog_step_owner(step_id)) ||
		ckpt_joblock_holder(CKPT_LOCK_STEP, step_id) != 0)
		PG_RETURN_DATUM(PG_GETARG_DATUM(1));
	if (open_step_runs(step_id))
		PG_RETURN_DATUM(PG_GETARG_DATUM(1));
	now = ckpt_catalog_step_action(step_id);
	PG_RETURN_TEXT_P(cstring_to_text(ckpt_word(&ckpt_step_actions,
											   now == CKPT_STEP_RUNNING ? CKPT_STEP_FAILED : now)));
}

/*
 * step_table returns the output table of a step, or else its input table, or NULL
 * where it has none (any more).  The arguments are those of output() and input().
 */
static Datum
step_table(FunctionCallInfo fcinfo, bool output)
{
	int64		job_arg = PG_ARGISNULL(1) ? 0 : PG_GETARG_INT64(1);
	char	   *step = PG_ARGISNULL(0) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(0));
	CkptJob		job;
	char	   *table;
	Oid			relid;

	if (step == NULL)
		PG_RETURN_NULL();
	ckpt_job_resolve(PG_ARGISNULL(1) ? NULL : &job_arg, &job);
	if (!ckpt_catalog_get_step_table(job.job_id, step, output, &table))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("job %lld has no step \"%s\"", (long long) job.job_id, step),
				 errhint("See the view checkpoint.steps.")));
	relid = table ? ckpt_result_table_lookup(table) : InvalidOid;
	if (table == NULL && ckpt_catalog_step_is_inlined(job.job_id, step))
	{
		ereport(NOTICE,
				(errmsg("step \"%s\" of job %lld is inlined: it has no output", step,
						(long long) job.job_id),
				 errhint("Call the step with materialized => true, or set checkpoint.materialize to always, and run the job again.")));
		PG_RETURN_NULL();
	}
	if (!OidIsValid(relid))
		PG_RETURN_NULL();
	PG_RETURN_OID(relid);
}

/*
 * output(step, job) returns the output table of a step, or NULL.
 */
Datum
checkpoint_output(PG_FUNCTION_ARGS)
{
	return step_table(fcinfo, true);
}

/*
 * input(step, job) returns the input table of a step, or NULL.
 */
Datum
checkpoint_input(PG_FUNCTION_ARGS)
{
	return step_table(fcinfo, false);
}
