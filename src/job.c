/*-------------------------------------------------------------------------
 *
 * job.c
 *	  Runs of a pipeline, their lineage and states.
 *
 * A job is a row that says it was started and a lock that says it lives; see
 * joblock.c.  All runs of one name and owner form a run group, of which one
 * job at a time may live.
 *
 * begin_job, end_job and fail_job are plain functions in the caller's
 * transaction.
 *
 * IDENTIFICATION
 *	  src/job.c
 *
 *-------------------------------------------------------------------------
 */
#include "checkpoint.h"

#include <signal.h>

#include "access/xact.h"
#include "access/xlog.h"
#include "catalog_picture.h"
#include "common/hashfn.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "guc.h"
#include "inline_share.h"
#include "job.h"
#include "joblock.h"
#include "lease.h"
#include "miscadmin.h"
#include "prune.h"
#include "publish.h"
#include "retention.h"
#include "role.h"
#include "storage/procarray.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/timestamp.h"

/* Longest name of a job, bytes. */
#define MAX_JOB_NAME 255

PG_FUNCTION_INFO_V1(checkpoint_begin_job);
PG_FUNCTION_INFO_V1(checkpoint_end_job);
PG_FUNCTION_INFO_V1(checkpoint_fail_job);
PG_FUNCTION_INFO_V1(checkpoint_rename_job);
PG_FUNCTION_INFO_V1(checkpoint_cancel_job);

/*
 * job_set_setting sets checkpoint.job for the session, or, if the transaction
 * fails, does not.
 */
static void
job_set_setting(const char *value)
{
	(void) set_config_option("checkpoint.job", value, PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_SET, true, 0, false);
}

static bool
job_is_sessions(int64 job_id)
{
	return ckpt_job_setting && strtoll(ckpt_job_setting, NULL, 10) == job_id;
}

/*
 * ckpt_job_check_writable raises 25006 where nothing can be written.
 */
void
ckpt_job_check_writable(const char *command)
{
	if (RecoveryInProgress() || XactReadOnly)
		ereport(ERROR,
				(errcode(ERRCODE_READ_ONLY_SQL_TRANSACTION),
				 RecoveryInProgress() ?
				 errmsg("cannot execute %s during recovery", command) :
				 errmsg("cannot execute %s in a read-only transaction", command),
				 errhint("Jobs store what they compute: use a session that may write, on the primary server.")));
}

/*
 * ckpt_job_resolve finds the job that a call is about: the one given, or the
 * session's.  Raises if there is none or the user may not use it.
 */
void
ckpt_job_resolve(const int64 *job_arg, CkptJob *job)
{
	int64		job_id = 0;

	if (job_arg)
		job_id = *job_arg;
	else if (ckpt_job_setting && ckpt_job_setting[0] != '\0')
		job_id = strtoll(ckpt_job_setting, NULL, 10);
	else
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("session has no job"),
				 errdetail("None was begun, or it has ended, or the session was reset."),
				 errhint("Start one with checkpoint.begin_job(), or pass job => the number of one.")));

	if (!ckpt_catalog_get_job(job_id, job))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("job %lld does not exist", (long long) job_id),
				 errhint("See the view checkpoint.jobs.")));
	ckpt_role_check(job->owner, "job", job_id);
}

/*
 * ckpt_job_resolve_checkpoint finds the checkpoint that a call is about.  Raises if
 * there is none or the user may not use it.
 */
void
ckpt_job_resolve_checkpoint(int64 checkpoint_id, CkptCheckpoint *cp)
{
	if (!ckpt_catalog_get_checkpoint(checkpoint_id, cp))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("checkpoint %lld does not exist", (long long) checkpoint_id),
				 errhint("See the view checkpoint.checkpoints.")));
	ckpt_role_check(cp->owner, "checkpoint", checkpoint_id);
}

/*
 * job_group_key is the number that a run group is locked by.
 */
static int64
job_group_key(Oid owner, const char *name)
{
	char	   *key = psprintf("%u\1%s", owner, name);

	return (int64) hash_any_extended((unsigned char *) key, (int) strlen(key), 0);
}

/*
 * ckpt_job_hold makes a job, and its run group, live as long as this process
 * holds them.  Returns false if a new run of the group is just being begun.
 */
bool
ckpt_job_hold(const CkptJob *job)
{
	int64		group = job_group_key(job->owner, job->name);
	volatile bool held = false;

	if (!ckpt_joblock_acquire(CKPT_LOCK_GROUP, group, ShareLock, true))
		return false;
	PG_TRY();
	{
		held = ckpt_joblock_acquire(CKPT_LOCK_JOB, job->job_id, ShareLock, true);
	}
	PG_FINALLY();
	{
		/* also if there is no memory for a second lock */
		if (!held)
			ckpt_joblock_release(CKPT_LOCK_GROUP, group, ShareLock);
	}
	PG_END_TRY();
	return held;
}

/*
 * ckpt_job_let_go undoes a ckpt_job_hold().
 */
void
ckpt_job_let_go(const CkptJob *job)
{
	ckpt_joblock_release(CKPT_LOCK_JOB, job->job_id, ShareLock);
	ckpt_joblock_release(CKPT_LOCK_GROUP, job_group_key(job->owner, job->name), ShareLock);
}

/*
 * what_went_wrong is the error of a job for which none is given, or NULL.
 */
static const char *
what_went_wrong(const CkptJob *job, CkptJobStatus status)
{
	if (status == CKPT_JOB_COMPLETE_WITH_ERRORS)
		return ckpt_catalog_failed_rows(job->job_id);
	return status == CKPT_JOB_FAILED ? "ended by fail_job, without a reason" : NULL;
}

/*
 * ckpt_job_close stores how a job ended.  Steps of it that died are stored as
 * failed; those that live in other sessions go on.
 */
void
ckpt_job_close(const CkptJob *job, CkptJobStatus status, const char *error)
{
	ListCell   *lc;

	error = error ? error : what_went_wrong(job, status);
	ckpt_catalog_end_job(job->job_id, status, error);
	if (status != CKPT_JOB_INTERRUPTED)
		ckpt_catalog_touch_unfinished(job->job_id);
	ckpt_catalog_close_open_steps(job->job_id);
	foreach(lc, ckpt_catalog_running_steps(job->job_id))
	{
		int64		step_id = *(int64 *) lfirst(lc);
		CkptStepCounts counts = {-1, -1, -1, -1, -1, -1};

		if (ckpt_joblock_holder(CKPT_LOCK_STEP, step_id) == 0)
			ckpt_catalog_update_step(step_id, CKPT_STEP_FAILED, "its process ended", 0, &counts, true);
	}
}

/*
 * step_has_died returns whether a step that was seen on record as running has
 * nobody who runs it.
 *
 * A step's end is on record before its lock goes.  So where there is no lock any
 * more, the record is read again: the step may have ended since it was seen.
 */
static bool
step_has_died(int64 step_id)
{
	return ckpt_joblock_holder(CKPT_LOCK_STEP, step_id) == 0 &&
		ckpt_catalog_step_action(step_id) == CKPT_STEP_RUNNING;
}

/*
 * job_is_waited_for returns whether a detached job counts as running between two
 * steps: it has had a step, and the last call is not too long ago, or clients hold
 * rows of it.
 */
static bool
job_is_waited_for(int64 job_id)
{
	int64		age = ckpt_catalog_last_call(job_id);

	return age >= 0 && (age < ckpt_job_timeout || ckpt_lease_of_job(job_id));
}

/*
 * job_has_dead_step returns whether a step of a job has died.
 */
static bool
job_has_dead_step(int64 job_id)
{
	ListCell   *lc;

	foreach(lc, ckpt_catalog_running_steps(job_id))
	{
		if (step_has_died(*(int64 *) lfirst(lc)))
			return true;
	}
	return false;
}

/*
 * job_is_held returns whether a process, maybe this one, holds a job.
 */
static bool
job_is_held(int64 job_id)
{
	return ckpt_joblock_held_here(CKPT_LOCK_JOB, job_id, ShareLock) ||
		ckpt_joblock_holder(CKPT_LOCK_JOB, job_id) != 0;
}

/*
 * job_is_interrupted returns whether a job that is stored as running cannot go
 * on: a process that ran it, or a step of it, has died.
 *
 * A detached job without a running step is nobody's: it can go on.
 */
static bool
job_is_interrupted(int64 job_id, bool attached)
{
	return (attached && !job_is_held(job_id)) || job_has_dead_step(job_id);
}

/*
 * ckpt_job_is_running returns whether a job that is stored as running does run: its
 * session or a step of it lives, or its client is waited for.
 */
bool
ckpt_job_is_running(int64 job_id, bool attached)
{
	return (ckpt_joblock_holder(CKPT_LOCK_JOB, job_id) != 0 ||
			(!attached && job_is_waited_for(job_id))) &&
		!job_is_interrupted(job_id, attached);
}

static bool
is_complete(CkptJobStatus status)
{
	return status == CKPT_JOB_COMPLETE || status == CKPT_JOB_COMPLETE_WITH_ERRORS;
}

/*
 * job_shown_status returns what the view jobs says of a job that does not run: one that
 * is stored as running was interrupted, or end_job has refused it, which it could not
 * store, as it has not called the step that it resumes from (view _interruption).
 */
static CkptJobStatus
job_shown_status(const CkptJob *job)
{
	char	   *table;

	if (job->status != CKPT_JOB_RUNNING)
		return job->status;
	return job->resume_from && job->attached &&
		!ckpt_catalog_get_step_table(job->job_id, job->resume_from, true, &table) &&
		ckpt_catalog_running_steps(job->job_id) == NIL ?
		CKPT_JOB_FAILED : CKPT_JOB_INTERRUPTED;
}

/*
 * ckpt_job_refuse raises 55000: the job does not run.
 */
void
ckpt_job_refuse(const CkptJob *job)
{
	CkptJobStatus status = job_shown_status(job);

	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("job %lld \"%s\" is not running: it is %s", (long long) job->job_id,
					job->name, ckpt_word(&ckpt_job_statuses, status)),
			 is_complete(status) ?
			 errhint("Start a new run with checkpoint.begin_job().") :
			 errhint("Start a rerun with checkpoint.begin_job(); it continues from what is kept.")));
}

/*
 * ckpt_job_check_open raises 55000 unless steps of the job, which has just been
 * looked up, may run.  The caller holds its lock.
 */
void
ckpt_job_check_open(const CkptJob *job)
{
	if (job->status != CKPT_JOB_RUNNING || (job->attached && !job_is_held(job->job_id)) ||
		(job->has_running && job_has_dead_step(job->job_id)))
		ckpt_job_refuse(job);
}

/*
 * job_is_left returns whether a job that is stored as running does not run, a
 * step of this session that is about to begin left aside; held says that the
 * session has held the job before that.
 */
static bool
job_is_left(const CkptJob *job, bool held)
{
	bool		died = job->has_running && job_has_dead_step(job->job_id);
	ListCell   *lc;

	if (died || held || !job->attached)
		return died;
	foreach(lc, ckpt_joblock_pids(CKPT_LOCK_JOB, job->job_id))
	{
		if (lfirst_int(lc) != MyProcPid)
			return false;
	}
	return true;
}

/*
 * ckpt_job_may_reopen returns whether a job that does not run, and has just been
 * looked up, would run again by a call of a step: it is the last run of its group,
 * and the step has failed.  held says that the session has held the job before the
 * call.
 *
 * If the job runs it returns false, and otherwise raises 55000.
 */
bool
ckpt_job_may_reopen(const CkptJob *job, const CkptSpec *spec, bool held)
{
	bool		left = job->status != CKPT_JOB_RUNNING || job_is_left(job, held);

	if (!is_complete(job->status) && left &&
		ckpt_catalog_last_job(job->owner, job->name) == job->job_id &&
		ckpt_catalog_step_failed(job->job_id, spec))
		return true;
	ckpt_job_check_open(job);
	return false;
}

/*
 * ckpt_job_reopen lets such a job run again.  held says that this session has
 * held it before the call, besides its steps.
 */
void
ckpt_job_reopen(const CkptJob *job, bool held)
{
	if (job->status == CKPT_JOB_RUNNING)
		ckpt_job_close(job, CKPT_JOB_INTERRUPTED, NULL);
	ckpt_catalog_reopen_job(job->job_id);
	if (!job->attached || held)
		return;
	if (!ckpt_job_hold(job))
		elog(ERROR, "could not lock job %lld", (long long) job->job_id);
	ckpt_joblock_release_at_abort(CKPT_LOCK_JOB, job->job_id, ShareLock);
	ckpt_joblock_release_at_abort(CKPT_LOCK_GROUP, job_group_key(job->owner, job->name),
								  ShareLock);
}

/*
 * job_let_go_at_commit is ckpt_job_let_go() when the transaction commits.
 */
static void
job_let_go_at_commit(const CkptJob *job)
{
	ckpt_joblock_release_at_commit(CKPT_LOCK_JOB, job->job_id, ShareLock);
	ckpt_joblock_release_at_commit(CKPT_LOCK_GROUP, job_group_key(job->owner, job->name),
								   ShareLock);
}

/*
 * ckpt_job_let_go_at_end is ckpt_job_let_go() when the transaction ends, one way or
 * the other.
 */
void
ckpt_job_let_go_at_end(const CkptJob *job)
{
	job_let_go_at_commit(job);
	ckpt_joblock_release_at_abort(CKPT_LOCK_JOB, job->job_id, ShareLock);
	ckpt_joblock_release_at_abort(CKPT_LOCK_GROUP, job_group_key(job->owner, job->name),
								  ShareLock);
}

/*
 * job_refuse_second_run raises 55006, naming the process that runs the job.
 */
static void
job_refuse_second_run(Oid owner, const char *name, int pid)
{
	List	   *open = ckpt_catalog_open_jobs(owner, name);
	CkptJob    *job = open ? (CkptJob *) llast(open) : NULL;

	if (job && ckpt_joblock_holder(CKPT_LOCK_JOB, job->job_id) == 0)
		job = NULL;
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_IN_USE),
			 errmsg("job \"%s\" is running already", name),
			 job ?
			 errdetail("Process %d runs it as job %lld, started at %s.", pid,
					   (long long) job->job_id, job->started_at) :
			 errdetail("Process %d is starting it, or runs a step of it.", pid),
			 errhint("Wait until it has ended. To end it, call checkpoint.fail_job() in the session of that process, or terminate the process: pg_terminate_backend(%d).",
					 pid)));
}

/*
 * job_refuse_running_steps raises 55006 if a step of the job is running.
 */
static void
job_refuse_running_steps(const CkptJob *job)
{
	ListCell   *lc;

	foreach(lc, ckpt_catalog_running_steps(job->job_id))
	{
		int			pid = ckpt_joblock_holder(CKPT_LOCK_STEP, *(int64 *) lfirst(lc));

		if (pid != 0)
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_IN_USE),
					 errmsg("job %lld \"%s\" has a running step", (long long) job->job_id,
							job->name),
					 errdetail("Process %d runs it.", pid),
					 errhint("Wait until it has ended, or end it with checkpoint.cancel_job().")));
	}
}

/*
 * job_refuse_while_waited_for raises 55006 if a detached job of a run group, whose
 * client may be between two of its steps, is running.
 */
static void
job_refuse_while_waited_for(Oid owner, const char *name)
{
	ListCell   *lc;

	foreach(lc, ckpt_catalog_open_jobs(owner, name))
	{
		CkptJob    *job = (CkptJob *) lfirst(lc);

		if (!job->attached && job_is_waited_for(job->job_id) &&
			!job_is_interrupted(job->job_id, false))
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_IN_USE),
					 errmsg("job \"%s\" is running already", name),
					 errdetail("Job %lld, started at %s, is not bound to a session, and its last step was called less than %d s ago.",
							   (long long) job->job_id, job->started_at, ckpt_job_timeout),
					 errhint("If its client is gone, end it with checkpoint.fail_job('...', %lld), or wait for checkpoint.job_timeout.",
							 (long long) job->job_id)));
	}
}

/*
 * ckpt_job_refuse_if_in_use raises 55006 if a step works on a checkpoint.  None can
 * begin to as long as the caller has its row locked.
 */
void
ckpt_job_refuse_if_in_use(const CkptCheckpoint *cp)
{
	ListCell   *lc;

	foreach(lc, ckpt_catalog_running_steps(cp->job_id))
	{
		int64		step_id = *(int64 *) lfirst(lc);
		int			pid = ckpt_joblock_holder(CKPT_LOCK_STEP, step_id);

		if (pid != 0 && ckpt_catalog_step_checkpoint(step_id) == cp->id)
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_IN_USE),
					 errmsg("a step works on checkpoint %lld", (long long) cp->id),
					 errdetail("Process %d runs it.", pid),
					 errhint("Wait until it has ended, or end it with checkpoint.cancel_job().")));
	}
}

/*
 * job_close_predecessors ends, in the catalog, the jobs of a run group that
 * were never ended.  Nobody but this session lives in the group.
 */
static void
job_close_predecessors(Oid owner, const char *name)
{
	ListCell   *lc;

	foreach(lc, ckpt_catalog_open_jobs(owner, name))
	{
		CkptJob    *job = (CkptJob *) lfirst(lc);

		if (ckpt_joblock_held_here(CKPT_LOCK_JOB, job->job_id, ShareLock))
		{
			job_refuse_running_steps(job);
			ckpt_job_close(job, CKPT_JOB_FAILED,
						   psprintf("a new run was begun in its session before it had ended%s%s",
									job->refused ? "; last refused call: " : "",
									job->refused ? job->refused : ""));
			job_let_go_at_commit(job);
		}
		else
			ckpt_job_close(job, CKPT_JOB_INTERRUPTED, NULL);
	}
}

static void
job_check_name(const char *name)
{
	if (name == NULL || name[0] == '\0' || strlen(name) > MAX_JOB_NAME)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("name of a job must have 1 to %d bytes", MAX_JOB_NAME),
				 errhint("Runs of one name continue each other: use the name of your pipeline.")));
}

/*
 * job_publish returns when a job's targets are to change, in words; NULL is the
 * first.
 */
static CkptPublishWhen
job_publish(const char *word)
{
	int			value = word ? ckpt_word_find(&ckpt_publish_whens, word) : CKPT_PUBLISH_STEP;

	if (value < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"%s\" must not be \"%s\"", "publish", word),
				 errhint("Pass one of %s.", ckpt_word_list(&ckpt_publish_whens))));
	return (CkptPublishWhen) value;
}

/*
 * begin_job(name, fresh, resume_from, attach, publish, max_time) returns the number
 * of a new job.
 */
Datum
checkpoint_begin_job(PG_FUNCTION_ARGS)
{
	char	   *name = PG_ARGISNULL(0) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(0));
	bool		fresh = ckpt_fresh || (!PG_ARGISNULL(1) && PG_GETARG_BOOL(1));
	char	   *resume_from = PG_ARGISNULL(2) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(2));
	bool		attach = PG_ARGISNULL(3) || PG_GETARG_BOOL(3);
	char	   *publish = PG_NARGS() <= 4 || PG_ARGISNULL(4) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(4));
	Interval   *max_time = PG_NARGS() <= 5 || PG_ARGISNULL(5) ? NULL : PG_GETARG_INTERVAL_P(5);
	Oid			owner = GetUserId();
	CkptPublishWhen publish_when;
	int64		group;
	int64		job_id;

	ckpt_job_check_writable("checkpoint.begin_job()");

	job_check_name(name);
	publish_when = job_publish(publish);
	if (resume_from && fresh)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("fresh and resume_from cannot be used together"),
				 errhint("fresh, argument or setting, computes every step anew, resume_from that step and those that read it.")));
	if (max_time && (max_time->month < 0 || max_time->day < 0 || max_time->time < 0 ||
					 (max_time->month == 0 && max_time->day == 0 && max_time->time == 0)))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"%s\" is out of range", "max_time"),
				 errhint("Pass a value above 0.")));
	if (attach && !ckpt_allow_attach)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("jobs may not be bound to sessions here"),
				 errdetail("checkpoint.allow_attach is off: the clients of a pooler that share a connection would share its job."),
				 errhint("Call checkpoint.begin_job(..., attach => false), and pass job => ... to each step.")));
	ckpt_catalog_adopt(owner);
	if (resume_from && !ckpt_catalog_group_has_step(&(CkptStepRef) {owner, name, resume_from}))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("job \"%s\" has had no step \"%s\"", name, resume_from),
				 errhint("See the view checkpoint.steps.")));

	/* everybody who runs a job of the group, or a step of one, has a share */
	group = job_group_key(owner, name);
	if (!ckpt_joblock_acquire(CKPT_LOCK_GROUP, group, ExclusiveLock, false))
		job_refuse_second_run(owner, name, ckpt_joblock_holder(CKPT_LOCK_GROUP, group));
	job_refuse_while_waited_for(owner, name);
	job_close_predecessors(owner, name);

	job_id = ckpt_catalog_insert_job(name, owner, ckpt_catalog_last_job(owner, name),
									 attach, fresh, resume_from, max_time, publish_when);
	if (attach)
	{
		CkptJob		job;

		if (!ckpt_catalog_get_job(job_id, &job) || !ckpt_job_hold(&job))
			elog(ERROR, "could not lock new job %lld", (long long) job_id);
		ckpt_joblock_release_at_abort(CKPT_LOCK_JOB, job_id, ShareLock);
		ckpt_joblock_release_at_abort(CKPT_LOCK_GROUP, group, ShareLock);
		job_set_setting(psprintf("%lld", (long long) job_id));
	}
	if (IsTransactionBlock())
		ereport(NOTICE,
				(errmsg("steps of job \"%s\" will be refused in this transaction block", name),
				 errdetail("They commit what they have computed."),
				 errhint("Commit first.")));
	PG_RETURN_INT64(job_id);
}

/*
 * job_end stores how a job ended and lets go of it.
 */
static void
job_end(const CkptJob *job, CkptJobStatus status, const char *error)
{
	ckpt_job_close(job, status, error);
	if (ckpt_joblock_held_here(CKPT_LOCK_JOB, job->job_id, ShareLock))
		job_let_go_at_commit(job);
	if (job_is_sessions(job->job_id))
		job_set_setting("");
}

/*
 * job_refuse_unfinished raises 55000 if a job cannot be complete: a step of it is
 * open for clients, or has failed and was not called again, or the step that it resumes from was not
 * called at all.  After that there is nothing to go on with: the job is let go.
 */
static void
job_refuse_unfinished(const CkptJob *job)
{
	char	   *failed = ckpt_catalog_failed_step(job->job_id);
	char	   *open = ckpt_catalog_open_step(job->job_id);
	char	   *table;

	if (open)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("job %lld \"%s\" is not complete: step \"%s\" is open for clients",
						(long long) job->job_id, job->name, open),
				 errhint("Call checkpoint.finish(), or end the job with checkpoint.fail_job().")));
	if (failed)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("job %lld \"%s\" is not complete: step \"%s\" has failed",
						(long long) job->job_id, job->name, failed),
				 errhint("Call the step again, or end the job with checkpoint.fail_job().")));
	if (job->resume_from == NULL ||
		ckpt_catalog_get_step_table(job->job_id, job->resume_from, true, &table))
		return;
	if (ckpt_joblock_held_here(CKPT_LOCK_JOB, job->job_id, ShareLock))
	{
		ckpt_joblock_release_at_abort(CKPT_LOCK_JOB, job->job_id, ShareLock);
		ckpt_joblock_release_at_abort(CKPT_LOCK_GROUP, job_group_key(job->owner, job->name),
									  ShareLock);
	}
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("job %lld \"%s\" has not called step \"%s\", which it was to resume from",
					(long long) job->job_id, job->name, job->resume_from),
			 errhint("The job is failed. Resume from a step that the script calls, or run it without resume_from.")));
}

/*
 * job_pending_targets lists what the job publishes when it ends.  The locks that this
 * takes must not stay for longer than it takes.
 */
static List *
job_pending_targets(const CkptJob *job)
{
	List	   *targets = job->publish == CKPT_PUBLISH_END ?
		ckpt_catalog_pending_targets(job->job_id) : NIL;

	if (targets == NIL)
		return NIL;
	if (IsTransactionBlock() || IsSubTransaction())
		ereport(ERROR,
				(errcode(ERRCODE_ACTIVE_SQL_TRANSACTION),
				 errmsg("checkpoint.end_job() cannot run inside a transaction block while targets are to be published"),
				 errdetail("Readers of what is published would wait until the transaction ends."),
				 errhint("Call it on its own: without BEGIN, and with the driver's autocommit on.")));
	PreventInTransactionBlock(true, "checkpoint.end_job()");
	return targets;
}

/*
 * end_job(job) ends a job that is complete, and publishes what is to be published then.
 * That comes last: the transaction is to end soon after.
 */
Datum
checkpoint_end_job(PG_FUNCTION_ARGS)
{
	int64		job_arg = PG_ARGISNULL(0) ? 0 : PG_GETARG_INT64(0);
	List	   *targets;
	CkptJob		job;

	ckpt_job_check_writable("checkpoint.end_job()");

	ckpt_job_resolve(PG_ARGISNULL(0) ? NULL : &job_arg, &job);
	job_refuse_running_steps(&job);
	ckpt_job_check_open(&job);
	job_refuse_unfinished(&job);
	targets = job_pending_targets(&job);
	/* while the job still holds what is its own */
	ckpt_prune_some(job.owner, job.name);
	ckpt_publish_tell_abandoned(&job);
	ckpt_inline_share_end(job.job_id);
	job_end(&job, ckpt_catalog_job_has_failed_rows(job.job_id) ?
			CKPT_JOB_COMPLETE_WITH_ERRORS : CKPT_JOB_COMPLETE, NULL);
	ckpt_publish(targets, &job);
	PG_RETURN_VOID();
}

/*
 * job_check_known raises 42704 unless a role has run a job of that name.
 */
static void
job_check_known(Oid owner, const char *name)
{
	if (ckpt_catalog_last_job(owner, name) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("job \"%s\" does not exist", name),
				 errdetail("Role \"%s\" has not run a job of that name.",
						   GetUserNameFromId(owner, false)),
				 errhint("See the view checkpoint.jobs.")));
}

/*
 * ckpt_job_group_owner finds whose run group a name means: the current user's own,
 * or else the only one that it may use.
 */
Oid
ckpt_job_group_owner(const char *name)
{
	Oid			owner = InvalidOid;
	ListCell   *lc;

	if (ckpt_catalog_last_job(GetUserId(), name) != 0)
		return GetUserId();
	foreach(lc, ckpt_retention_owners(name))
	{
		if (!ckpt_role_may_use(lfirst_oid(lc)))
			continue;
		if (OidIsValid(owner))
			ereport(ERROR,
					(errcode(ERRCODE_AMBIGUOUS_FUNCTION),
					 errmsg("job name \"%s\" is ambiguous", name),
					 errdetail("Several roles have run jobs of that name."),
					 errhint("SET ROLE to the one whose job is meant.")));
		owner = lfirst_oid(lc);
	}
	if (!OidIsValid(owner))
		job_check_known(GetUserId(), name);	/* raises */
	return owner;
}

/*
 * ckpt_job_lock_group raises unless a role has run jobs of that name, and
 * 55006 if one runs.  Nobody can begin one until the transaction has ended.
 */
void
ckpt_job_lock_group(Oid owner, const char *name)
{
	int64		group = job_group_key(owner, name);
	ListCell   *lc;

	job_check_known(owner, name);
	if (!ckpt_joblock_acquire(CKPT_LOCK_GROUP, group, ExclusiveLock, false))
		job_refuse_second_run(owner, name, ckpt_joblock_holder(CKPT_LOCK_GROUP, group));
	foreach(lc, ckpt_catalog_open_jobs(owner, name))
	{
		int			pid = ckpt_joblock_holder(CKPT_LOCK_JOB, ((CkptJob *) lfirst(lc))->job_id);

		/* this session's own */
		if (pid != 0)
			job_refuse_second_run(owner, name, pid);
	}
}

/*
 * rename_job(name, new_name) gives a run group of the current user another name.
 */
Datum
checkpoint_rename_job(PG_FUNCTION_ARGS)
{
	char	   *name = PG_ARGISNULL(0) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(0));
	char	   *new_name = PG_ARGISNULL(1) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(1));
	Oid			owner = GetUserId();

	ckpt_job_check_writable("checkpoint.rename_job()");
	if (name == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"name\" must not be null"),
				 errhint("Pass the name of a job.")));
	job_check_name(new_name);
	ckpt_catalog_adopt(owner);
	ckpt_job_lock_group(owner, name);
	if (!ckpt_joblock_acquire(CKPT_LOCK_GROUP, job_group_key(owner, new_name), ExclusiveLock, false) ||
		ckpt_catalog_last_job(owner, new_name) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_OBJECT),
				 errmsg("job \"%s\" exists already", new_name),
				 errhint("Choose a name that no job has had.")));
	ckpt_catalog_rename_group(owner, name, new_name);
	PG_RETURN_VOID();
}

/*
 * fail_job(reason, job) is for clients whose own code failed.  It is no error
 * if the job has failed already.
 */
Datum
checkpoint_fail_job(PG_FUNCTION_ARGS)
{
	char	   *reason = PG_ARGISNULL(0) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(0));
	int64		job_arg = PG_ARGISNULL(1) ? 0 : PG_GETARG_INT64(1);
	CkptJob		job;

	ckpt_job_check_writable("checkpoint.fail_job()");

	ckpt_job_resolve(PG_ARGISNULL(1) ? NULL : &job_arg, &job);
	job_refuse_running_steps(&job);
	if (is_complete(job.status))
		ckpt_job_check_open(&job);	/* raises */
	ckpt_lease_end_job(job.job_id);
	ckpt_inline_share_end(job.job_id);
	job_end(&job, CKPT_JOB_FAILED, reason);
	PG_RETURN_VOID();
}

/*
 * cancel_job(job) interrupts the sessions that run steps of a job; they stop
 * their workers.  Returns whether there was one.
 */
Datum
checkpoint_cancel_job(PG_FUNCTION_ARGS)
{
	int64		job_id = PG_GETARG_INT64(0);
	bool		found = false;
	CkptJob		job;
	ListCell   *lc;

	ckpt_job_resolve(&job_id, &job);
	foreach(lc, ckpt_catalog_running_steps(job_id))
	{
		int			pid = ckpt_joblock_holder(CKPT_LOCK_STEP, *(int64 *) lfirst(lc));

		if (pid != 0 && BackendPidGetProc(pid) != NULL && kill(pid, SIGINT) == 0)
			found = true;
	}
	PG_RETURN_BOOL(found);
}
