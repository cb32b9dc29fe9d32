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

extern bool ckpt_cleanup_drop(const CkptCheckpoint *cp);
extern void ckpt_cleanup_superseded(const CkptCheckpoint *cp);

#endif							/* CKPT_CLEANUP_H */
