/*-------------------------------------------------------------------------
 *
 * lock_together.h
 *	  Waits for exclusive locks on several relations at the same time.
 *
 * A process waits for one lock at a time; helpers wait for the others.  The module does
 * not know what the relations are; publish_view.c calls it.
 *
 * IDENTIFICATION
 *	  src/lock_together.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef CKPT_LOCK_TOGETHER_H
#define CKPT_LOCK_TOGETHER_H

#include "storage/shm_toc.h"
#include "storage/dsm.h"

extern bool ckpt_lock_together(const Oid *relids, int n, int timeout);
extern PGDLLEXPORT void ckpt_lock_together_main(dsm_segment *seg, shm_toc *toc);

#endif							/* CKPT_LOCK_TOGETHER_H */
