/*-------------------------------------------------------------------------
 *
 * runner.h
 *	  Calls the user's function on one batch of rows.
 *
 * A runner evaluates the function over a few rows of the range of ids that it was
 * given, writes what it returned into the output table, and marks the rows in
 * the ledger.  Who has claimed the range, what becomes of a row that fails, and
 * when to commit is for run.c, its only caller, to say.
 *
 * IDENTIFICATION
 *	  src/runner.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef CKPT_RUNNER_H
#define CKPT_RUNNER_H

#include "catalog.h"
#include "claim.h"
#include "ledger.h"
#include "udf.h"

/* A transaction, for its batches. */
typedef struct CkptRunnerXact
{
	int64		deadline;		/* no row is begun after it, ckpt_now_ms() */
	bool		dirty;			/* it has something to commit */
	bool		end;			/* it is to be committed before the next batch */
	bool		durable;		/* and wait for the disk */
	int64		unit_timeout;	/* of a call, microseconds, or CKPT_NONE */

	/* of the next batch */
	int64		quota;			/* so many rows at most ... */
	int64		call_quota;		/* ... in so many calls */
	int64		called;			/* calls made */
	int64		computed;		/* rows computed */
} CkptRunnerXact;

typedef struct CkptRunner CkptRunner;

extern CkptRunner *ckpt_runner_create(CkptUdf *udf, CkptCheckpoint *cp, Oid owner,
									  CkptClaims *claims, CkptLedger *ledger,
									  int process, CkptLongHashes *long_hashes);
extern bool ckpt_runner_open(CkptRunner *runner, CkptRunnerXact *xact);
extern void ckpt_runner_close(CkptRunner *runner);
extern void ckpt_runner_seek(CkptRunner *runner, int64 lo, int64 hi, int64 first);
extern void ckpt_runner_row_by_row(CkptRunner *runner, int nrows);
extern ErrorData *ckpt_runner_batch(CkptRunner *runner, bool *more, int64 *error_id);
extern int64 ckpt_runner_at_hand(const CkptCheckpoint **cp, CkptUdf **udf);
extern char *ckpt_runner_describe_row(CkptRunner *runner, int64 id);

#endif							/* CKPT_RUNNER_H */
