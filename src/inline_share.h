/*-------------------------------------------------------------------------
 *
 * inline_share.h
 *	  Results of the UDF of an inlined step, shared by the steps that read it.
 *
 * Knows how often this session has read an inlined step in a job, and keeps its rows
 * in a temporary table from the second time on.  Whether a step is inlined is
 * decided elsewhere (inline.h).  Steps call it before they run a query, and job.c
 * when a job ends.
 *
 * IDENTIFICATION
 *	  src/inline_share.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef CKPT_INLINE_SHARE_H
#define CKPT_INLINE_SHARE_H

#include "catalog.h"

extern Query *ckpt_inline_share(const CkptJob *job, Query *query, List *outputs, bool *earlier);
extern void ckpt_inline_share_end(int64 job_id);

#endif							/* CKPT_INLINE_SHARE_H */
