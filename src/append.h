/*-------------------------------------------------------------------------
 *
 * append.h
 *	  Rows appended to a table, many pages at a time.
 *
 * IDENTIFICATION
 *	  src/append.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef CKPT_APPEND_H
#define CKPT_APPEND_H

#include "access/heapam.h"
#include "executor/tuptable.h"
#include "utils/rel.h"

extern BulkInsertState ckpt_append_begin(void);
extern void ckpt_append(Relation rel, HeapTuple *tuples, TupleTableSlot **slots,
						int ntuples, CommandId cid, int options,
						BulkInsertState bistate);

#endif							/* CKPT_APPEND_H */
