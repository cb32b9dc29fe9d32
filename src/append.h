/*-------------------------------------------------------------------------
 *
 * append.h
 *	  Adds pages to a table, many at a time, and rows to these pages.
 *
 * PostgreSQL 16 and later extend a table by many pages by themselves; with the
 * last server that does not, this module goes.  It knows of tables and tuples
 * only.  Its caller is rowbuffer.c, which inserts rows in bulk.
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
