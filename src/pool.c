/*-------------------------------------------------------------------------
 *
 * pool.c
 *	  What the processes of a run share: ids to hand out, and when to stop.
 *
 * Each id is handed out once.  What a process took and did not commit is left
 * undone; when all have ended, the run looks for such rows.
 *
 * Ranges are a fixed part of what is left and so grow smaller towards the end:
 * large enough at first to be cheap, small enough at last that no process
 * waits long for another.
 *
 * IDENTIFICATION
 *	  src/pool.c
 *
 *-------------------------------------------------------------------------
 */
#include "checkpoint.h"

#include "pool.h"

/* No range is larger, ids. */
#define MAX_RANGE	16384

/* A range is what is left, divided by this and the number of processes. */
#define LEFT_SHARE	4

/*
 * ckpt_pool_init prepares to hand out the ids 1 .. max_id to nworkers
 * processes.
 */
void
ckpt_pool_init(CkptPool *pool, int64 max_id, int nworkers, int64 next_output_id)
{
	pool->max_id = max_id;
	pool->nworkers = nworkers;
	pg_atomic_init_u64(&pool->next_id, 1);
	pg_atomic_init_u64(&pool->next_output_id, next_output_id);
	pg_atomic_init_u32(&pool->failed, 0);
	pg_atomic_init_u32(&pool->stop, 0);
}

/*
 * ckpt_pool_take hands out the ids *lo .. *hi, or returns false if there are
 * none left or the run is to stop.
 */
bool
ckpt_pool_take(CkptPool *pool, int64 *lo, int64 *hi)
{
	uint64		next = pg_atomic_read_u64(&pool->next_id);
	int64		left;
	int64		take;

	do
	{
		left = pool->max_id - (int64) next + 1;
		if (left <= 0 || ckpt_pool_stopped(pool))
			return false;
		take = pool->nworkers == 1 ? left :
			Max(1, Min(MAX_RANGE, left / (LEFT_SHARE * pool->nworkers)));
	} while (!pg_atomic_compare_exchange_u64(&pool->next_id, &next, next + take));

	*lo = (int64) next;
	*hi = (int64) next + take - 1;
	return true;
}
