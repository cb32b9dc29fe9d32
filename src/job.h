/*-------------------------------------------------------------------------
 *
 * job.h
 *	  Runs of a pipeline: which job a call is about, is it open, is it alive.
 *
 * A job is a row of the catalog and a lock (joblock.h).  SQL functions on jobs are in
 * job.c; the functions below are for steps and workers, which belong to a job.  The
 * module knows nothing of what a step does.
 *
 * IDENTIFICATION
 *	  src/job.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef CKPT_JOB_H
#define CKPT_JOB_H

#include "catalog.h"

extern Oid	ckpt_job_group_owner(const char *name);
extern void ckpt_job_lock_group(Oid owner, const char *name);
extern void ckpt_job_let_go_at_end(const CkptJob *job);
extern void ckpt_job_resolve(const int64 *job_arg, CkptJob *job);
extern void ckpt_job_resolve_checkpoint(int64 checkpoint_id, CkptCheckpoint *cp);
extern void ckpt_job_refuse_if_in_use(const CkptCheckpoint *cp);
extern bool ckpt_job_is_running(int64 job_id, bool attached);
extern void ckpt_job_check_open(const CkptJob *job);
pg_noreturn extern void ckpt_job_refuse(const CkptJob *job);
extern bool ckpt_job_may_reopen(const CkptJob *job, const CkptSpec *spec, bool held);
extern void ckpt_job_reopen(const CkptJob *job, bool held);
extern bool ckpt_job_hold(const CkptJob *job);
extern void ckpt_job_let_go(const CkptJob *job);
extern void ckpt_job_check_writable(const char *command);
extern void ckpt_job_close(const CkptJob *job, CkptJobStatus status, const char *error);

#endif							/* CKPT_JOB_H */
