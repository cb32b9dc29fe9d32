/*-------------------------------------------------------------------------
 *
 * input_rows.h
 *	  Finds rows of an input table by their ids.
 *
 * Rows stand in the order of their ids, as they were written: so the block of one is
 * found by bisection (input_row.h), without an index.  If the table's owner has put
 * them into another order, all of it is read.
 *
 * The module knows of no checkpoint.  The claims of clients call it.
 *
 * IDENTIFICATION
 *	  src/input_rows.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef CKPT_INPUT_ROWS_H
#define CKPT_INPUT_ROWS_H

#include "executor/tuptable.h"
#include "utils/rel.h"

/* Takes a row that was found. */
typedef void (*CkptInputRow) (void *arg, TupleTableSlot *row);

extern void ckpt_input_rows(Relation rel, const int64 *ids, int nids, CkptInputRow take,
							void *arg);

#endif							/* CKPT_INPUT_ROWS_H */
