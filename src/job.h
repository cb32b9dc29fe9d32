/*-------------------------------------------------------------------------
 *
 * job.h
 *	  Runs of a pipeline, their lineage and states.
 *
 * IDENTIFICATION
 *	  src/job.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef CKPT_JOB_H
#define CKPT_JOB_H

#include "catalog.h"

extern void ckpt_job_resolve(const int64 *job_arg, CkptJob *job);
extern void ckpt_job_check_open(const CkptJob *job);
extern bool ckpt_job_hold(const CkptJob *job);
extern void ckpt_job_let_go(const CkptJob *job);
extern void ckpt_job_check_writable(const char *command);
extern void ckpt_job_close(const CkptJob *job, CkptJobStatus status, const char *error);

#endif							/* CKPT_JOB_H */
