/*-------------------------------------------------------------------------
 *
 * runner.h
 *	  Calls the user's function on the rows that are left.
 *
 * IDENTIFICATION
 *	  src/runner.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef CKPT_RUNNER_H
#define CKPT_RUNNER_H

#include "catalog.h"
#include "idset.h"
#include "pool.h"
#include "udf.h"

/* What one process of a run is to do.  All processes but for worker. */
typedef struct CkptRunTask
{
	int64		job_id;
	int64		checkpoint_id;
	int			worker;			/* its number as a writer of the ledger */
	Oid			owner;			/* whom the UDF runs as */
	bool		skip;			/* failed rows go into quarantine */
	int			max_errors;		/* so many of them */
	int			retries;		/* of a row, before it has failed */
} CkptRunTask;

typedef struct CkptRunner CkptRunner;

extern CkptRunner *ckpt_runner_create(const CkptRunTask *task, CkptUdf *udf,
									  CkptCheckpoint *cp, CkptPool *pool);
extern void ckpt_runner_begin_second_pass(CkptRunner *runner);
extern bool ckpt_runner_transaction(CkptRunner *runner);
extern bool ckpt_runner_wants_durable(const CkptRunner *runner);
extern ErrorData *ckpt_runner_error(const CkptRunner *runner, int64 *id);

#endif							/* CKPT_RUNNER_H */
