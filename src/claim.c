/*-------------------------------------------------------------------------
 *
 * claim.c
 *	  Who computes which ids: each process of a run claims ranges of them.
 *
 * Each id can be claimed once.  Ranges are a fixed part of what is left and so
 * grow smaller towards the end: large enough at first to be cheap, small enough
 * at last that no process waits long for another.
 *
 * IDENTIFICATION
 *	  src/claim.c
 *
 *-------------------------------------------------------------------------
 */
#include "checkpoint.h"

#include "claim.h"

/* No range is larger, ids. */
#define MAX_RANGE	16384

/* A range is what is left, divided by this and the number of processes. */
#define LEFT_SHARE	4

/*
 * ckpt_claims_init lets nprocesses processes claim the ids 1 .. max_id, in
 * multiples of batch.
 */
void
ckpt_claims_init(CkptClaims *claims, int64 max_id, int nprocesses, int batch,
				 int64 next_output_id)
{
	claims->max_id = max_id;
	claims->nprocesses = nprocesses;
	claims->batch = batch;
	pg_atomic_init_u64(&claims->next_id, 1);
	pg_atomic_init_u64(&claims->next_output_id, next_output_id);
	pg_atomic_init_u32(&claims->stop, CKPT_CLAIMS_OPEN);
}

/*
 * ckpt_claims_restart lets one process claim all ids again.  The others have
 * ended.
 */
void
ckpt_claims_restart(CkptClaims *claims)
{
	claims->nprocesses = 1;
	pg_atomic_write_u64(&claims->next_id, 1);
}

/*
 * ckpt_claim claims the ids *lo .. *hi, or returns false if there are none left
 * or the run is to stop.
 */
bool
ckpt_claim(CkptClaims *claims, int64 *lo, int64 *hi)
{
	uint64		next = pg_atomic_read_u64(&claims->next_id);
	int64		left;
	int64		take;

	do
	{
		left = claims->max_id - (int64) next + 1;
		if (left <= 0 || ckpt_claims_stopped(claims))
			return false;
		take = Min(MAX_RANGE, left / (LEFT_SHARE * claims->nprocesses));
		take = claims->nprocesses == 1 ? left :
			Min(left, Max(1, take / claims->batch) * claims->batch);
	} while (!pg_atomic_compare_exchange_u64(&claims->next_id, &next, next + take));

	*lo = (int64) next;
	*hi = (int64) next + take - 1;
	return true;
}
