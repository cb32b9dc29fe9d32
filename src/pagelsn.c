/*-------------------------------------------------------------------------
 *
 * pagelsn.c
 *	  The LSN of each page of a table, at the price of a few bytes a page.
 *
 * A page that is in shared buffers is looked at there.  Of any other page the
 * first bytes of its place in the file are read, which is where the LSN is; the
 * page is not brought into shared buffers, and no other has to leave them.
 *
 * Which pages are in shared buffers is found out by looking at all buffers, once
 * for each file of the table, where that is cheaper than to ask the buffers' own
 * table for each page.  A buffer is looked at without its lock; before its page's
 * LSN is taken, its header is locked, which keeps it from getting another page.
 * The page itself is not locked: who changes it has not committed.
 *
 * So that no change is overlooked, this order matters: first the buffers, then the
 * file.  The server takes a changed page out of its buffer only after it has given
 * the page to the operating system.  So when no buffer has a page, the file has
 * all changes that were made before the look.  What happens between that look and
 * the read of the file (the page is read in, changed and perhaps written back) is a
 * change that comes later than the call, which a caller must expect anyway: the
 * read gives the LSN before or the one after.  If the page is changed, or written,
 * at the very moment it is read, the two halves of the LSN could in theory come
 * from different changes; that is why callers must not only ask whether an LSN is
 * newer than another, but whether all are the same.
 *
 * A page that is found in the buffers' table, and has left its buffer before that
 * could be pinned, or is just being read, is read as the server reads pages.  So
 * are all pages where the server reads and writes files past the operating
 * system's cache, or where the file cannot be opened.  The caller's lock on the
 * table keeps the file from being cut or replaced.
 *
 * IDENTIFICATION
 *	  src/pagelsn.c
 *
 *-------------------------------------------------------------------------
 */
#include "checkpoint.h"

#include <fcntl.h>
#include <unistd.h>

#include "common/relpath.h"
#include "compat.h"
#include "pagelsn.h"
#include "storage/buf_internals.h"
#include "storage/bufmgr.h"
#include "storage/bufpage.h"
#include "storage/fd.h"
#include "utils/rel.h"
#include "utils/wait_event.h"

StaticAssertDecl(offsetof(PageHeaderData, pd_lsn) == 0, "a page begins with its LSN");
StaticAssertDecl(offsetof(BufferTag, blockNum) == 4 * sizeof(uint32), "a tag has no gaps");

/* To look at so many buffers costs as much as to ask for one page. */
#define BUFFERS_A_PAGE	16

/*
 * ckpt_pagelsn_begin prepares to get the LSNs of the first nblocks pages of a
 * permanent table, of which the caller holds a lock until ckpt_pagelsn_end().
 * After an error, abort closes the file.
 */
void
ckpt_pagelsn_begin(CkptPageLsns *lsns, Relation rel, BlockNumber nblocks)
{
	lsns->rel = rel;
	lsns->nblocks = nblocks;
	lsns->buffers = NULL;
	lsns->fd = -1;
	lsns->segment = InvalidBlockNumber;
	lsns->by_file = !ckpt_io_is_direct;
	lsns->strategy = GetAccessStrategy(BAS_BULKREAD);
}

static void
close_segment(CkptPageLsns *lsns)
{
	if (lsns->fd >= 0)
		CloseTransientFile(lsns->fd);
	lsns->fd = -1;
	if (lsns->buffers)
		pfree(lsns->buffers);
	lsns->buffers = NULL;
}

/*
 * look_at_buffers finds out which pages of a segment are in shared buffers, and in
 * which, unless the segment has too few pages for that.
 */
static void
look_at_buffers(CkptPageLsns *lsns, BlockNumber segment)
{
	BlockNumber first = segment * RELSEG_SIZE;
	BlockNumber npages = Min(lsns->nblocks - first, (BlockNumber) RELSEG_SIZE);
	BufferTag	tag;

	if (NBuffers / BUFFERS_A_PAGE > npages)
		return;
	lsns->buffers = palloc0_array(Buffer, npages);
	ckpt_buffer_tag(&tag, lsns->rel, first);
	pg_memory_barrier();
	for (int id = 0; id < NBuffers; id++)
	{
		BufferDesc *desc = GetBufferDescriptor(id);
		BlockNumber block;

		if (memcmp(&desc->tag, &tag, offsetof(BufferTag, blockNum)) != 0)
			continue;
		block = desc->tag.blockNum;
		if (block >= first && block - first < npages)
			lsns->buffers[block - first] = id + 1;
	}
	/* files are not read before */
	pg_memory_barrier();
}

/*
 * open_segment opens the part of the file that a block is in.
 */
static void
open_segment(CkptPageLsns *lsns, BlockNumber segment)
{
	char	   *path = ckpt_rel_path(lsns->rel);

	close_segment(lsns);
	if (segment > 0)
		path = psprintf("%s.%u", path, segment);
	lsns->fd = OpenTransientFile(path, O_RDONLY | PG_BINARY);
	lsns->by_file = lsns->fd >= 0;
	lsns->segment = segment;
	if (lsns->by_file)
		look_at_buffers(lsns, segment);
}

/*
 * lsn_in_file reads a page's LSN from the file, and returns whether that was
 * possible.
 */
static bool
lsn_in_file(CkptPageLsns *lsns, BlockNumber block, XLogRecPtr *lsn)
{
	PageXLogRecPtr value;
	ssize_t		nread;

	if (!lsns->by_file)
		return false;
	pgstat_report_wait_start(WAIT_EVENT_DATA_FILE_READ);
	nread = pg_pread(lsns->fd, &value, sizeof(value), (off_t) (block % RELSEG_SIZE) * BLCKSZ);
	pgstat_report_wait_end();
	if (nread != sizeof(value))
		return false;
	*lsn = PageXLogRecPtrGet(value);
	return true;
}

/*
 * lsn_in_buffer takes the LSN of a block's page from the buffer that was seen to
 * have it, and returns whether it still does.
 */
static bool
lsn_in_buffer(Relation rel, BlockNumber block, Buffer buffer, XLogRecPtr *lsn)
{
	BufferDesc *desc = GetBufferDescriptor(buffer - 1);
	BufferTag	tag;
	uint32		state;
	bool		found;

	ckpt_buffer_tag(&tag, rel, block);
	state = LockBufHdr(desc);
	found = (state & BM_VALID) != 0 && memcmp(&desc->tag, &tag, sizeof(tag)) == 0;
	if (found)
		*lsn = PageGetLSN(BufferGetPage(buffer));
	UnlockBufHdr(desc, state);
	return found;
}

/*
 * is_in_buffers returns whether a block is in a shared buffer, which it pins and
 * returns in *buffer; that is InvalidBuffer if it could not be pinned.
 */
static bool
is_in_buffers(Relation rel, BlockNumber block, Buffer *buffer)
{
	BufferTag	tag;
	uint32		hash;
	LWLock	   *lock;
	int			id;

	ckpt_buffer_tag(&tag, rel, block);
	hash = BufTableHashCode(&tag);
	lock = BufMappingPartitionLock(hash);
	LWLockAcquire(lock, LW_SHARED);
	id = BufTableLookup(&tag, hash);
	LWLockRelease(lock);

	*buffer = InvalidBuffer;
	if (id < 0)
		return false;
	if (ReadRecentBuffer(ckpt_rel_locator(rel), MAIN_FORKNUM, block, id + 1))
		*buffer = id + 1;
	return true;
}

/*
 * ckpt_pagelsn_get returns the LSN that a block's page has now.
 */
XLogRecPtr
ckpt_pagelsn_get(CkptPageLsns *lsns, BlockNumber block)
{
	Buffer		seen_in = InvalidBuffer;
	Buffer		buffer = InvalidBuffer;
	XLogRecPtr	lsn;

	if (lsns->by_file && lsns->segment != block / RELSEG_SIZE)
		open_segment(lsns, block / RELSEG_SIZE);
	if (lsns->buffers)
		seen_in = lsns->buffers[block % RELSEG_SIZE];
	if (BufferIsValid(seen_in) && lsn_in_buffer(lsns->rel, block, seen_in, &lsn))
		return lsn;
	if (((lsns->buffers && !BufferIsValid(seen_in)) || !is_in_buffers(lsns->rel, block, &buffer)) &&
		lsn_in_file(lsns, block, &lsn))
		return lsn;
	if (!BufferIsValid(buffer))
		buffer = ReadBufferExtended(lsns->rel, MAIN_FORKNUM, block, RBM_NORMAL, lsns->strategy);
	LockBuffer(buffer, BUFFER_LOCK_SHARE);
	/* a hint bit may set it under a lock that is shared, too */
	lsn = BufferGetLSNAtomic(buffer);
	UnlockReleaseBuffer(buffer);
	return lsn;
}

/*
 * ckpt_pagelsn_end lets go of the file.
 */
void
ckpt_pagelsn_end(CkptPageLsns *lsns)
{
	close_segment(lsns);
	FreeAccessStrategy(lsns->strategy);
}
