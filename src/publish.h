/*-------------------------------------------------------------------------
 *
 * publish.h
 *	  Results under stable names.
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
