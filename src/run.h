/*-------------------------------------------------------------------------
 *
 * run.h
 *	  The loop of every process of a run: claim, compute, record, commit, pause.
 *
 * A run computes what a partial checkpoint lacks.  The session that runs the
 * step and its workers go through the same loop, with the same claims.  It knows
 * of the job its number only; what the function is, the runner knows, and what
 * is done already, the ledger.
 *
 * Whatever decides when to go on, and how fast, belongs between two transactions,
 * that is, into run_pause() of run.c: there nothing is held, neither locks nor a
 * snapshot, and all that was computed is safe.  What ends a transaction early
 * sets xact.end.  What the processes of a run count together, such as failures,
 * stands in CkptRunShared.
 *
 * IDENTIFICATION
 *	  src/run.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef CKPT_RUN_H
#define CKPT_RUN_H

#include "catalog.h"
#include "claim.h"
#include "limits.h"
#include "long_hash.h"
#include "udf.h"

/* What one process of a run is to do.  All processes but for worker. */
typedef struct CkptRunTask
{
	int64		job_id;
	int64		checkpoint_id;
	int			worker;			/* its number as a writer of the ledger */
	Oid			owner;			/* whom the UDF runs as */
	const CkptSpec *spec;		/* a worker's has no texts but udf */
	int64		until;			/* begins no row after it, ckpt_now_ms() */
	CkptLongHashes *long_hashes;	/* of the input, or NULL; a worker has none */
} CkptRunTask;

/* What the processes of a run share.  In shared memory if there are several. */
typedef struct CkptRunShared
{
	CkptClaims	claims;
	CkptLimits	limits;
} CkptRunShared;

/* What a process does besides. */
typedef struct CkptRunProcess
{
	const char *name;			/* for stop points */
	void		(*record) (void *arg);	/* at the end of each transaction, or NULL */
	void		(*between) (void *arg); /* between two: serves interrupts */
	void	   *arg;
} CkptRunProcess;

typedef struct CkptRun CkptRun;

extern void ckpt_run_share(CkptRunShared *shared, const CkptRunTask *task, int64 max_id,
						   int nprocesses, int64 next_output_id);
extern CkptRun *ckpt_run_create(const CkptRunTask *task, CkptUdf *udf,
								CkptCheckpoint *cp, CkptRunShared *shared,
								const CkptRunProcess *process);
extern ErrorData *ckpt_run(CkptRun *run, int64 *error_id);
extern void ckpt_run_again(CkptRun *run);

#endif							/* CKPT_RUN_H */
