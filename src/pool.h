/*-------------------------------------------------------------------------
 *
 * pool.h
 *	  What the processes of a run share: ids to hand out, and when to stop.
 *
 * IDENTIFICATION
 *	  src/pool.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef CKPT_POOL_H
#define CKPT_POOL_H

#include "port/atomics.h"

/* Lies in shared memory if there are several processes. */
typedef struct CkptPool
{
	int64		max_id;
	int			nworkers;
	pg_atomic_uint64 next_id;	/* the first id not handed out */
	pg_atomic_uint64 next_output_id;	/* sys__id of the next output row of gen */
	pg_atomic_uint32 failed;	/* rows put into quarantine in this run */
	pg_atomic_uint32 stop;		/* a CkptPoolStop */
} CkptPool;

typedef enum CkptPoolStop
{
	CKPT_POOL_OPEN = 0,
	CKPT_POOL_STOP,				/* take no more rows */
	CKPT_POOL_CANCEL			/* and give up the row in hand */
} CkptPoolStop;

extern void ckpt_pool_init(CkptPool *pool, int64 max_id, int nworkers,
						   int64 next_output_id);
extern bool ckpt_pool_take(CkptPool *pool, int64 *lo, int64 *hi);

static inline void
ckpt_pool_stop(CkptPool *pool, CkptPoolStop how)
{
	pg_atomic_fetch_or_u32(&pool->stop, how);
}

static inline bool
ckpt_pool_stopped(CkptPool *pool)
{
	return pg_atomic_read_u32(&pool->stop) != CKPT_POOL_OPEN;
}

static inline bool
ckpt_pool_cancelled(CkptPool *pool)
{
	return (pg_atomic_read_u32(&pool->stop) & CKPT_POOL_CANCEL) != 0;
}

#endif							/* CKPT_POOL_H */
