/*-------------------------------------------------------------------------
 *
 * bulkextend.c
 *	  Rows appended to a table, many pages at a time.
 *
 * This is a stand-in for what PostgreSQL 16 and later do themselves, in
 * RelationAddBlocks(): all of it but ckpt_bulkextend_begin() goes when PostgreSQL 15
 * is not supported any more, and table_multi_insert() is called instead.  Later
 * servers do not compile it (CKPT_ADDS_PAGES); nothing outside knows of it.
 *
 * PostgreSQL 15 extends a table page by page, with a system call or two for
 * each, which costs more than all else that is done to write a row.  Here, the
 * pages that the next rows need are counted, the file grows by all of them at
 * once, and the server is led to each in turn.  It still does all that matters
 * itself: it initialises the page, writes WAL and looks again how many rows fit.
 * If it finds less room than was thought it extends the table as ever.
 *
 * The file grows by no more than what is filled at once, so no table ends in
 * empty pages.  After an error or a crash some may be left: like those that
 * the server leaves behind, they are all zeros, which is an empty page to
 * everybody.
 *
 * Nothing here relies on being the only one that writes to the table.  From the
 * moment that the file has grown, every process may find the new pages: VACUUM
 * puts them into the free space map, another worker begins with the last one,
 * the table's owner inserts by hand.  So a new page gets its buffer before the
 * file has grown, while nobody else can know of the page, and is pinned until it
 * was written to: what others put there meanwhile is in that buffer.  Nothing need
 * be read from the file.  What a page has room for is decided by
 * heap_multi_insert(), under the page's lock, and that the file grows by one
 * process at a time is what the relation's extension lock enforces.  If the file
 * cannot grow, buffers of zeros are left, as after the server's own attempts;
 * they are never written, and the server takes them for what they are.
 *
 * Disk space is allocated, not just promised: a full disk is noticed here, by
 * an error, and not when the page is written out.
 *
 * IDENTIFICATION
 *	  src/bulkextend.c
 *
 *-------------------------------------------------------------------------
 */
#include "checkpoint.h"

#include <fcntl.h>
#include <unistd.h>

#include "access/heaptoast.h"
#include "access/hio.h"
#include "access/htup_details.h"
#include "access/tableam.h"
#include "bulkextend.h"
#include "catalog/pg_am.h"
#include "common/relpath.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "storage/fd.h"
#include "storage/lmgr.h"

/*
 * ckpt_bulkextend_begin makes a state for some calls of ckpt_bulkextend(); end it with
 * FreeBulkInsertState(), in the same transaction.
 *
 * It does without the server's ring of buffers: where the ring closes, a
 * process waits for the WAL of what it wrote a moment before.
 */
BulkInsertState
ckpt_bulkextend_begin(void)
{
	BulkInsertState bistate = GetBulkInsertState();

	FreeAccessStrategy(bistate->strategy);
	bistate->strategy = NULL;
	return bistate;
}

#ifdef CKPT_ADDS_PAGES

/* At most so many pages are added, and pinned, at a time. */
#define MAX_PAGES		64

/*
 * rows_on_page returns how many of the rows heap_multi_insert() will put on a
 * page that has so many line pointers and so much room between them and the
 * rows.
 */
static int
rows_on_page(HeapTuple *tuples, int ntuples, int nlines, Size room, Size reserve)
{
	int			n = 0;

	while (n < ntuples && nlines + n < MaxHeapTuplesPerPage)
	{
		Size		size = MAXALIGN(tuples[n]->t_len) + sizeof(ItemIdData);

		/* fillfactor does not keep a page from having one row */
		if (size + (nlines + n > 0 ? reserve : 0) > room)
			break;
		room -= size;
		n++;
	}
	return n;
}

/*
 * rows_on_last_page returns how many of the rows will go to the page that the
 * rows before them went to.
 */
static int
rows_on_last_page(HeapTuple *tuples, int ntuples, Buffer buffer, Size reserve)
{
	Page		page = BufferGetPage(buffer);
	int			n;

	LockBuffer(buffer, BUFFER_LOCK_SHARE);
	n = PageIsNew(page) ? 0 :
		rows_on_page(tuples, ntuples, PageGetMaxOffsetNumber(page),
					 PageGetExactFreeSpace(page), reserve);
	LockBuffer(buffer, BUFFER_LOCK_UNLOCK);
	return n;
}

/*
 * allocate_file makes a segment of a table's file longer, from one block to
 * another, and returns whether that went well.
 */
static bool
allocate_file(Relation rel, BlockNumber block, int nblocks)
{
	char	   *path = relpath(RelationGetSmgr(rel)->smgr_rnode, MAIN_FORKNUM);
	BlockNumber segment = block / RELSEG_SIZE;
	int			fd;
	int			rc;

	if (segment > 0)
		path = psprintf("%s.%u", path, segment);
	fd = OpenTransientFile(path, O_RDWR | PG_BINARY);
	if (fd < 0)
		return false;
	rc = posix_fallocate(fd, (off_t) (block % RELSEG_SIZE) * BLCKSZ,
						 (off_t) nblocks * BLCKSZ);
	return CloseTransientFile(fd) == 0 && rc == 0;
}

/*
 * zeroed_page returns a page behind the table's end, of zeros, which it pins.  The
 * caller holds the lock for extending the table.
 */
static Buffer
zeroed_page(Relation rel, BlockNumber block)
{
	Buffer		buffer = ReadBufferExtended(rel, MAIN_FORKNUM, block, RBM_ZERO_AND_LOCK, NULL);

	LockBuffer(buffer, BUFFER_LOCK_UNLOCK);
	return buffer;
}

/*
 * add_pages adds pages to a table, whose lock for extending is held, pins them and
 * returns how many.  If 0, the server must do it, or say why it cannot be done.
 */
static int
add_pages(Relation rel, int npages, Buffer *pages)
{
	BlockNumber first = RelationGetNumberOfBlocks(rel);

	npages = Min(npages, RELSEG_SIZE - first % RELSEG_SIZE);
	if (first % RELSEG_SIZE == 0)
		npages = 0;				/* a file to be created */
	for (int i = 0; i < npages; i++)
		pages[i] = zeroed_page(rel, first + i);
	if (npages > 0 && !allocate_file(rel, first, npages))
	{
		/* zeros behind the end do not disturb the server */
		for (int i = 0; i < npages; i++)
			ReleaseBuffer(pages[i]);
		npages = 0;
	}
	return npages;
}

/*
 * max_pages returns how many pages may be pinned at a time: this process's share
 * of the shared buffers, at most.
 */
static int
max_pages(void)
{
	return Min(MAX_PAGES, NBuffers / MaxBackends);
}

/*
 * append_to_pages appends rows and returns how many: all of them, unless pages
 * cannot be added.
 */
static int
append_to_pages(Relation rel, HeapTuple *tuples, TupleTableSlot **slots, int ntuples,
				CommandId cid, int options, BulkInsertState bistate)
{
	Size		reserve = RelationGetTargetPageFreeSpace(rel, HEAP_DEFAULT_FILLFACTOR);
	int			most = max_pages();
	int			done = 0;
	int			n;

	/* the server knows best where to begin */
	if (bistate->current_buf == InvalidBuffer)
	{
		done = 1;
		heap_multi_insert(rel, slots, done, cid, options, bistate);
	}
	n = rows_on_last_page(tuples + done, ntuples - done, bistate->current_buf, reserve);
	if (n > 0)
		heap_multi_insert(rel, slots + done, n, cid, options, bistate);
	done += n;

	while (done < ntuples)
	{
		int			nrows[MAX_PAGES];	/* for each page */
		Buffer		pages[MAX_PAGES];
		int			npages = 0;
		int			counted = done;

		while (counted < ntuples && npages < most)
		{
			nrows[npages] = rows_on_page(tuples + counted, ntuples - counted, 0,
										 BLCKSZ - SizeOfPageHeaderData, reserve);
			counted += nrows[npages++];
		}
		if (npages < 2)
			break;
		LockRelationForExtension(rel, ExclusiveLock);
		npages = add_pages(rel, npages, pages);
		UnlockRelationForExtension(rel, ExclusiveLock);
		if (npages == 0)
			break;
		for (int i = 0; i < npages; i++)
		{
			ReleaseBuffer(bistate->current_buf);
			bistate->current_buf = pages[i];
			heap_multi_insert(rel, slots + done, nrows[i], cid, options, bistate);
			done += nrows[i];
		}
	}
	return done;
}

/*
 * can_count_pages returns whether it can be foreseen which pages rows need:
 * not if values of theirs are to be stored elsewhere.
 */
static bool
can_count_pages(Relation rel, HeapTuple *tuples, int ntuples)
{
	if (rel->rd_rel->relam != HEAP_TABLE_AM_OID)
		return false;
	for (int i = 0; i < ntuples; i++)
	{
		if (HeapTupleHasExternal(tuples[i]) || tuples[i]->t_len > TOAST_TUPLE_THRESHOLD)
			return false;
	}
	return true;
}

#endif

/*
 * ckpt_bulkextend does what table_multi_insert() does.  The slots hold the tuples;
 * the state is one of ckpt_bulkextend_begin().
 */
void
ckpt_bulkextend(Relation rel, HeapTuple *tuples, TupleTableSlot **slots, int ntuples,
			CommandId cid, int options, BulkInsertState bistate)
{
	int			done = 0;

#ifdef CKPT_ADDS_PAGES
	if (can_count_pages(rel, tuples, ntuples))
		done = append_to_pages(rel, tuples, slots, ntuples, cid, options, bistate);
#endif
	if (done < ntuples)
		table_multi_insert(rel, slots + done, ntuples - done, cid, options, bistate);
}

/*
 * ckpt_bulkextend_add adds so many pages, of zeros, to a table whose lock for extending
 * is held, and pins them.
 */
void
ckpt_bulkextend_add(Relation rel, int npages, Buffer *pages)
{
	int			done = 0;

	while (done < npages)
	{
		int			added = 0;

#ifdef CKPT_ADDS_PAGES
		added = add_pages(rel, npages - done, pages + done);
#endif
		if (added == 0)
			added = ckpt_add_pages(rel, npages - done, pages + done);
		done += added;
	}
}
