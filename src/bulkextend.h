/*-------------------------------------------------------------------------
 *
 * bulkextend.h
 *	  Adds pages to a table, many at a time, and rows to these pages.
 *
 * PostgreSQL 16 and later extend a table by many pages by themselves; with the
 * last server that does not, this module goes.  It knows of tables and tuples
 * only.  Its caller is bulkinsert.c, which inserts rows in bulk.
 *
 * IDENTIFICATION
 *	  src/bulkextend.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef CKPT_BULKEXTEND_H
#define CKPT_BULKEXTEND_H

#include "access/heapam.h"
#include "executor/tuptable.h"
#include "utils/rel.h"

extern BulkInsertState ckpt_bulkextend_begin(void);
extern void ckpt_bulkextend(Relation rel, HeapTuple *tuples, TupleTableSlot **slots,
						int ntuples, CommandId cid, int options,
						BulkInsertState bistate);
extern void ckpt_bulkextend_add(Relation rel, int npages, Buffer *pages);

#endif							/* CKPT_BULKEXTEND_H */
