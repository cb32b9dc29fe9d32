/*-------------------------------------------------------------------------
 *
 * joblock.h
 *	  Locks that say which jobs, steps, run groups and workers are alive.
 *
 * A stored status says what was started; the lock, that somebody still runs it.  A
 * lock goes with its process.  The module knows classes and numbers only; what is
 * locked when is for job.c, step.c and worker.c to say.
 *
 * IDENTIFICATION
 *	  src/joblock.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef CKPT_JOBLOCK_H
#define CKPT_JOBLOCK_H

#include "nodes/pg_list.h"
#include "storage/lock.h"

typedef enum CkptLockClass
{
	CKPT_LOCK_JOB = 0xC101,		/* a job's number */
	CKPT_LOCK_STEP = 0xC102,	/* a step's number */
	CKPT_LOCK_GROUP = 0xC103,	/* hash of a run group's owner and name */
	CKPT_LOCK_WORKER = 0xC104,	/* the number of the step it works on */
	CKPT_LOCK_CLIENTS = 0xC105, /* a checkpoint's number */
	CKPT_LOCK_CLAIM = 0xC106,	/* the same */
	CKPT_LOCK_SESSION = 0xC107,	/* a session that has claims: see lease.c */
	CKPT_LOCK_TARGET = 0xC108	/* hash of a published name: see publish.c */
} CkptLockClass;

extern void ckpt_joblock_init(void);
extern bool ckpt_joblock_acquire(CkptLockClass class, int64 id, LOCKMODE mode,
								 bool session);
extern void ckpt_joblock_wait(CkptLockClass class, int64 id, LOCKMODE mode);
extern void ckpt_joblock_release_early(CkptLockClass class, int64 id, LOCKMODE mode);
extern void ckpt_joblock_release(CkptLockClass class, int64 id, LOCKMODE mode);
extern void ckpt_joblock_release_at_commit(CkptLockClass class, int64 id,
										   LOCKMODE mode);
extern void ckpt_joblock_release_at_abort(CkptLockClass class, int64 id,
										  LOCKMODE mode);
extern int	ckpt_joblock_holder(CkptLockClass class, int64 id);
extern List *ckpt_joblock_pids(CkptLockClass class, int64 id);
extern bool ckpt_joblock_held_here(CkptLockClass class, int64 id, LOCKMODE mode);

#endif							/* CKPT_JOBLOCK_H */
