/*-------------------------------------------------------------------------
 *
 * pagefill.h
 *	  Fills pages of a new table with numbered rows, in several processes at once.
 *
 * Each process collects rows in pages of its own memory, and puts these behind the
 * table's end when there are many.  A row gets its number then, as its first column,
 * so that rows stand in the order of their numbers, and no number is left out.
 *
 * The table is one that this transaction has made and that nobody else sees; it has
 * no indexes.  The processes are those of one parallel query.  Where rows come from
 * is not known here: input_parallel.c is the only caller.
 *
 * IDENTIFICATION
 *	  src/pagefill.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef CKPT_PAGEFILL_H
#define CKPT_PAGEFILL_H

#include "access/htup.h"
#include "executor/tuptable.h"
#include "port/atomics.h"
#include "utils/rel.h"

/* What the processes share. */
typedef struct CkptPageFillShared
{
	pg_atomic_uint64 rows;		/* that have numbers; changes while the lock for
								 * extending the table is held */
} CkptPageFillShared;

typedef struct CkptPageFill CkptPageFill;

extern bool ckpt_pagefill_can(Relation rel);
extern CkptPageFill *ckpt_pagefill_create(Relation rel, CkptPageFillShared *shared);
extern bool ckpt_pagefill_add(CkptPageFill *fill, Datum *values, bool *isnull,
							  HeapTuple row);
extern bool ckpt_pagefill_copy(CkptPageFill *fill, TupleTableSlot *slot, int left_out,
							   HeapTuple row);
extern void ckpt_pagefill_add_tuple(CkptPageFill *fill, HeapTuple tuple);
extern void ckpt_pagefill_flush(CkptPageFill *fill);

#endif							/* CKPT_PAGEFILL_H */
