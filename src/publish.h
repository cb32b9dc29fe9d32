/*-------------------------------------------------------------------------
 *
 * publish.h
 *	  Shows a checkpoint's output under a stable name: a view.
 *
 * step.c checks the name before a step starts (ckpt_publish_check), and publishes
 * when the step has finished.  The module does not know how the output was made.
 *
 * IDENTIFICATION
 *	  src/publish.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef CKPT_PUBLISH_H
#define CKPT_PUBLISH_H

#include "access/tupdesc.h"
#include "catalog.h"

extern char *ckpt_publish_check(const char *target, TupleDesc desc, Oid owner);
extern void ckpt_publish_view(const char *name, const char *step, int64 job_id,
							  const CkptCheckpoint *cp, TupleDesc desc, Oid owner);

#endif							/* CKPT_PUBLISH_H */
