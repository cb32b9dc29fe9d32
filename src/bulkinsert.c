/*-------------------------------------------------------------------------
 *
 * bulkinsert.c
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
 *	  src/bulkinsert.c
 *
 *-------------------------------------------------------------------------
 */
#include "checkpoint.h"

#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/tableam.h"
#include "access/toast_internals.h"
#include "access/xact.h"
#include "asuser.h"
#include "bulkextend.h"
#include "bulkinsert.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/resowner.h"

/* What a value takes in a row when it is stored out of line, bytes. */
#define TOAST_POINTER_SIZE	(VARHDRSZ_EXTERNAL + sizeof(varatt_external))

/* Rows beyond this go to a tuplestore, bytes. */
#define SPILL_BYTES		(32 * 1024 * 1024)

/* Room for the rows of most batches, bytes. */
#define ARENA_BYTES		(768 * 1024)

/* At most so many rows, or columns, are handed to the table at a time. */
#define MAX_SLOTS		1000
#define MAX_SLOT_COLUMNS 32000

/*
 * ckpt_bulkinsert_create makes a buffer for rows of the given type, in a child of
 * CurrentMemoryContext.
 */
CkptBulkInsert *
ckpt_bulkinsert_create(TupleDesc desc)
{
	CkptBulkInsert *buf = palloc0(sizeof(CkptBulkInsert));

	buf->desc = CreateTupleDescCopy(desc);	/* which nobody counts */
	buf->cxt = AllocSetContextCreate(CurrentMemoryContext, "checkpoint rows",
									 64 * 1024, 64 * 1024, ALLOCSET_DEFAULT_MAXSIZE);
	buf->arena = palloc(ARENA_BYTES);
	buf->maxtuples = 1024;
	buf->tuples = palloc(buf->maxtuples * sizeof(HeapTuple));
	buf->nslots = Max(1, Min(MAX_SLOTS, MAX_SLOT_COLUMNS / Max(desc->natts, 1)));
	buf->slots = palloc0(buf->nslots * sizeof(TupleTableSlot *));
	buf->spill_slot = MakeSingleTupleTableSlot(buf->desc, &TTSOpsMinimalTuple);
	return buf;
}

/*
 * ckpt_bulkinsert_begin_with prepares for rows whose first natts columns are
 * those of another row: see ckpt_bulkinsert_add_longer().
 */
void
ckpt_bulkinsert_begin_with(CkptBulkInsert *buf, int natts)
{
	buf->nbegin = natts;
	buf->rest_desc = CreateTemplateTupleDesc(buf->desc->natts - natts);
	for (int i = natts; i < buf->desc->natts; i++)
		TupleDescCopyEntry(buf->rest_desc, i - natts + 1, buf->desc, i + 1);
}

/*
 * smallest_size returns the bytes that a value of a column that can be stored
 * out of line takes in a row when the server has made it as small as it can, and
 * sets *align to whether it must be aligned there.  The value is one of a row
 * that was formed; whether compressing it helps is looked at only if asked.
 */
static Size
smallest_size(Form_pg_attribute att, Datum value, bool compress, bool *align)
{
	struct varlena *v = (struct varlena *) DatumGetPointer(value);
	Size		size = VARSIZE_ANY(v);

	*align = !VARATT_IS_SHORT(v) && !VARATT_IS_EXTERNAL(v);
	if (size <= MAXALIGN(TOAST_POINTER_SIZE))
		return size;			/* the server leaves it where it is */
	if (compress && !VARATT_IS_EXTERNAL(v) && !VARATT_IS_COMPRESSED(v) &&
		att->attstorage != TYPSTORAGE_EXTERNAL)
	{
		Datum		compressed = toast_compress_datum(value, att->attcompression);

		if (DatumGetPointer(compressed) != NULL)
		{
			size = VARSIZE(DatumGetPointer(compressed));
			pfree(DatumGetPointer(compressed));
			*align = true;
			if (size <= MAXALIGN(TOAST_POINTER_SIZE))
				return size;
		}
	}
	*align = false;
	return TOAST_POINTER_SIZE;
}

/*
 * smallest_row returns the size of a row whose long values are compressed, if
 * asked, and out of line.
 */
static Size
smallest_row(TupleDesc desc, Size header, Datum *values, bool *isnull, bool compress)
{
	Size		size = header;

	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);

		if (isnull[i])
			continue;
		if (att->attlen == -1 && att->attstorage != TYPSTORAGE_PLAIN)
		{
			bool		align;
			Size		length = smallest_size(att, values[i], compress, &align);

			if (align)
				size = att_align_nominal(size, att->attalign);
			size += length;
		}
		else
		{
			size = att_align_datum(size, att->attalign, att->attlen, values[i]);
			size = att_addlength_datum(size, att->attlen, values[i]);
		}
	}
	return size;
}

/*
 * check_row_size raises if a row, which is longer than a page, could not be
 * stored even with all of its long values out of line: here the row to blame is
 * known, later it is not.
 */
static void
check_row_size(TupleDesc desc, HeapTuple tuple)
{
	Datum	   *values = palloc(desc->natts * sizeof(Datum));
	bool	   *isnull = palloc(desc->natts * sizeof(bool));
	Size		header = tuple->t_data->t_hoff;
	Size		size;

	heap_deform_tuple(tuple, desc, values, isnull);
	size = smallest_row(desc, header, values, isnull, false);
	if (size > MaxHeapTupleSize)
		size = smallest_row(desc, header, values, isnull, true);
	if (size > MaxHeapTupleSize)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("row is too big: size %zu, maximum size %zu", size,
						(Size) MaxHeapTupleSize),
				 errhint("Select fewer columns, or put them into one array or composite value.")));
	pfree(values);
	pfree(isnull);
}

/*
 * new_row makes a row in the buffer's memory, with everything but its values: their
 * bytes are not set, but for those that align the end.
 */
static inline HeapTuple
new_row(CkptBulkInsert *buf, bool hasnull, Size data_len)
{
	int			natts = buf->desc->natts;
	Size		hoff = MAXALIGN(SizeofHeapTupleHeader + (hasnull ? BITMAPLEN(natts) : 0));
	Size		size = HEAPTUPLESIZE + MAXALIGN(hoff + data_len);
	HeapTuple	tuple;

	if (likely(size <= ARENA_BYTES - buf->arena_used))
	{
		tuple = (HeapTuple) (buf->arena + buf->arena_used);
		buf->arena_used += size;
	}
	else
		tuple = MemoryContextAlloc(buf->cxt, size);
	memset(tuple, 0, HEAPTUPLESIZE + hoff);
	memset((char *) tuple + size - MAXIMUM_ALIGNOF, 0, MAXIMUM_ALIGNOF);

	tuple->t_len = hoff + data_len;
	ItemPointerSetInvalid(&tuple->t_self);
	tuple->t_data = (HeapTupleHeader) ((char *) tuple + HEAPTUPLESIZE);
	ItemPointerSetInvalid(&tuple->t_data->t_ctid);
	HeapTupleHeaderSetNatts(tuple->t_data, natts);
	tuple->t_data->t_hoff = hoff;
	return tuple;
}

static inline bool
any_null(const bool *isnull, int from, int to)
{
	bool		any = false;

	for (int i = from; i < to; i++)
		any |= isnull[i];
	return any;
}

/*
 * keep_row makes a row that was formed one of the buffer's.
 */
static inline HeapTuple
keep_row(CkptBulkInsert *buf, HeapTuple tuple)
{
	if (unlikely(buf->ntuples == buf->maxtuples))
	{
		buf->tuples = repalloc_huge(buf->tuples,
									2 * (Size) buf->maxtuples * sizeof(HeapTuple));
		buf->maxtuples *= 2;
	}
	buf->bytes += tuple->t_len + HEAPTUPLESIZE;
	buf->tuples[buf->ntuples++] = tuple;
	return tuple;
}

/*
 * ckpt_bulkinsert_add copies a row into the buffer.  Toasted values stay
 * toasted: they must be readable until the flush.
 *
 * Returns the row as it stands in memory until the flush, or NULL if that is
 * not where it went.
 */
HeapTuple
ckpt_bulkinsert_add(CkptBulkInsert *buf, Datum *values, bool *isnull)
{
	bool		hasnull;
	Size		data_len;
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
		if (unlikely(heap_compute_data_size(buf->desc, values, isnull) > MaxHeapTupleSize / 2))
		{
			tuple = heap_form_tuple(buf->desc, values, isnull);
			if (tuple->t_len > MaxHeapTupleSize)
				check_row_size(buf->desc, tuple);
			heap_freetuple(tuple);
		}
		tuplestore_putvalues(buf->spill, buf->desc, values, isnull);
		buf->nspilled++;
		return NULL;
	}

	hasnull = any_null(isnull, 0, buf->desc->natts);
	data_len = heap_compute_data_size(buf->desc, values, isnull);
	tuple = new_row(buf, hasnull, data_len);
	/* what is between values is part of the row */
	memset((char *) tuple->t_data + tuple->t_data->t_hoff, 0, data_len);
	heap_fill_tuple(buf->desc, values, isnull,
					(char *) tuple->t_data + tuple->t_data->t_hoff, data_len,
					&tuple->t_data->t_infomask, hasnull ? tuple->t_data->t_bits : NULL);
	if (unlikely(tuple->t_len > MaxHeapTupleSize))
		check_row_size(buf->desc, tuple);
	return keep_row(buf, tuple);
}

/*
 * data_end returns where the values of the columns from one on end, if they
 * begin at the given offset and none is null.
 */
static Size
data_end(TupleDesc desc, int from, Size offset, Datum *values)
{
	for (int i = from; i < desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);
		Datum		value = values[i];

		if (att->attlen == -1)
		{
			struct varlena *v = (struct varlena *) DatumGetPointer(value);

			if (att->attstorage != TYPSTORAGE_PLAIN && VARATT_CAN_MAKE_SHORT(v))
			{
				offset += VARATT_CONVERTED_SHORT_SIZE(v);
				continue;
			}
			if (VARATT_IS_EXTERNAL_EXPANDED(v))
			{
				offset = att_align_nominal(offset, att->attalign) +
					EOH_get_flat_size(DatumGetEOHP(value));
				continue;
			}
		}
		offset = att_align_datum(offset, att->attalign, att->attlen, value);
		offset = att_addlength_datum(offset, att->attlen, value);
	}
	return offset;
}

/*
 * ckpt_bulkinsert_add_longer copies a row into the buffer whose first columns
 * are those of another row, which is in a slot, and whose others are given;
 * values and isnull have room for all.  Else it is ckpt_bulkinsert_add().
 *
 * Where there are no nulls, a row begins with the bytes of the other one.
 */
HeapTuple
ckpt_bulkinsert_add_longer(CkptBulkInsert *buf, TupleTableSlot *row,
						  Datum *values, bool *isnull)
{
	HeapTuple	begin = TTS_IS_BUFFERTUPLE(row) || TTS_IS_HEAPTUPLE(row) ?
		((HeapTupleTableSlot *) row)->tuple : NULL;

	if (begin && !HeapTupleHasNulls(begin) && !HeapTupleHasExternal(begin) &&
		HeapTupleHeaderGetNatts(begin->t_data) == buf->nbegin &&
		!any_null(isnull, buf->nbegin, buf->desc->natts) &&
		buf->bytes <= SPILL_BYTES)
	{
		Size		begin_len = begin->t_len - begin->t_data->t_hoff;
		Size		data_len = data_end(buf->desc, buf->nbegin, begin_len, values);

		if (data_len <= MaxHeapTupleSize - MAXALIGN(SizeofHeapTupleHeader))
		{
			HeapTuple	tuple = new_row(buf, false, data_len);
			char	   *data = (char *) tuple->t_data + tuple->t_data->t_hoff;

			memcpy(data, (char *) begin->t_data + begin->t_data->t_hoff, begin_len);
			memset(data + begin_len, 0, data_len - begin_len);
			heap_fill_tuple(buf->rest_desc, values + buf->nbegin, isnull + buf->nbegin,
							data + begin_len, data_len - begin_len,
							&tuple->t_data->t_infomask, NULL);
			tuple->t_data->t_infomask |= begin->t_data->t_infomask & HEAP_HASVARWIDTH;
			return keep_row(buf, tuple);
		}
	}

	slot_getallattrs(row);
	memcpy(values, row->tts_values, buf->nbegin * sizeof(Datum));
	memcpy(isnull, row->tts_isnull, buf->nbegin * sizeof(bool));
	return ckpt_bulkinsert_add(buf, values, isnull);
}

/*
 * ckpt_bulkinsert_add_numbered copies a table's row, which is in a slot, into the
 * buffer, with a number of type bigint in front of its columns and without the
 * first ones of them, which are so many bigints.  It returns the row, or NULL if
 * the row cannot be copied as it stands: the caller has to take it apart.
 *
 * A bigint before another row's bytes, or in the place of one, leaves each value
 * at its alignment.
 */
HeapTuple
ckpt_bulkinsert_add_numbered(CkptBulkInsert *buf, int64 number, TupleTableSlot *row,
							 int left_out)
{
	const char *from_data;
	Size		len;
	HeapTuple	from = ckpt_row_as_it_stands(row, left_out, buf->desc->natts - 1, &from_data, &len);
	HeapTuple	tuple;
	char	   *data;

	if (from == NULL || buf->bytes > SPILL_BYTES ||
		sizeof(int64) + len > MaxHeapTupleSize - MAXALIGN(SizeofHeapTupleHeader))
		return NULL;
	tuple = new_row(buf, false, sizeof(int64) + len);
	data = (char *) tuple->t_data + tuple->t_data->t_hoff;
	memcpy(data, &number, sizeof(int64));
	memcpy(data + sizeof(int64), from_data, len);
	tuple->t_data->t_infomask |= from->t_data->t_infomask & HEAP_HASVARWIDTH;
	return keep_row(buf, tuple);
}

/*
 * ckpt_bulkinsert_truncate drops the rows after the first nrows, which must not
 * end within the part that was spilled.  Their memory is free after the flush.
 */
void
ckpt_bulkinsert_truncate(CkptBulkInsert *buf, int64 nrows)
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
 * make_slots makes the first slots, of those that are not there yet.
 */
static void
make_slots(CkptBulkInsert *buf, int n)
{
	MemoryContext oldcxt = MemoryContextSwitchTo(GetMemoryChunkContext(buf));

	for (int i = 0; i < n; i++)
	{
		if (buf->slots[i] == NULL)
			buf->slots[i] = MakeSingleTupleTableSlot(buf->desc, &TTSOpsHeapTuple);
	}
	MemoryContextSwitchTo(oldcxt);
}

/*
 * lend_rows puts rows into the slots.  A slot believes that its row is its own:
 * else it would make a copy when the row is inserted.
 */
static void
lend_rows(CkptBulkInsert *buf, HeapTuple *tuples, int n)
{
	make_slots(buf, n);
	for (int i = 0; i < n; i++)
	{
		ExecStoreHeapTuple(tuples[i], buf->slots[i], false);
		buf->slots[i]->tts_flags |= TTS_FLAG_SHOULDFREE;
	}
	buf->nlent = n;
}

static void
take_back_rows(CkptBulkInsert *buf)
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
 * Indexes that the table's owner has made on it since we did.  Their functions
 * run as that owner.
 */
typedef struct TableIndexes
{
	EState	   *estate;			/* NULL if there are none */
	ResultRelInfo *rel;
	CkptUser	saved;
} TableIndexes;

static TableIndexes
indexes_open(Relation rel)
{
	TableIndexes indexes = {NULL, NULL};

	if (rel->rd_rel->relhasindex)
	{
		indexes.saved = ckpt_user_become(rel->rd_rel->relowner);
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
	ckpt_user_restore(indexes->saved);
}

/*
 * ckpt_bulkinsert_flush inserts all rows into a table, in order, and empties the
 * buffer.  After an error the buffer is good for ckpt_bulkinsert_reset() only.
 *
 * Needs a transaction with an active snapshot; options are those of
 * table_multi_insert().  Indexes are served; triggers and constraints are not:
 * the table was made without, and is written by nobody else.  If first_id is
 * not 0, rows get numbers from there on in their first column.
 */
void
ckpt_bulkinsert_flush(CkptBulkInsert *buf, Relation rel, int options, int64 first_id)
{
	/*
	 * Rows that are born frozen are seen by later commands without a new number, which
	 * a function that runs in a parallel plan could not get.
	 */
	CommandId	cid = GetCurrentCommandId((options & TABLE_INSERT_FROZEN) == 0);
	BulkInsertState bistate = ckpt_bulkextend_begin();
	MemoryContext oldcxt = MemoryContextSwitchTo(buf->cxt);
	TableIndexes indexes = indexes_open(rel);

	for (int i = 0; first_id != 0 && i < buf->ntuples; i++)
		number_row((char *) buf->tuples[i]->t_data + buf->tuples[i]->t_data->t_hoff,
				   first_id++);

	for (int done = 0; done < buf->ntuples;)
	{
		int			n = Min(buf->nslots, buf->ntuples - done);

		lend_rows(buf, buf->tuples + done, n);
		ckpt_bulkextend(rel, buf->tuples + done, buf->slots, n, cid, options, bistate);
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
	ckpt_bulkinsert_reset(buf);
}

/*
 * ckpt_bulkinsert_reset empties the buffer.
 */
void
ckpt_bulkinsert_reset(CkptBulkInsert *buf)
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
