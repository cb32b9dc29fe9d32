/*-------------------------------------------------------------------------
 *
 * match.h
 *	  Pairs equal rows of two streams, one for one.
 *
 * Knows rows as hashes and ids, from whatever source: see match_source.h.  Does not
 * know tables, results or code.  carry.c calls it.
 *
 * IDENTIFICATION
 *	  src/match.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef CKPT_MATCH_H
#define CKPT_MATCH_H

#include "rowhash.h"
#include "storage/itemptr.h"

/* A row, as far as it matters here. */
typedef struct CkptMatchRow
{
	uint64		lo;				/* hash of what makes rows equal */
	uint64		hi;
	int64		id;
	ItemPointerData tid;		/* the source's business */
} CkptMatchRow;

/* Where rows come from: the first member of the source's own struct. */
typedef struct CkptMatchSource
{
	bool		(*next) (struct CkptMatchSource *source);	/* reads a row, or returns
															 * false */
	CkptMatchRow row;			/* the one read last */
} CkptMatchSource;

/*
 * Called for each pair.  If the rows are near, both sources have just read them or
 * read them lately; else they met only after the end, and their TIDs are not
 * known.
 */
typedef void (*CkptMatchFound) (void *arg, const CkptMatchRow *old,
								const CkptMatchRow *new, bool near);

extern int64 ckpt_match(CkptMatchSource *old, CkptMatchSource *new,
						CkptMatchFound found, void *arg);

#endif							/* CKPT_MATCH_H */
