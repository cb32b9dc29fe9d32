/*-------------------------------------------------------------------------
 *
 * idset.c
 *	  A set of row ids: add, contains, count, store.
 *
 * Ids are dense (1 .. N) and mostly added in order, so the set is an array of
 * fixed-width ranges.  An empty or full range is a count; only a range that
 * is partly done has a bitmap, of 1 kB.  A set over ten million rows done to
 * the middle has one bitmap; done at random, 1.25 MB.
 *
 * The stored form of a range is its bitmap without the zero bytes at its end,
 * or nothing when the range is full.  Bit i of byte b is id
 * range * CKPT_IDSET_RANGE + b * 8 + i + 1, on every platform.
 *
 * Nothing here knows of tables or jobs.
 *
 * IDENTIFICATION
 *	  src/idset.c
 *
 *-------------------------------------------------------------------------
 */
#include "checkpoint.h"

#include "idset.h"
#include "port/pg_bitutils.h"
#include "utils/memutils.h"

#define RANGE_BYTES		(CKPT_IDSET_RANGE / 8)

/*
 * ckpt_idset_create makes an empty set for ids 1 .. max_id, in
 * CurrentMemoryContext.
 */
CkptIdSet *
ckpt_idset_create(int64 max_id)
{
	CkptIdSet  *set = palloc0(sizeof(CkptIdSet));

	set->cxt = CurrentMemoryContext;
	set->max_id = max_id;
	set->nranges = (max_id + CKPT_IDSET_RANGE - 1) / CKPT_IDSET_RANGE;
	set->ranges = MemoryContextAllocExtended(set->cxt,
											 Max(set->nranges, 1) * sizeof(CkptIdRange),
											 MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	return set;
}

/*
 * idset_range_bits returns the bitmap of a range that is not full.
 */
static uint8 *
idset_range_bits(CkptIdSet *set, CkptIdRange *range)
{
	if (range->bits == NULL)
		range->bits = MemoryContextAllocZero(set->cxt, RANGE_BYTES);
	return range->bits;
}

/*
 * idset_range_settle drops the bitmap of a range that has become full.
 */
static void
idset_range_settle(CkptIdSet *set, int64 range_no)
{
	CkptIdRange *range = &set->ranges[range_no];

	if (range->bits != NULL && range->count == ckpt_idset_range_size(set, range_no))
	{
		pfree(range->bits);
		range->bits = NULL;
	}
}

/*
 * ckpt_idset_add_run adds the ids first .. last, of 1 .. max_id, up to one that
 * is in the set already.  Returns that one, or 0.
 */
int64
ckpt_idset_add_run(CkptIdSet *set, int64 first, int64 last)
{
	Assert(first >= 1 && last <= set->max_id);

	while (first <= last)
	{
		int64		range_no = (first - 1) / CKPT_IDSET_RANGE;
		int			bit = (first - 1) % CKPT_IDSET_RANGE;
		int			end = (int) Min(last - range_no * CKPT_IDSET_RANGE, CKPT_IDSET_RANGE);
		CkptIdRange *range = &set->ranges[range_no];
		uint8	   *bits;

		if (range->count == ckpt_idset_range_size(set, range_no))
			return first;
		bits = idset_range_bits(set, range);
		while (bit < end)
		{
			/* a byte's worth */
			int			n = Min(end - bit, 8 - (bit & 7));
			uint8		mask = ((1 << n) - 1) << (bit & 7);
			uint8		there = bits[bit >> 3] & mask;

			if (there)
			{
				n = pg_rightmost_one_pos32(there) - (bit & 7);
				mask = ((1 << n) - 1) << (bit & 7);
			}
			bits[bit >> 3] |= mask;
			range->count += n;
			range->dirty |= n > 0;
			set->count += n;
			bit += n;
			first += n;
			if (there)
				return first;
		}
		idset_range_settle(set, range_no);
	}
	return 0;
}

/*
 * ckpt_idset_add adds an id of 1 .. max_id and returns whether it was new.
 */
bool
ckpt_idset_add(CkptIdSet *set, int64 id)
{
	return ckpt_idset_add_run(set, id, id) == 0;
}

/*
 * ckpt_idset_next_missing returns the smallest id >= the given one that is
 * not in the set; max_id + 1 if there is none.
 */
int64
ckpt_idset_next_missing(const CkptIdSet *set, int64 id)
{
	while (id <= set->max_id)
	{
		int64		range_no = (id - 1) / CKPT_IDSET_RANGE;
		const CkptIdRange *range = &set->ranges[range_no];

		if (range->count == ckpt_idset_range_size(set, range_no))
			id = (range_no + 1) * CKPT_IDSET_RANGE + 1;
		else if (!ckpt_idset_contains(set, id))
			return id;
		else
			id++;
	}
	return set->max_id + 1;
}

/*
 * ckpt_idset_next_member returns the smallest id >= the given one that is in the
 * set; max_id + 1 if there is none.  Where nothing is, it goes by ranges and
 * bytes.
 */
int64
ckpt_idset_next_member(const CkptIdSet *set, int64 id)
{
	while (id <= set->max_id)
	{
		int64		range_no = (id - 1) / CKPT_IDSET_RANGE;
		int			bit = (id - 1) % CKPT_IDSET_RANGE;
		const CkptIdRange *range = &set->ranges[range_no];
		uint8		there;

		if (range->count == 0)
		{
			id = (range_no + 1) * CKPT_IDSET_RANGE + 1;
			continue;
		}
		if (range->bits == NULL)
			return id;
		there = range->bits[bit >> 3] >> (bit & 7);
		if (there != 0)
			return id + pg_rightmost_one_pos32(there);
		id += 8 - (bit & 7);
	}
	return set->max_id + 1;
}

/*
 * ckpt_idset_full_ranges returns how many ranges from the given one on are
 * full, up to the first that is not.
 */
int64
ckpt_idset_full_ranges(const CkptIdSet *set, int64 range_no)
{
	int64		end = range_no;

	while (end < set->nranges &&
		   set->ranges[end].count == ckpt_idset_range_size(set, end))
		end++;
	return end - range_no;
}

/*
 * ckpt_idset_load_range adds a stored range: bits is NULL for a full one.
 *
 * Bits beyond max_id are an error: the set would not be that of this table.
 */
void
ckpt_idset_load_range(CkptIdSet *set, int64 range_no, const uint8 *bits,
					  int nbytes)
{
	CkptIdRange *range;
	int32		size;
	int32		count;

	if (range_no < 0 || range_no >= set->nranges || nbytes > RANGE_BYTES)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("processed set has a range that its input table has not"),
				 errdetail("Range %lld of %lld.", (long long) range_no,
						   (long long) set->nranges)));

	range = &set->ranges[range_no];
	size = ckpt_idset_range_size(set, range_no);
	if (range->count == size)
		return;

	if (bits == NULL)
	{
		if (range->bits)
			pfree(range->bits);
		range->bits = NULL;
		count = size;
	}
	else
	{
		uint8	   *mine = idset_range_bits(set, range);

		for (int i = 0; i < nbytes; i++)
			mine[i] |= bits[i];
		count = (int32) pg_popcount((const char *) mine, RANGE_BYTES);
		if (count > size)
			ereport(ERROR,
					(errcode(ERRCODE_DATA_CORRUPTED),
					 errmsg("processed set has ids that its input table has not")));
	}
	set->count += count - range->count;
	range->count = count;
	idset_range_settle(set, range_no);
}

/*
 * ckpt_idset_add_set adds all ids of another set with the same max_id, range by
 * range.
 */
void
ckpt_idset_add_set(CkptIdSet *set, const CkptIdSet *other)
{
	Assert(set->max_id == other->max_id);

	for (int64 i = 0; i < other->nranges; i++)
	{
		if (other->ranges[i].count == 0)
			continue;
		ckpt_idset_load_range(set, i, other->ranges[i].bits, RANGE_BYTES);
		set->ranges[i].dirty = true;
	}
}

/*
 * ckpt_idset_fill adds all ids.
 */
void
ckpt_idset_fill(CkptIdSet *set)
{
	for (int64 i = 0; i < set->nranges; i++)
	{
		ckpt_idset_load_range(set, i, NULL, 0);
		set->ranges[i].dirty = true;
	}
}

/*
 * ckpt_idset_clear takes all ids out of a set, which must not be a stored one.
 */
void
ckpt_idset_clear(CkptIdSet *set)
{
	for (int64 i = 0; i < set->nranges; i++)
	{
		if (set->ranges[i].bits)
			pfree(set->ranges[i].bits);
		set->ranges[i] = (CkptIdRange) {0};
	}
	set->count = 0;
}

/*
 * ckpt_idset_store_range gives the stored form of a range.
 *
 * Returns the number of bytes, with *bits pointing into the set; for a full
 * range *bits is NULL.  An empty range has no bytes.
 */
int
ckpt_idset_store_range(const CkptIdSet *set, int64 range_no, const uint8 **bits)
{
	const CkptIdRange *range = &set->ranges[range_no];
	int			nbytes = RANGE_BYTES;

	*bits = range->bits;
	if (range->bits == NULL)
	{
		static const uint8 none = 0;

		if (range->count == 0)
			*bits = &none;
		return 0;
	}
	while (nbytes > 0 && range->bits[nbytes - 1] == 0)
		nbytes--;
	return nbytes;
}

/*
 * ckpt_idset_clean forgets which ranges were changed: they have been stored.
 */
void
ckpt_idset_clean(CkptIdSet *set)
{
	for (int64 i = 0; i < set->nranges; i++)
		set->ranges[i].dirty = false;
}
