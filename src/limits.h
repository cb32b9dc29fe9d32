/*-------------------------------------------------------------------------
 *
 * limits.h
 *	  How much a run may do, and how fast: budgets, error limits, rates.
 *
 * The processes of a run count together what they try, in CkptLimits, which lies
 * in shared memory if there are several.  Before each batch a process takes
 * units, and afterwards it settles what has become of them.
 *
 * It knows numbers only, neither rows nor transactions.  The loop of a run calls
 * it; the step asks it afterwards which budget is spent.
 *
 * IDENTIFICATION
 *	  src/limits.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef CKPT_LIMITS_H
#define CKPT_LIMITS_H

#include "port/atomics.h"
#include "spec.h"

/* What the processes of a run have left, and have done. */
typedef struct CkptLimits
{
	int64		until;			/* no unit is begun after it, ckpt_now_ms() */
	pg_atomic_uint64 left;		/* of max_rows */
	pg_atomic_uint64 tried;		/* units computed or failed for good */
	pg_atomic_uint32 failed;	/* of these, failed */
	pg_atomic_uint32 too_many_failed;	/* a share above max_error_rate: 1 */
	pg_atomic_uint64 bucket;	/* when that of rate was empty, monotonic ns */
	pg_atomic_uint64 wal_paid;	/* when the WAL written may have been, monotonic ns */
} CkptLimits;

extern void ckpt_limits_init(CkptLimits *limits, const CkptSpec *spec, int64 until);
extern int64 ckpt_limits_take(CkptLimits *limits, const CkptSpec *spec, int nprocesses,
							  int64 *calls);
extern void ckpt_limits_settle(CkptLimits *limits, const CkptSpec *spec, int64 taken,
							   int64 calls_taken, int64 called, int64 computed);
extern bool ckpt_limits_may_fail(CkptLimits *limits, const CkptSpec *spec, uint32 *nfailed);
extern bool ckpt_limits_spent(CkptLimits *limits);
extern void ckpt_limits_correct(CkptLimits *limits, const CkptSpec *spec, int64 computed);
extern int64 ckpt_limits_call_wait(CkptLimits *limits, const CkptSpec *spec);
extern void ckpt_limits_add_wal(CkptLimits *limits, int64 bytes);
extern int64 ckpt_limits_wal_wait(CkptLimits *limits);
extern int64 ckpt_limits_retry_wait(const CkptSpec *spec, int attempts);

static inline bool
ckpt_limits_too_many_failed(CkptLimits *limits)
{
	return pg_atomic_read_u32(&limits->too_many_failed) != 0;
}

#endif							/* CKPT_LIMITS_H */
