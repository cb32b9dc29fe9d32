/*-------------------------------------------------------------------------
 *
 * batch.h
 *	  Calls of the user's function with several rows at once: argument "batch".
 *
 * To the select list, each column that it reads is an array: one element for each
 * row of the call.  What comes back is an array or a set with as many elements.
 * A CkptBatch holds the rows of one call.  It is filled from the scan of the
 * input, gives the arrays, and gives back the results row by row.  If the call
 * fails, it knows with which of the rows to repeat it.
 *
 * Rows have no state here: who has claimed them, which are done and what is
 * undone after an error, the runner knows.  udf.c and runner.c are the callers.
 *
 * IDENTIFICATION
 *	  src/batch.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef CKPT_BATCH_H
#define CKPT_BATCH_H

#include "executor/tuptable.h"
#include "nodes/params.h"
#include "udf.h"

typedef struct CkptBatch CkptBatch;

/* analysis */
extern TupleDesc ckpt_batch_desc(TupleDesc input_desc);
extern void ckpt_batch_check_reads(TupleDesc input_desc, const Bitmapset *reads,
								   bool whole_row);
extern Query *ckpt_batch_run_query(Query *query, TupleDesc desc);

/* a call */
extern CkptBatch *ckpt_batch_create(const CkptUdf *udf);
extern void ckpt_batch_clear(CkptBatch *batch);
extern void ckpt_batch_pass(CkptBatch *batch, ItemPointer tid);
extern bool ckpt_batch_add(CkptBatch *batch, TupleTableSlot *row);
extern int	ckpt_batch_count(const CkptBatch *batch);
extern void ckpt_batch_arguments(CkptBatch *batch, ParamListInfo params);
extern int	ckpt_batch_receive(CkptBatch *batch, TupleTableSlot *result, int *nrows);
extern TupleTableSlot *ckpt_batch_row(CkptBatch *batch, int row, Datum **values,
									  bool **isnull);
extern void ckpt_batch_check_count(const CkptBatch *batch);
extern bool ckpt_batch_halve(CkptBatch *batch);

#endif							/* CKPT_BATCH_H */
