/*-------------------------------------------------------------------------
 *
 * subxact.h
 *	  Runs work in a subtransaction of its own and hands its error back.
 *
 * IDENTIFICATION
 *	  src/subxact.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef CKPT_SUBXACT_H
#define CKPT_SUBXACT_H

#include "utils/elog.h"

typedef void (*CkptWork) (void *arg);

extern ErrorData *ckpt_subxact_run(CkptWork work, void *arg,
								   MemoryContext error_cxt, bool *wrote);

#endif							/* CKPT_SUBXACT_H */
