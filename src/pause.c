/*-------------------------------------------------------------------------
 *
 * pause.c
 *	  Lets jobs pause and go on.
 *
 * That a job is paused stands in its row.  The processes of a run look there now
 * and then, and wait (see run_pause() in run.c); a step, before it begins.
 *
 * IDENTIFICATION
 *	  src/pause.c
 *
 *-------------------------------------------------------------------------
 */
#include "checkpoint.h"

#include "fmgr.h"
#include "job.h"

PG_FUNCTION_INFO_V1(checkpoint_pause_job);
PG_FUNCTION_INFO_V1(checkpoint_resume_job);

/*
 * resolve_running finds the job that a call is about, and returns whether it runs.
 */
static bool
resolve_running(int64 job_id, const char *command)
{
	CkptJob		job;

	ckpt_job_check_writable(command);
	ckpt_job_resolve(&job_id, &job);
	return job.status == CKPT_JOB_RUNNING && ckpt_job_is_running(job_id, job.attached);
}

/*
 * pause_job(job) lets the processes of a job wait between two units, and its next
 * step before it begins.  Returns whether the job runs.
 */
Datum
checkpoint_pause_job(PG_FUNCTION_ARGS)
{
	int64		job_id = PG_GETARG_INT64(0);

	if (!resolve_running(job_id, "checkpoint.pause_job()"))
		PG_RETURN_BOOL(false);
	(void) ckpt_catalog_pause_job(job_id, true);
	PG_RETURN_BOOL(true);
}

/*
 * resume_job(job) lets a paused job go on.  Returns whether there was a pause.
 */
Datum
checkpoint_resume_job(PG_FUNCTION_ARGS)
{
	int64		job_id = PG_GETARG_INT64(0);

	PG_RETURN_BOOL(resolve_running(job_id, "checkpoint.resume_job()") &&
				   ckpt_catalog_pause_job(job_id, false));
}
