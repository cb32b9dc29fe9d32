/*-------------------------------------------------------------------------
 *
 * pagelsn.h
 *	  The LSN of each page of a table, at the price of a few bytes a page.
 *
 * Knows nothing of rows, and nothing of what an LSN is good for; pagestate.c
 * does and is who calls it.
 *
 * IDENTIFICATION
 *	  src/pagelsn.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef CKPT_PAGELSN_H
#define CKPT_PAGELSN_H

#include "checkpoint.h"

#include "access/xlogdefs.h"
#include "storage/block.h"
#include "storage/bufmgr.h"
#include "utils/relcache.h"

/* A table whose pages' LSNs are asked for, in the order of its pages. */
typedef struct CkptPageLsns
{
	Relation	rel;
	BlockNumber nblocks;
	int			fd;				/* of a segment of its file; -1 is none */
	BlockNumber segment;		/* which one; InvalidBlockNumber before the first */
	bool		by_file;		/* the file may be read */
	Buffer	   *buffers;		/* where the segment's pages were seen, if they were looked for */
	BufferAccessStrategy strategy;	/* for pages that must be read whole */
} CkptPageLsns;

extern void ckpt_pagelsn_begin(CkptPageLsns *lsns, Relation rel, BlockNumber nblocks);
extern XLogRecPtr ckpt_pagelsn_get(CkptPageLsns *lsns, BlockNumber block);
extern void ckpt_pagelsn_end(CkptPageLsns *lsns);

#endif							/* CKPT_PAGELSN_H */
