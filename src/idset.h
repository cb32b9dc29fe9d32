/*-------------------------------------------------------------------------
 *
 * idset.h
 *	  A set of row ids: add, contains, count, and its stored form.
 *
 * Ids are 1 .. N, and mostly added in order: a range of ids that is full costs a few
 * bytes.  The module knows nothing of tables, jobs or SQL.  ledger.c stores sets;
 * anybody may use one in memory.
 *
 * IDENTIFICATION
 *	  src/idset.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef CKPT_IDSET_H
#define CKPT_IDSET_H

#include "postgres.h"

/* Ids are kept in ranges of this many; it is part of the stored format. */
#define CKPT_IDSET_RANGE	8192

typedef struct CkptIdRange
{
	uint8	   *bits;			/* NULL while empty, and when full */
	int32		count;			/* ids in the range */
	bool		dirty;			/* changed since ckpt_idset_clean() */
	bool		stored;			/* a stored row begins with it: see ledger.c */
} CkptIdRange;

typedef struct CkptIdSet
{
	MemoryContext cxt;
	int64		max_id;			/* ids are 1 .. max_id */
	int64		count;			/* ids in the set */
	int64		nranges;
	CkptIdRange *ranges;
} CkptIdSet;

extern CkptIdSet *ckpt_idset_create(int64 max_id);
extern int64 ckpt_idset_add_run(CkptIdSet *set, int64 first, int64 last);
extern bool ckpt_idset_add(CkptIdSet *set, int64 id);
extern void ckpt_idset_add_set(CkptIdSet *set, const CkptIdSet *other);
extern void ckpt_idset_fill(CkptIdSet *set);
extern void ckpt_idset_clear(CkptIdSet *set);
extern int64 ckpt_idset_next_missing(const CkptIdSet *set, int64 id);
extern int64 ckpt_idset_next_member(const CkptIdSet *set, int64 id);
extern int64 ckpt_idset_full_ranges(const CkptIdSet *set, int64 range_no);
extern void ckpt_idset_load_range(CkptIdSet *set, int64 range_no,
								  const uint8 *bits, int nbytes);
extern int	ckpt_idset_store_range(const CkptIdSet *set, int64 range_no,
								   const uint8 **bits);
extern void ckpt_idset_clean(CkptIdSet *set);

/* How many ids the range can hold: the last one may be cut short. */
static inline int32
ckpt_idset_range_size(const CkptIdSet *set, int64 range_no)
{
	return (int32) Min((int64) CKPT_IDSET_RANGE,
					   set->max_id - range_no * CKPT_IDSET_RANGE);
}

/* Is the id in the set?  Ids outside of 1 .. max_id are not. */
static inline bool
ckpt_idset_contains(const CkptIdSet *set, int64 id)
{
	const CkptIdRange *range;
	int64		bit;

	if (id < 1 || id > set->max_id)
		return false;
	bit = id - 1;
	range = &set->ranges[bit / CKPT_IDSET_RANGE];
	if (range->bits == NULL)
		return range->count > 0;
	bit %= CKPT_IDSET_RANGE;
	return (range->bits[bit >> 3] & (1 << (bit & 7))) != 0;
}

#endif							/* CKPT_IDSET_H */
