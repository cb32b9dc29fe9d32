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
#include "append.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "rowbuffer.h"
#include "utils/memutils.h"
#include "utils/resowner.h"

/* What a value takes in a row when it is stored out of line, bytes. */
#define TOAST_POINTER_SIZE	(VARHDRSZ_EXTERNAL + sizeof(varatt_external))

/* Rows beyond this go to a tuplestore, bytes. */
#define SPILL_BYTES		(32 * 1024 * 1024)

/* Room for the rows of most batches, bytes. */
#define ARENA_BYTES		(256 * 1024)

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
	buf->arena = palloc(ARENA_BYTES);
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
 * form_row forms a heap tuple in the buffer's memory.
 */
static HeapTuple
form_row(CkptRowBuffer *buf, Datum *values, bool *isnull)
{
	int			natts = buf->desc->natts;
	bool		hasnull = false;
	Size		hoff = SizeofHeapTupleHeader;
	Size		data_len = heap_compute_data_size(buf->desc, values, isnull);
	Size		size;
	HeapTuple	tuple;

	for (int i = 0; i < natts; i++)
		hasnull |= isnull[i];
	if (hasnull)
		hoff += BITMAPLEN(natts);
	hoff = MAXALIGN(hoff);
	size = HEAPTUPLESIZE + MAXALIGN(hoff + data_len);

	if (likely(size <= ARENA_BYTES - buf->arena_used))
	{
		tuple = (HeapTuple) (buf->arena + buf->arena_used);
		buf->arena_used += size;
	}
	else
		tuple = MemoryContextAlloc(buf->cxt, size);
	memset(tuple, 0, size);

	tuple->t_len = hoff + data_len;
	ItemPointerSetInvalid(&tuple->t_self);
	tuple->t_data = (HeapTupleHeader) ((char *) tuple + HEAPTUPLESIZE);
	ItemPointerSetInvalid(&tuple->t_data->t_ctid);
	HeapTupleHeaderSetNatts(tuple->t_data, natts);
	tuple->t_data->t_hoff = hoff;
	heap_fill_tuple(buf->desc, values, isnull, (char *) tuple->t_data + hoff, data_len,
					&tuple->t_data->t_infomask, hasnull ? tuple->t_data->t_bits : NULL);
	return tuple;
}

/*
 * ckpt_rowbuffer_add copies a row into the buffer.  Toasted values stay
 * toasted: they must be readable until the flush.
 *
 * Returns the row as it stands in memory until the flush, or NULL if that is
 * not where it went.
 */
HeapTuple
ckpt_rowbuffer_add(CkptRowBuffer *buf, Datum *values, bool *isnull)
{
	HeapTuple	tuple;

	if (buf->bytes > SPILL_BYTES)
	{
		if (buf->spill == NULL)
		{
			/* must outlive the subtransaction that computes the rows */
			ResourceOwner oldowner = CurrentResourceOwner;
			MemoryContext oldcxt = MemoryContextSwitchTo(buf->cxt);

			CurrentResourceOwner = TopTransactionResourceOwner;
			buf->spill = tuplestore_begin_heap(false, false, work_mem);
			CurrentResourceOwner = oldowner;
			MemoryContextSwitchTo(oldcxt);
		}
		check_row_size(buf->desc, values, isnull);
		tuplestore_putvalues(buf->spill, buf->desc, values, isnull);
		buf->nspilled++;
		return NULL;
	}

	if (unlikely(buf->ntuples == buf->maxtuples))
	{
		buf->tuples = repalloc_huge(buf->tuples,
									2 * (Size) buf->maxtuples * sizeof(HeapTuple));
		buf->maxtuples *= 2;
	}
	tuple = form_row(buf, values, isnull);
	if (unlikely(tuple->t_len > MaxHeapTupleSize))
		check_row_size(buf->desc, values, isnull);
	buf->bytes += tuple->t_len + HEAPTUPLESIZE;
	buf->tuples[buf->ntuples++] = tuple;
	return tuple;
}

/*
 * ckpt_rowbuffer_truncate drops the rows after the first nrows, which must not
 * end within the part that was spilled.  Their memory is free after the flush.
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
		buf->bytes -= buf->tuples[--buf->ntuples]->t_len + HEAPTUPLESIZE;
}

/*
 * lend_rows puts rows into the slots.  A slot believes that its row is its own:
 * else it would make a copy when the row is inserted.
 */
static void
lend_rows(CkptRowBuffer *buf, HeapTuple *tuples, int n)
{
	for (int i = 0; i < n; i++)
	{
		ExecStoreHeapTuple(tuples[i], buf->slots[i], false);
		buf->slots[i]->tts_flags |= TTS_FLAG_SHOULDFREE;
	}
	buf->nlent = n;
}

static void
take_back_rows(CkptRowBuffer *buf)
{
	for (int i = 0; i < buf->nlent; i++)
	{
		buf->slots[i]->tts_flags &= ~TTS_FLAG_SHOULDFREE;
		ExecClearTuple(buf->slots[i]);
	}
	buf->nlent = 0;
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
 * the table was made without, and is written by nobody else.  If first_id is
 * not 0, rows get numbers from there on in their first column.
 */
void
ckpt_rowbuffer_flush(CkptRowBuffer *buf, Relation rel, int options, int64 first_id)
{
	CommandId	cid = GetCurrentCommandId(true);
	BulkInsertState bistate = ckpt_append_begin();
	MemoryContext oldcxt = MemoryContextSwitchTo(buf->cxt);
	TableIndexes indexes = indexes_open(rel);

	for (int i = 0; first_id != 0 && i < buf->ntuples; i++)
		number_row((char *) buf->tuples[i]->t_data + buf->tuples[i]->t_data->t_hoff,
				   first_id++);

	for (int done = 0; done < buf->ntuples;)
	{
		int			n = Min(buf->nslots, buf->ntuples - done);

		lend_rows(buf, buf->tuples + done, n);
		ckpt_append(rel, buf->tuples + done, buf->slots, n, cid, options, bistate);
		for (int i = 0; indexes.estate && i < n; i++)
			indexes_insert(&indexes, buf->slots[i]);
		take_back_rows(buf);
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
	take_back_rows(buf);
	ExecClearTuple(buf->spill_slot);
	if (buf->spill)
		tuplestore_end(buf->spill);
	buf->spill = NULL;
	buf->nspilled = 0;
	buf->ntuples = 0;
	buf->bytes = 0;
	buf->arena_used = 0;
	MemoryContextReset(buf->cxt);
}
