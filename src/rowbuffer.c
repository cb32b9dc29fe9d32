/*-------------------------------------------------------------------------
 *
 * rowbuffer.c
 *	  Rows on their way into a table.
 *
 * Rows are formed as heap tuples when they arrive and handed to the table in
 * bulk.  They survive a rolled back subtransaction, because what they consist
 * of belongs to the caller's context and resource owner: that is how results
 * outlive the failure of a later row.
 *
 * When a single input row yields more than SPILL_BYTES of output, what follows
 * goes to a tuplestore, which keeps to work_mem and spills to disk.
 *
 * IDENTIFICATION
 *	  src/rowbuffer.c
 *
 *-------------------------------------------------------------------------
 */
#include "checkpoint.h"

#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "rowbuffer.h"
#include "utils/memutils.h"
#include "utils/resowner.h"

/* What a value takes in a row when it is stored out of line, bytes. */
#define TOAST_POINTER_SIZE	(VARHDRSZ_EXTERNAL + sizeof(varatt_external))

/* Rows beyond this go to a tuplestore, bytes. */
#define SPILL_BYTES		(32 * 1024 * 1024)

/* At most so many rows, or columns, are handed to the table at a time. */
#define MAX_SLOTS		1000
#define MAX_SLOT_COLUMNS 32000

/*
 * ckpt_rowbuffer_create makes a buffer for rows of the given type, in a child of
 * CurrentMemoryContext.
 */
CkptRowBuffer *
ckpt_rowbuffer_create(TupleDesc desc)
{
	CkptRowBuffer *buf = palloc0(sizeof(CkptRowBuffer));

	buf->desc = CreateTupleDescCopy(desc);	/* which nobody counts */
	buf->cxt = AllocSetContextCreate(CurrentMemoryContext, "checkpoint rows",
									 64 * 1024, 64 * 1024, ALLOCSET_DEFAULT_MAXSIZE);
	buf->maxtuples = 1024;
	buf->tuples = palloc(buf->maxtuples * sizeof(HeapTuple));
	buf->nslots = Max(1, Min(MAX_SLOTS, MAX_SLOT_COLUMNS / Max(desc->natts, 1)));
	buf->slots = palloc(buf->nslots * sizeof(TupleTableSlot *));
	for (int i = 0; i < buf->nslots; i++)
		buf->slots[i] = MakeSingleTupleTableSlot(buf->desc, &TTSOpsHeapTuple);
	buf->spill_slot = MakeSingleTupleTableSlot(buf->desc, &TTSOpsMinimalTuple);
	return buf;
}

/*
 * check_row_size raises if a row could not be stored even with all of its long
 * values out of line: here the row to blame is known, later it is not.
 */
static void
check_row_size(TupleDesc desc, Datum *values, bool *isnull)
{
	Size		size = SizeofHeapTupleHeader;

	for (int i = 0; i < desc->natts; i++)
	{
		if (isnull[i])
		{
			size += BITMAPLEN(desc->natts);
			break;
		}
	}
	size = MAXALIGN(size);

	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);

		if (isnull[i])
			continue;
		if (att->attlen == -1 && att->attstorage != TYPSTORAGE_PLAIN)
			size += Min(VARSIZE_ANY(DatumGetPointer(values[i])), TOAST_POINTER_SIZE);
		else
		{
			size = att_align_datum(size, att->attalign, att->attlen, values[i]);
			size = att_addlength_datum(size, att->attlen, values[i]);
		}
	}
	if (size > MaxHeapTupleSize)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("row is too big: size %zu, maximum size %zu", size,
						(Size) MaxHeapTupleSize),
				 errhint("Select fewer columns, or put them into one array or composite value.")));
}

/*
 * ckpt_rowbuffer_add copies a row into the buffer.  Toasted values stay
 * toasted: they must be readable until the flush.
 */
void
ckpt_rowbuffer_add(CkptRowBuffer *buf, Datum *values, bool *isnull)
{
	MemoryContext oldcxt;

	if (buf->bytes > SPILL_BYTES)
	{
		if (buf->spill == NULL)
		{
			/* must outlive the subtransaction that computes the rows */
			ResourceOwner oldowner = CurrentResourceOwner;

			oldcxt = MemoryContextSwitchTo(buf->cxt);
			CurrentResourceOwner = TopTransactionResourceOwner;
			buf->spill = tuplestore_begin_heap(false, false, work_mem);
			CurrentResourceOwner = oldowner;
			MemoryContextSwitchTo(oldcxt);
		}
		check_row_size(buf->desc, values, isnull);
		tuplestore_putvalues(buf->spill, buf->desc, values, isnull);
		buf->nspilled++;
		return;
	}

	if (unlikely(buf->ntuples == buf->maxtuples))
	{
		buf->tuples = repalloc_huge(buf->tuples,
									2 * (Size) buf->maxtuples * sizeof(HeapTuple));
		buf->maxtuples *= 2;
	}
	oldcxt = MemoryContextSwitchTo(buf->cxt);
	buf->tuples[buf->ntuples] = heap_form_tuple(buf->desc, values, isnull);
	MemoryContextSwitchTo(oldcxt);
	if (unlikely(buf->tuples[buf->ntuples]->t_len > MaxHeapTupleSize))
		check_row_size(buf->desc, values, isnull);
	buf->bytes += buf->tuples[buf->ntuples]->t_len + HEAPTUPLESIZE;
	buf->ntuples++;
}

/*
 * ckpt_rowbuffer_truncate drops the rows after the first nrows, which must not
 * end within the part that was spilled.
 */
void
ckpt_rowbuffer_truncate(CkptRowBuffer *buf, int64 nrows)
{
	Assert(nrows <= buf->ntuples);

	if (buf->spill)
		tuplestore_end(buf->spill);
	buf->spill = NULL;
	buf->nspilled = 0;
	while (buf->ntuples > nrows)
	{
		HeapTuple	tuple = buf->tuples[--buf->ntuples];

		buf->bytes -= tuple->t_len + HEAPTUPLESIZE;
		heap_freetuple(tuple);
	}
}

/*
 * number_row writes a number into the first column of a row, which is a
 * bigint that is not null.
 */
static void
number_row(char *data, int64 number)
{
	memcpy(data, &number, sizeof(number));
}

/*
 * Indexes that the table's owner has made on it since we did.
 */
typedef struct TableIndexes
{
	EState	   *estate;			/* NULL if there are none */
	ResultRelInfo *rel;
} TableIndexes;

static TableIndexes
indexes_open(Relation rel)
{
	TableIndexes indexes = {NULL, NULL};

	if (rel->rd_rel->relhasindex)
	{
		indexes.estate = CreateExecutorState();
		indexes.rel = makeNode(ResultRelInfo);
		InitResultRelInfo(indexes.rel, rel, 0, NULL, 0);
		ExecOpenIndices(indexes.rel, false);
	}
	return indexes;
}

static inline void
indexes_insert(TableIndexes *indexes, TupleTableSlot *slot)
{
	if (indexes->estate == NULL || indexes->rel->ri_NumIndices == 0)
		return;
	ckpt_insert_index_tuples(indexes->rel, slot, indexes->estate);
	ResetPerTupleExprContext(indexes->estate);
}

static void
indexes_close(TableIndexes *indexes)
{
	if (indexes->estate == NULL)
		return;
	ExecCloseIndices(indexes->rel);
	FreeExecutorState(indexes->estate);
}

/*
 * ckpt_rowbuffer_flush inserts all rows into a table, in order, and empties the
 * buffer.  After an error the buffer is good for ckpt_rowbuffer_reset() only.
 *
 * Needs a transaction with an active snapshot; options are those of
 * table_multi_insert().  Indexes are served; triggers and constraints are not:
 * the table was made without, and is written by nobody else.  If first_id is not 0, rows get numbers from there on in
 * their first column.
 */
void
ckpt_rowbuffer_flush(CkptRowBuffer *buf, Relation rel, int options, int64 first_id)
{
	CommandId	cid = GetCurrentCommandId(true);
	BulkInsertState bistate = GetBulkInsertState();
	MemoryContext oldcxt = MemoryContextSwitchTo(buf->cxt);
	TableIndexes indexes = indexes_open(rel);

	for (int i = 0; first_id != 0 && i < buf->ntuples; i++)
		number_row((char *) buf->tuples[i]->t_data + buf->tuples[i]->t_data->t_hoff,
				   first_id++);

	for (int done = 0; done < buf->ntuples;)
	{
		int			n = Min(buf->nslots, buf->ntuples - done);

		for (int i = 0; i < n; i++)
			ExecStoreHeapTuple(buf->tuples[done + i], buf->slots[i], true);
		table_multi_insert(rel, buf->slots, n, cid, options, bistate);
		for (int i = 0; indexes.estate && i < n; i++)
			indexes_insert(&indexes, buf->slots[i]);
		done += n;
	}
	if (buf->spill)
	{
		while (tuplestore_gettupleslot(buf->spill, true, true, buf->spill_slot))
		{
			if (first_id != 0)
			{
				bool		shouldfree;
				MinimalTuple row = ExecFetchSlotMinimalTuple(buf->spill_slot, &shouldfree);

				number_row((char *) row + row->t_hoff - MINIMAL_TUPLE_OFFSET, first_id++);
			}
			table_tuple_insert(rel, buf->spill_slot, cid, options, bistate);
			indexes_insert(&indexes, buf->spill_slot);
		}
	}

	indexes_close(&indexes);
	MemoryContextSwitchTo(oldcxt);
	FreeBulkInsertState(bistate);
	ckpt_rowbuffer_reset(buf);
}

/*
 * ckpt_rowbuffer_reset empties the buffer.
 */
void
ckpt_rowbuffer_reset(CkptRowBuffer *buf)
{
	for (int i = 0; i < buf->nslots; i++)
		ExecClearTuple(buf->slots[i]);
	ExecClearTuple(buf->spill_slot);
	if (buf->spill)
		tuplestore_end(buf->spill);
	buf->spill = NULL;
	buf->nspilled = 0;
	buf->ntuples = 0;
	buf->bytes = 0;
	MemoryContextReset(buf->cxt);
}
