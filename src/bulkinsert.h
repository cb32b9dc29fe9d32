/*-------------------------------------------------------------------------
 *
 * bulkinsert.h
 *	  Collects rows in memory and inserts them into a table in bulk.
 *
 * Rows are added while the user's function is called, and flushed when the call's
 * subtransaction has ended.  Rows that do not fit into memory go to a temporary
 * file.  The module does not know where rows come from: input.c, carry.c and
 * runner.c use it.
 *
 * IDENTIFICATION
 *	  src/bulkinsert.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef CKPT_BULKINSERT_H
#define CKPT_BULKINSERT_H

#include "access/htup_details.h"
#include "access/tupdesc.h"
#include "executor/tuptable.h"
#include "utils/rel.h"
#include "utils/tuplestore.h"

typedef struct CkptBulkInsert
{
	MemoryContext cxt;			/* rows that the arena has no room for */
	TupleDesc	desc;
	int			nbegin;			/* columns that rows have in common with others */
	TupleDesc	rest_desc;		/* the columns after the common ones */
	char	   *arena;			/* the rows, one behind the other */
	Size		arena_used;
	HeapTuple  *tuples;
	int			ntuples;
	int			maxtuples;
	Size		bytes;			/* of the rows in memory */
	Tuplestorestate *spill;		/* rows that follow the ones in memory, or NULL */
	int64		nspilled;
	TupleTableSlot **slots;		/* for handing rows to the table */
	int			nslots;
	int			nlent;			/* slots that have a row */
	TupleTableSlot *spill_slot;
} CkptBulkInsert;

extern CkptBulkInsert *ckpt_bulkinsert_create(TupleDesc desc);
extern HeapTuple ckpt_bulkinsert_add(CkptBulkInsert *buf, Datum *values, bool *isnull);
extern void ckpt_bulkinsert_begin_with(CkptBulkInsert *buf, int natts);
extern HeapTuple ckpt_bulkinsert_add_numbered(CkptBulkInsert *buf, int64 number,
											  TupleTableSlot *row, int left_out);
extern HeapTuple ckpt_bulkinsert_add_longer(CkptBulkInsert *buf, TupleTableSlot *row,
										   Datum *values, bool *isnull);
extern void ckpt_bulkinsert_truncate(CkptBulkInsert *buf, int64 nrows);
extern void ckpt_bulkinsert_flush(CkptBulkInsert *buf, Relation rel, int options,
								 int64 first_id);
extern void ckpt_bulkinsert_reset(CkptBulkInsert *buf);

/* How many rows are in the buffer. */
static inline int64
ckpt_bulkinsert_count(const CkptBulkInsert *buf)
{
	return buf->ntuples + buf->nspilled;
}

/*
 * ckpt_row_as_it_stands returns a table's row that is in a slot, if it can be copied
 * without being taken apart: the bytes of its columns behind the first left_out ones,
 * which are bigints, are those of natts columns.  Sets *data and *len to these bytes.
 * NULL if it cannot.
 */
static inline HeapTuple
ckpt_row_as_it_stands(TupleTableSlot *slot, int left_out, int natts, const char **data, Size *len)
{
	HeapTuple	row = TTS_IS_BUFFERTUPLE(slot) ?
		((BufferHeapTupleTableSlot *) slot)->base.tuple : NULL;
	Size		skipped = left_out * sizeof(int64);

	if (row == NULL || HeapTupleHasNulls(row) || HeapTupleHasExternal(row) ||
		HeapTupleHeaderGetNatts(row->t_data) - left_out != natts)
		return NULL;
	*data = (const char *) row->t_data + row->t_data->t_hoff + skipped;
	*len = row->t_len - row->t_data->t_hoff - skipped;
	return row;
}

#endif							/* CKPT_BULKINSERT_H */
