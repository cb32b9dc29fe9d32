/*-------------------------------------------------------------------------
 *
 * limits.c
 *	  How much a run may do, and how fast: budgets, error limits, rates.
 *
 * Units are taken before they are tried, so that all processes together never
 * try more than they may, and what was taken and not computed is given back.  A
 * process that finds nothing to take ends, although another one may still give
 * something back: what is missing at last, the session computes alone.
 *
 * IDENTIFICATION
 *	  src/limits.c
 *
 *-------------------------------------------------------------------------
 */
#include "checkpoint.h"

#include <math.h>
#include <time.h>

#include "common/pg_prng.h"
#include "guc.h"
#include "limits.h"
#include "wait.h"

/* The error rate is looked at after each so many units. */
#define RATE_UNITS		100

/* So many units are taken at once where nothing limits them. */
#define MAX_TAKE		1000000

/* A delay doubles until it is so many times as long. */
#define MAX_DELAY		100

/* What is left of a budget is taken by this part of each process's share. */
#define LEFT_SHARE		2

/* A process waits at least so long for the next call: a commit for each costs. */
#define MIN_CALL_WAIT	10

#define SECOND_NS		1e9

static int64
now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64) ts.tv_sec * 1000000000 + ts.tv_nsec;
}

/*
 * ckpt_limits_init prepares the limits of a run that begins no unit after until,
 * as ckpt_now_ms() has it.
 */
void
ckpt_limits_init(CkptLimits *limits, const CkptSpec *spec, int64 until)
{
	limits->until = until;
	pg_atomic_init_u64(&limits->left,
					   spec->max_rows == CKPT_NONE ? PG_INT64_MAX : spec->max_rows);
	pg_atomic_init_u64(&limits->tried, 0);
	pg_atomic_init_u32(&limits->failed, 0);
	pg_atomic_init_u32(&limits->too_many_failed, 0);
	pg_atomic_init_u64(&limits->bucket, now_ns());
	pg_atomic_init_u64(&limits->wal_paid, now_ns());
}

/*
 * take_calls takes up to n calls out of the bucket, which holds those of a second
 * or one, and returns how many; if back is set, it puts them back.
 */
static int64
take_calls(CkptLimits *limits, double rate, int64 n, bool back)
{
	double		ns_per_call = SECOND_NS / rate;
	uint64		old = pg_atomic_read_u64(&limits->bucket);
	int64		take;
	int64		empty;

	do
	{
		int64		now = now_ns();

		empty = (int64) old;
		if (back)
			take = -n;
		else
		{
			empty = Max(empty, now - (int64) Max(SECOND_NS, ns_per_call));
			take = Min(n, (int64) floor((now - empty) / ns_per_call));
			if (take <= 0)
				return 0;
		}
	} while (!pg_atomic_compare_exchange_u64(&limits->bucket, &old,
											 (uint64) (empty + (int64) (take * ns_per_call))));
	return take;
}

/*
 * whole_calls returns the units of as many calls as so many units take.
 */
static int64
whole_calls(const CkptSpec *spec, int64 units)
{
	int			per_call = Max(spec->batch, 1);

	return (units + per_call - 1) / per_call * per_call;
}

/*
 * ckpt_limits_take returns how many units the caller, one of nprocesses, may try
 * now, and in how many calls; 0 if a budget is spent or the next call is to wait.
 * ckpt_limits_settle() is to follow.
 */
int64
ckpt_limits_take(CkptLimits *limits, const CkptSpec *spec, int nprocesses, int64 *calls)
{
	int64		take = MAX_TAKE;

	if (spec->max_error_rate != CKPT_NONE)
		take = whole_calls(spec, RATE_UNITS - pg_atomic_read_u64(&limits->tried) % RATE_UNITS);
	*calls = take;
	if (spec->rate != CKPT_NONE)
	{
		int64		most = nprocesses == 1 ? take : Max(1, (int64) (spec->rate / 100));

		*calls = take_calls(limits, spec->rate, Min(take, most), false);
		take = Min(take, *calls * Max(spec->batch, 1));
	}
	if (spec->max_rows != CKPT_NONE && take > 0)
	{
		uint64		left = pg_atomic_read_u64(&limits->left);
		int64		most = take;

		do
		{
			take = nprocesses == 1 ? (int64) left :
				whole_calls(spec, Max(1, (int64) left / (LEFT_SHARE * nprocesses)));
			take = Min(most, Min(take, (int64) left));
		} while (!pg_atomic_compare_exchange_u64(&limits->left, &left, left - take));
		if (spec->rate != CKPT_NONE && take < *calls)
		{
			(void) take_calls(limits, spec->rate, *calls - take, true);
			*calls = take;
		}
	}
	return take;
}

/*
 * look_at_error_rate notices that too many units have failed, when the number of
 * units tried comes from before to a multiple of RATE_UNITS, or behind one.
 */
static void
look_at_error_rate(CkptLimits *limits, const CkptSpec *spec, uint64 before, int64 n)
{
	uint64		at = (before / RATE_UNITS + 1) * RATE_UNITS;

	if (spec->max_error_rate != CKPT_NONE && before + n >= at &&
		pg_atomic_read_u32(&limits->failed) > spec->max_error_rate * at)
		pg_atomic_write_u32(&limits->too_many_failed, 1);
}

/*
 * ckpt_limits_settle says what has become of units and calls that were taken: so many
 * calls were made, and so many units computed.  A unit that has failed for good is
 * counted by ckpt_limits_may_fail().
 */
void
ckpt_limits_settle(CkptLimits *limits, const CkptSpec *spec, int64 taken,
				   int64 calls_taken, int64 called, int64 computed)
{
	if (spec->rate != CKPT_NONE && called < calls_taken)
		(void) take_calls(limits, spec->rate, calls_taken - called, true);
	if (spec->max_rows != CKPT_NONE && computed < taken)
		(void) pg_atomic_fetch_add_u64(&limits->left, taken - computed);
	if (spec->max_error_rate != CKPT_NONE && computed > 0)
		look_at_error_rate(limits, spec, pg_atomic_fetch_add_u64(&limits->tried, computed),
						   computed);
}

/*
 * ckpt_limits_may_fail counts a unit that has failed, as *nfailed, and returns
 * whether the run may go on without it.
 */
bool
ckpt_limits_may_fail(CkptLimits *limits, const CkptSpec *spec, uint32 *nfailed)
{
	*nfailed = pg_atomic_fetch_add_u32(&limits->failed, 1) + 1;
	if (spec->max_errors != CKPT_NONE && *nfailed > (uint32) spec->max_errors)
		return false;
	look_at_error_rate(limits, spec, pg_atomic_fetch_add_u64(&limits->tried, 1), 1);
	return true;
}

/*
 * ckpt_limits_spent returns whether a budget is spent.
 */
bool
ckpt_limits_spent(CkptLimits *limits)
{
	return pg_atomic_read_u64(&limits->left) == 0 ||
		(limits->until != PG_INT64_MAX && ckpt_now_ms() >= limits->until);
}

/*
 * ckpt_limits_correct says how many units the run has computed in truth: a process
 * that has ended early has not committed what it has taken.  No other process is
 * left.
 */
void
ckpt_limits_correct(CkptLimits *limits, const CkptSpec *spec, int64 computed)
{
	if (spec->max_rows != CKPT_NONE)
		pg_atomic_write_u64(&limits->left, Max(0, spec->max_rows - computed));
}

/*
 * ckpt_limits_call_wait returns how long to wait before the next call, ms.
 */
int64
ckpt_limits_call_wait(CkptLimits *limits, const CkptSpec *spec)
{
	int64		ns;

	if (spec->rate == CKPT_NONE)
		return 0;
	ns = (int64) pg_atomic_read_u64(&limits->bucket) + (int64) (SECOND_NS / spec->rate) - now_ns();
	return ns <= 0 ? 0 : Max(MIN_CALL_WAIT, ns / 1000000 + 1);
}

/*
 * ckpt_limits_add_wal says that the caller has written so many bytes of WAL.  What
 * was not written in the last second is written off.
 */
void
ckpt_limits_add_wal(CkptLimits *limits, int64 bytes)
{
	uint64		old = pg_atomic_read_u64(&limits->wal_paid);
	int64		ns;

	if (ckpt_max_wal_rate == 0 || bytes <= 0)
		return;
	ns = (int64) (bytes * (SECOND_NS / 1024) / ckpt_max_wal_rate);
	while (!pg_atomic_compare_exchange_u64(&limits->wal_paid, &old,
										   (uint64) (Max((int64) old, now_ns() - (int64) SECOND_NS) + ns)))
		;
}

/*
 * ckpt_limits_wal_wait returns how long to wait before more WAL may be written, ms.
 */
int64
ckpt_limits_wal_wait(CkptLimits *limits)
{
	int64		ns;

	if (ckpt_max_wal_rate == 0)
		return 0;
	ns = (int64) pg_atomic_read_u64(&limits->wal_paid) - now_ns();
	return ns <= 0 ? 0 : ns / 1000000 + 1;
}

/*
 * ckpt_limits_retry_wait returns how long to wait before a unit is tried again
 * that has failed so many times, ms: twice as long each time, and between half
 * and the whole of it, so that processes do not all come back at once.
 */
int64
ckpt_limits_retry_wait(const CkptSpec *spec, int attempts)
{
	double		delay = (double) spec->retry_delay * Min(MAX_DELAY, 1 << Min(attempts - 1, 7));

	return (int64) ceil(delay * (0.5 + 0.5 * pg_prng_double(&pg_global_prng_state)) / 1000);
}
