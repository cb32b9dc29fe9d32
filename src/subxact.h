/*-------------------------------------------------------------------------
 *
 * subxact.h
 *	  Runs work in a subtransaction of its own and hands its error back.
 *
 * The surrounding transaction stays good, and can record the error.  Knows nothing
 * of steps; anybody may call it who is in a transaction.
 *
 * IDENTIFICATION
 *	  src/subxact.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef CKPT_SUBXACT_H
#define CKPT_SUBXACT_H

#include "access/xact.h"
#include "utils/elog.h"

typedef void (*CkptWork) (void *arg);

extern ErrorData *ckpt_subxact_run(CkptWork work, void *arg,
								   MemoryContext error_cxt, bool *wrote);
extern bool ckpt_subxact_try(CkptWork work, void *arg);
extern ErrorData *ckpt_catch_error(MemoryContext cxt, uint32 holdoff);

#endif							/* CKPT_SUBXACT_H */
