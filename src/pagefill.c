/*-------------------------------------------------------------------------
 *
 * pagefill.c
 *	  Numbered rows on their way into a new table, in several processes.
 *
 * The server has no means to write to a table in the processes of a parallel query:
 * heap_insert() refuses.  What it fears does not concern a table that is new in this
 * transaction.  Nobody sees it, so its rows are born frozen, and no command number
 * counts.  The transaction id is there
 * before the processes are; they have it from the session, and it waits for them
 * whatever the end.  So pages can be filled here, and given to the server as wholes,
 * in shared buffers, with the WAL that heap_multi_insert() would write.  What becomes
 * of them at commit, abort or a crash is the server's business, as ever.
 *
 * Pages are added and numbers drawn while one lock is held, the server's own for
 * extending a table, which also keeps the processes of a parallel query apart.  So
 * the order of numbers is that of pages.  When a process has too few rows to fill a
 * page it keeps them, until it has no more: so each leaves at most one page with room.
 *
 * Values that belong into the TOAST table cannot be written here, and the rows are
 * refused.
 *
 * IDENTIFICATION
 *	  src/pagefill.c
 *
 *-------------------------------------------------------------------------
 */
#include "checkpoint.h"

#include "access/heapam.h"
#include "access/heapam_xlog.h"
#include "access/heaptoast.h"
#include "access/htup_details.h"
#include "access/transam.h"
#include "access/visibilitymap.h"
#include "access/xact.h"
#include "access/xloginsert.h"
#include "bulkextend.h"
#include "bulkinsert.h"
#include "catalog/pg_am.h"
#include "miscadmin.h"
#include "pagefill.h"
#include "storage/bufmgr.h"
#include "storage/bufpage.h"
#include "storage/lmgr.h"

/* So many pages are collected, at most. */
#define MAX_PAGES		64

struct CkptPageFill
{
	Relation	rel;
	CkptPageFillShared *shared;
	Size		reserve;		/* room that a page is to keep */
	TransactionId xid;
	CommandId	cid;
	int			most;			/* pages to collect */
	int			npages;			/* that have rows */
	int64		nrows;			/* in these */
	char	   *pages;
};

/*
 * ckpt_pagefill_can returns whether a table can be filled here.
 */
bool
ckpt_pagefill_can(Relation rel)
{
	return rel->rd_rel->relam == HEAP_TABLE_AM_OID && !RelationUsesLocalBuffers(rel) &&
		!rel->rd_rel->relhasindex;
}

/*
 * ckpt_pagefill_create makes what a process needs, in CurrentMemoryContext.  The
 * transaction has an id.
 */
CkptPageFill *
ckpt_pagefill_create(Relation rel, CkptPageFillShared *shared)
{
	CkptPageFill *fill = palloc0(sizeof(CkptPageFill));

	fill->rel = rel;
	fill->shared = shared;
	fill->reserve = RelationGetTargetPageFreeSpace(rel, HEAP_DEFAULT_FILLFACTOR);
	fill->xid = GetCurrentTransactionId();
	fill->cid = GetCurrentCommandId(false);
	/* pins: at most this process's share of the shared buffers */
	fill->most = Max(1, Min(MAX_PAGES, NBuffers / MaxBackends));
	fill->pages = palloc(fill->most * BLCKSZ);
	return fill;
}

static inline Page
page_at(const CkptPageFill *fill, int i)
{
	return (Page) (fill->pages + i * BLCKSZ);
}

/*
 * new_row makes room for a row, which has no values yet and is behind all others.  It
 * is good until the next one is added.
 */
static inline HeapTupleHeader
new_row(CkptPageFill *fill, Size len)
{
	Size		size = MAXALIGN(len);
	PageHeader	page = fill->npages > 0 ? (PageHeader) page_at(fill, fill->npages - 1) : NULL;
	OffsetNumber last = page ? PageGetMaxOffsetNumber((Page) page) : 0;
	ItemId		item;

	if (page == NULL || last >= MaxHeapTuplesPerPage ||
		page->pd_upper - page->pd_lower < size + sizeof(ItemIdData) + (last > 0 ? fill->reserve : 0))
	{
		if (fill->npages == fill->most)
			ckpt_pagefill_flush(fill);
		page = (PageHeader) page_at(fill, fill->npages++);
		PageInit((Page) page, BLCKSZ, 0);
		PageSetAllVisible((Page) page);
		last = 0;
	}
	page->pd_upper -= size;
	item = PageGetItemId((Page) page, last + 1);
	ItemIdSetNormal(item, page->pd_upper, len);
	page->pd_lower += sizeof(ItemIdData);
	fill->nrows++;
	return (HeapTupleHeader) ((char *) page + page->pd_upper);
}

/*
 * set_header makes a row's header, but for its null bitmap and t_ctid.
 */
static inline void
set_header(CkptPageFill *fill, HeapTupleHeader header, Size hoff)
{
	HeapTupleHeaderSetNatts(header, RelationGetNumberOfAttributes(fill->rel));
	header->t_hoff = hoff;
	header->t_infomask |= HEAP_XMAX_INVALID;
	HeapTupleHeaderSetXmin(header, fill->xid);
	HeapTupleHeaderSetXminFrozen(header);
	HeapTupleHeaderSetCmin(header, fill->cid);
}

static inline void
set_row(HeapTuple row, HeapTupleHeader header, Size len)
{
	row->t_len = len;
	row->t_data = header;
	row->t_tableOid = InvalidOid;
	ItemPointerSetInvalid(&row->t_self);
}

/*
 * needs_toast returns whether any of a row's values is stored elsewhere.
 */
static bool
needs_toast(TupleDesc desc, const Datum *values, const bool *isnull)
{
	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);

		if (att->attlen == -1 && !isnull[i] &&
			VARATT_IS_EXTERNAL(DatumGetPointer(values[i])) &&
			!VARATT_IS_EXTERNAL_EXPANDED(DatumGetPointer(values[i])))
			return true;
	}
	return false;
}

/*
 * ckpt_pagefill_add adds a row; its first column, which becomes its number, is given
 * as any bigint.  *row is the row as it stands in memory, until the next is added.
 * Returns false if the row has, or must get, values in the TOAST table.
 */
bool
ckpt_pagefill_add(CkptPageFill *fill, Datum *values, bool *isnull, HeapTuple row)
{
	TupleDesc	desc = RelationGetDescr(fill->rel);
	bool		hasnull = false;
	HeapTupleHeader header;
	Size		hoff;
	Size		len;

	if (needs_toast(desc, values, isnull))
		return false;
	for (int i = 0; i < desc->natts; i++)
		hasnull |= isnull[i];
	hoff = MAXALIGN(SizeofHeapTupleHeader + (hasnull ? BITMAPLEN(desc->natts) : 0));
	len = hoff + heap_compute_data_size(desc, values, isnull);
	if (len > TOAST_TUPLE_THRESHOLD)
		return false;
	header = new_row(fill, len);
	memset(header, 0, MAXALIGN(len));	/* what is between values is part of the row */
	heap_fill_tuple(desc, values, isnull, (char *) header + hoff, len - hoff,
					&header->t_infomask, hasnull ? header->t_bits : NULL);
	set_header(fill, header, hoff);
	set_row(row, header, len);
	return true;
}

/*
 * ckpt_pagefill_copy adds another table's row, which is in a slot, with a number in
 * front and without its first columns, which are so many bigints.  Returns false if
 * the row cannot be copied as it stands: the caller has to take it apart.
 *
 * A bigint before another row's bytes, or in the place of one, leaves each value
 * at its alignment.
 */
bool
ckpt_pagefill_copy(CkptPageFill *fill, TupleTableSlot *slot, int left_out, HeapTuple row)
{
	const char *data;
	Size		len;
	HeapTuple	from = ckpt_row_as_it_stands(slot, left_out, RelationGetNumberOfAttributes(fill->rel) - 1,
											 &data, &len);
	Size		hoff = MAXALIGN(SizeofHeapTupleHeader);
	HeapTupleHeader header;
	Size		size;

	if (from == NULL || (size = hoff + sizeof(int64) + len) > TOAST_TUPLE_THRESHOLD)
		return false;
	header = new_row(fill, size);
	memset(header, 0, hoff + sizeof(int64));
	memcpy((char *) header + hoff + sizeof(int64), data, len);
	memset((char *) header + size, 0, MAXALIGN(size) - size);
	header->t_infomask = from->t_data->t_infomask & HEAP_HASVARWIDTH;
	set_header(fill, header, hoff);
	set_row(row, header, size);
	return true;
}

/*
 * ckpt_pagefill_add_tuple adds a row of the table that was formed, and whose long
 * values are in the TOAST table.
 */
void
ckpt_pagefill_add_tuple(CkptPageFill *fill, HeapTuple tuple)
{
	Size		hoff = tuple->t_data->t_hoff;
	HeapTupleHeader header;

	if (MAXALIGN(tuple->t_len) > MaxHeapTupleSize)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("row is too big: size %zu, maximum size %zu", (Size) tuple->t_len,
						(Size) MaxHeapTupleSize)));
	header = new_row(fill, tuple->t_len);
	memcpy(header, tuple->t_data, tuple->t_len);
	memset((char *) header + tuple->t_len, 0, MAXALIGN(tuple->t_len) - tuple->t_len);
	memset(header, 0, offsetof(HeapTupleHeaderData, t_infomask2));
	header->t_infomask2 = 0;
	header->t_infomask &= HEAP_HASNULL | HEAP_HASVARWIDTH | HEAP_HASEXTERNAL;
	set_header(fill, header, hoff);
}

/*
 * number_rows gives the rows of a page their numbers and places, and returns how many
 * there are.
 */
static int
number_rows(Page page, BlockNumber block, int64 number)
{
	OffsetNumber last = PageGetMaxOffsetNumber(page);

	for (OffsetNumber i = FirstOffsetNumber; i <= last; i++, number++)
	{
		HeapTupleHeader header = (HeapTupleHeader) PageGetItem(page, PageGetItemId(page, i));

		memcpy((char *) header + header->t_hoff, &number, sizeof(number));
		ItemPointerSet(&header->t_ctid, block, i);
	}
	return last;
}

/*
 * log_page writes WAL of a page that got its rows at once, as heap_multi_insert() does,
 * in a critical section.  Nobody decodes the rows: see hidden.h.
 */
static void
log_page(Page page, Buffer buffer)
{
	PGAlignedBlock scratch;
	char	   *end = scratch.data;
	XLogRecPtr	lsn;
	xl_heap_multi_insert record = {
		.flags = XLH_INSERT_ALL_FROZEN_SET | XLH_INSERT_LAST_IN_MULTI,
		.ntuples = PageGetMaxOffsetNumber(page)
	};

	for (OffsetNumber i = FirstOffsetNumber; i <= record.ntuples; i++)
	{
		ItemId		item = PageGetItemId(page, i);
		HeapTupleHeader row = (HeapTupleHeader) PageGetItem(page, item);
		xl_multi_insert_tuple *header = (xl_multi_insert_tuple *) SHORTALIGN(end);

		header->t_infomask2 = row->t_infomask2;
		header->t_infomask = row->t_infomask;
		header->t_hoff = row->t_hoff;
		header->datalen = ItemIdGetLength(item) - SizeofHeapTupleHeader;
		end = (char *) header + SizeOfMultiInsertTuple;
		memcpy(end, (char *) row + SizeofHeapTupleHeader, header->datalen);
		end += header->datalen;
	}
	XLogBeginInsert();
	XLogRegisterData((char *) &record, SizeOfHeapMultiInsert);
	XLogRegisterBuffer(0, buffer, REGBUF_STANDARD | REGBUF_WILL_INIT);
	XLogRegisterBufData(0, scratch.data, end - scratch.data);
	lsn = XLogInsert(RM_HEAP2_ID, XLOG_HEAP2_MULTI_INSERT | XLOG_HEAP_INIT_PAGE);
	PageSetLSN(BufferGetPage(buffer), lsn);
}

/*
 * write_page puts a page into the table: into a buffer, which it lets go of.
 */
static void
write_page(Relation rel, Page page, Buffer buffer, Buffer *map)
{
	BlockNumber block = BufferGetBlockNumber(buffer);

	visibilitymap_pin(rel, block, map);
	LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
	START_CRIT_SECTION();
	memcpy(BufferGetPage(buffer), page, BLCKSZ);
	MarkBufferDirty(buffer);
	if (RelationNeedsWAL(rel))
		log_page(page, buffer);
	END_CRIT_SECTION();
	(void) visibilitymap_set(rel, block, buffer, InvalidXLogRecPtr, *map, InvalidTransactionId,
							 VISIBILITYMAP_ALL_VISIBLE | VISIBILITYMAP_ALL_FROZEN);
	UnlockReleaseBuffer(buffer);
}

/*
 * ckpt_pagefill_flush puts all pages behind the table's end.
 */
void
ckpt_pagefill_flush(CkptPageFill *fill)
{
	Buffer		buffers[MAX_PAGES];
	Buffer		map = InvalidBuffer;
	int64		number;

	if (fill->npages == 0)
		return;
	LockRelationForExtension(fill->rel, ExclusiveLock);
	ckpt_bulkextend_add(fill->rel, fill->npages, buffers);
	number = (int64) pg_atomic_fetch_add_u64(&fill->shared->rows, fill->nrows) + 1;
	UnlockRelationForExtension(fill->rel, ExclusiveLock);

	for (int i = 0; i < fill->npages; i++)
	{
		Page		page = page_at(fill, i);

		number += number_rows(page, BufferGetBlockNumber(buffers[i]), number);
		write_page(fill->rel, page, buffers[i], &map);
	}
	ReleaseBuffer(map);
	fill->npages = 0;
	fill->nrows = 0;
	CHECK_FOR_INTERRUPTS();
}
