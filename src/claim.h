/*-------------------------------------------------------------------------
 *
 * claim.h
 *	  Who computes which ids: each process of a run claims ranges of them.
 *
 * What was claimed and not committed is left undone, and claimed again when all
 * processes have ended.  An atomic counter is all that it takes while the
 * processes are of one run.
 *
 * It does not know what is done already (see ledger.h), nor what is behind an id.
 * The loop of a run calls it, and the filter on the rows of a batch asks it
 * whether to stop.
 *
 * IDENTIFICATION
 *	  src/claim.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef CKPT_CLAIM_H
#define CKPT_CLAIM_H

#include "port/atomics.h"

/* Lies in shared memory if there are several processes. */
typedef struct CkptClaims
{
	int64		max_id;
	int			nprocesses;
	int			batch;			/* ranges are multiples of it */
	pg_atomic_uint64 next_id;	/* the first id that nobody has claimed */
	pg_atomic_uint64 next_output_id;	/* sys__id of the next output row of gen */
	pg_atomic_uint32 stop;		/* a CkptClaimsStop */
} CkptClaims;

typedef enum CkptClaimsStop
{
	CKPT_CLAIMS_OPEN = 0,
	CKPT_CLAIMS_STOP,			/* begin no more rows */
	CKPT_CLAIMS_CANCEL			/* and give up the row that is being computed */
} CkptClaimsStop;

extern void ckpt_claims_init(CkptClaims *claims, int64 max_id, int nprocesses, int batch,
							 int64 next_output_id);
extern void ckpt_claims_restart(CkptClaims *claims);
extern bool ckpt_claim(CkptClaims *claims, int64 *lo, int64 *hi);

/*
 * ckpt_claim_output_ids returns the first of n ids for output rows.
 */
static inline int64
ckpt_claim_output_ids(CkptClaims *claims, int64 n)
{
	return (int64) pg_atomic_fetch_add_u64(&claims->next_output_id, n);
}

static inline void
ckpt_claims_stop(CkptClaims *claims, CkptClaimsStop how)
{
	pg_atomic_fetch_or_u32(&claims->stop, how);
}

static inline bool
ckpt_claims_stopped(CkptClaims *claims)
{
	return pg_atomic_read_u32(&claims->stop) != CKPT_CLAIMS_OPEN;
}

static inline bool
ckpt_claims_cancelled(CkptClaims *claims)
{
	return (pg_atomic_read_u32(&claims->stop) & CKPT_CLAIMS_CANCEL) != 0;
}

#endif							/* CKPT_CLAIM_H */
