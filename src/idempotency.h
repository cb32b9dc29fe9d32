/*-------------------------------------------------------------------------
 *
 * idempotency.h
 *	  Keys of rows, for services that charge for calls.
 *
 * A key is the same for each attempt at a row in a run group, whatever becomes of the
 * attempt, the input and the code: it is made of the job's and step's names and the
 * values that the UDF reads.  Of equal rows each has a key of its own, by its number
 * among them.
 *
 * The module is given the row, and does not know who computes it.  Its SQL functions
 * ask the runner, or the record of a step that clients compute.
 *
 * IDENTIFICATION
 *	  src/idempotency.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef CKPT_IDEMPOTENCY_H
#define CKPT_IDEMPOTENCY_H

#include "catalog.h"
#include "udf.h"

extern char *ckpt_idempotency_key(const CkptCheckpoint *cp, CkptUdf *udf, int64 id);

#endif							/* CKPT_IDEMPOTENCY_H */
