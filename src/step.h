/*-------------------------------------------------------------------------
 *
 * step.h
 *	  The state machine: reuse, continue or compute.
 *
 * Does not know the arguments of SQL calls but as a CkptSpec.  call.c is its only
 * caller.
 *
 * IDENTIFICATION
 *	  src/step.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef CKPT_STEP_H
#define CKPT_STEP_H

#include "spec.h"

/* call.c: the arguments of open() */
extern CkptSpec *ckpt_call_open(FunctionCallInfo fcinfo);

extern void ckpt_step_run(const CkptSpec *spec, bool nested);
pg_noreturn extern void ckpt_step_refuse(const CkptSpec *spec, ErrorData *error);

#endif							/* CKPT_STEP_H */
