/*-------------------------------------------------------------------------
 *
 * ledger_client.h
 *	  The part of the ledger that clients write: range by range, by many at once.
 *
 * Processes of a step have the whole processed set in memory, and each writes rows
 * of its own.  Clients are many, call once in a while, and all write as one writer,
 * CKPT_LEDGER_CLIENTS: so what a call costs must not depend on the size of the
 * set, and it is the record itself that says which of two comes second.
 *
 * It does not know who has claimed which rows (see lease.h), nor whether a checkpoint
 * is open for clients: its callers look, under a lock.  client.c, lease.c and the
 * opening and finishing of steps call it.
 *
 * IDENTIFICATION
 *	  src/ledger_client.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef CKPT_LEDGER_CLIENT_H
#define CKPT_LEDGER_CLIENT_H

#include "ledger.h"

/* The ids of one range: those processed, say. */
typedef struct CkptRangeIds
{
	int64		range_no;
	int			size;			/* ids that it has; less than others: the last one */
	int			count;			/* ids that are in */
	uint8		bits[CKPT_IDSET_RANGE / 8];
} CkptRangeIds;

static inline int64
ckpt_range_of(int64 id)
{
	return (id - 1) / CKPT_IDSET_RANGE;
}

static inline int64
ckpt_range_first(int64 range_no)
{
	return range_no * CKPT_IDSET_RANGE + 1;
}

static inline bool
ckpt_range_has(const CkptRangeIds *range, int64 id)
{
	int			bit = (int) ((id - 1) % CKPT_IDSET_RANGE);

	return (range->bits[bit >> 3] & (1 << (bit & 7))) != 0;
}

extern void ckpt_ledger_open_for_clients(const CkptCheckpoint *cp);
extern int64 ckpt_ledger_count_processed(const CkptCheckpoint *cp);
extern int64 ckpt_ledger_mark_ids(const CkptCheckpoint *cp, const int64 *ids, int nids);
extern void ckpt_ledger_record_error(const CkptCheckpoint *cp, int64 id,
									 const CkptFailure *failure);
extern CkptRangeIds **ckpt_ledger_closed_ranges(const CkptCheckpoint *cp, int64 first, int nranges);
extern void ckpt_ledger_close_for_clients(const CkptCheckpoint *cp, const CkptRowSum *output,
										  int64 max_output_id);

#endif							/* CKPT_LEDGER_CLIENT_H */
