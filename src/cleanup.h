/*-------------------------------------------------------------------------
 *
 * cleanup.h
 *	  Drops partial checkpoints of a step that a final one has replaced.
 *
 * A checkpoint goes with its tables, its ledger and its record, or not at all.
 * A step calls it when it has been finished or reused.  The module does not
 * know how a checkpoint was made, and never drops what somebody else's object
 * depends on.
 *
 * IDENTIFICATION
 *	  src/cleanup.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef CKPT_CLEANUP_H
#define CKPT_CLEANUP_H

#include "catalog.h"
#include "udf.h"

extern void ckpt_cleanup_drop(const CkptCheckpoint *cp);
extern void ckpt_cleanup_finished(const CkptStepRef *ref, const CkptCheckpoint *cp,
								  bool alone, CkptUdf *udf);
extern void ckpt_cleanup_replaced(const CkptStepRef *ref);

#endif							/* CKPT_CLEANUP_H */
