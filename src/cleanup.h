/*-------------------------------------------------------------------------
 *
 * cleanup.h
 *	  Drops checkpoints that are of no more use.
 *
 * IDENTIFICATION
 *	  src/cleanup.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef CKPT_CLEANUP_H
#define CKPT_CLEANUP_H

#include "catalog.h"

extern void ckpt_cleanup_superseded(const CkptStepRef *ref, int64 keep);

#endif							/* CKPT_CLEANUP_H */
