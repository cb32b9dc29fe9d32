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
#include "udf.h"

typedef struct CkptRunner CkptRunner;

extern CkptRunner *ckpt_runner_create(CkptUdf *udf, CkptCheckpoint *cp, int code_no,
									  Oid owner);
extern bool ckpt_runner_transaction(CkptRunner *runner);
extern int64 ckpt_runner_computed(const CkptRunner *runner);
extern ErrorData *ckpt_runner_error(const CkptRunner *runner, int64 *id);

#endif							/* CKPT_RUNNER_H */
