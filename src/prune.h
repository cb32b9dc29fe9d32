/*-------------------------------------------------------------------------
 *
 * prune.h
 *	  Drops what has expired, and what a crash leaves behind.
 *
 * What may go is on record (retention.h); how a checkpoint goes is cleanup.h's
 * business.  The module decides whose it is and what happens if it cannot be
 * dropped.  end_job calls it; beside that it is called by SQL alone.
 *
 * IDENTIFICATION
 *	  src/prune.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef CKPT_PRUNE_H
#define CKPT_PRUNE_H

extern void ckpt_prune_some(Oid owner, const char *name);

#endif							/* CKPT_PRUNE_H */
