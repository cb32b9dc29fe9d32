/*-------------------------------------------------------------------------
 *
 * publish.h
 *	  Shows checkpoints' outputs under stable names.
 *
 * Whether that may be done is for target.c to say; the step has asked before it
 * started.  step.c publishes when a step has finished, job.c when a job ends.  The
 * module does not know how an output was made.
 *
 * IDENTIFICATION
 *	  src/publish.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef CKPT_PUBLISH_H
#define CKPT_PUBLISH_H

#include "catalog.h"

extern void ckpt_publish(List *targets, const CkptJob *job);
extern void ckpt_publish_tell_abandoned(const CkptJob *job);

#endif							/* CKPT_PUBLISH_H */
