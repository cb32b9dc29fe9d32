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

#endif							/* CKPT_JOB_H */
