/*-------------------------------------------------------------------------
 *
 * long_hash.c
 *	  Hashes of an input's long values, from the pass that wrote them.
 *
 * They stand in the order in which they come, that is of rows and columns.  A run
 * asks for them in nearly the same order.
 *
 * IDENTIFICATION
 *	  src/long_hash.c
 *
 *-------------------------------------------------------------------------
 */
#include "checkpoint.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "long_hash.h"
#include "rowhash.h"
#include "udf.h"
#include "utils/memutils.h"

/* At most so many are remembered. */
#define MAX_HASHES		65536

typedef struct Entry
{
	int64		id;				/* of the row */
	CkptLongHash hash;
	uint32		size;			/* of the value, not compressed, without its length */
	AttrNumber	attno;
} Entry;

struct CkptLongHashes
{
	TransactionId xid;			/* that has written the rows, or 0: not known yet */
	int			n;
	int			room;
	int			next;			/* that is likely to be asked for next */
	Entry	   *entries;
};

/*
 * ckpt_long_hashes_create makes a place for hashes in CurrentMemoryContext.
 */
CkptLongHashes *
ckpt_long_hashes_create(void)
{
	CkptLongHashes *hashes = palloc0(sizeof(CkptLongHashes));

	hashes->room = 64;
	hashes->entries = palloc(hashes->room * sizeof(Entry));
	return hashes;
}

/*
 * compare tells where an entry stands to a column of a row.
 */
static inline int
compare(const Entry *entry, int64 id, AttrNumber attno)
{
	if (entry->id != id)
		return entry->id < id ? -1 : 1;
	return (entry->attno > attno) - (entry->attno < attno);
}

/*
 * ckpt_long_hashes_note remembers the hash of a column's value in a row, if there is
 * room, and if it comes behind those before it in the order of ids and columns.
 */
void
ckpt_long_hashes_note(CkptLongHashes *hashes, int64 id, AttrNumber attno, Size size,
					  CkptLongHash hash)
{
	if (hashes->n == MAX_HASHES ||
		(hashes->n > 0 && compare(&hashes->entries[hashes->n - 1], id, attno) >= 0))
		return;
	if (hashes->n == hashes->room)
	{
		hashes->room *= 2;
		hashes->entries = repalloc(hashes->entries, hashes->room * sizeof(Entry));
	}
	hashes->entries[hashes->n++] = (Entry) {id, hash, (uint32) size, attno};
}

/*
 * ckpt_long_hashes_end says that all rows are written, by the (sub)transaction at
 * hand.  Returns whether there are any hashes.
 */
bool
ckpt_long_hashes_end(CkptLongHashes *hashes)
{
	hashes->xid = GetCurrentTransactionIdIfAny();
	return hashes->n > 0 && TransactionIdIsValid(hashes->xid);
}

/*
 * are_of returns whether hashes are good for a row: whether it was written by the pass
 * that they are of.
 *
 * That pass writes frozen rows, as nobody else can before the table is committed.
 * What an update makes of a row has other marks.
 */
static bool
are_of(const CkptLongHashes *hashes, HeapTupleHeader header)
{
	return HeapTupleHeaderXminFrozen(header) && (header->t_infomask & HEAP_UPDATED) == 0 &&
		TransactionIdIsValid(hashes->xid) &&
		TransactionIdEquals(HeapTupleHeaderGetRawXmin(header), hashes->xid);
}

/*
 * ckpt_long_hashes_of returns hashes if they are good for a row of the input table,
 * else NULL.
 */
CkptLongHashes *
ckpt_long_hashes_of(CkptLongHashes *hashes, TupleTableSlot *row)
{
	HeapTuple	tuple = TTS_IS_BUFFERTUPLE(row) || TTS_IS_HEAPTUPLE(row) ?
		((HeapTupleTableSlot *) row)->tuple : NULL;

	return tuple && are_of(hashes, tuple->t_data) ? hashes : NULL;
}

/*
 * ckpt_long_hashes_origins tells the hasher of a UDF's output which columns of it are
 * those of the input.
 */
void
ckpt_long_hashes_origins(CkptRowHasher *hasher, const CkptUdf *udf)
{
	AttrNumber *origins = palloc0(udf->output_desc->natts * sizeof(AttrNumber));
	bool		is_gen = udf->kind == CKPT_GEN;
	int			first = is_gen ? 2 : 0;

	for (int i = first; i < udf->nplain; i++)
		origins[i] = is_gen ? udf->keep[i - first] : i + 1;
	ckpt_rowhash_origins(hasher, is_gen ? 1 : 0, origins);
	pfree(origins);
}

/*
 * ckpt_long_hashes_find finds the hash of a column's value, which has the given
 * size, in a row that the hashes are of.  Returns false if it is not known.
 */
bool
ckpt_long_hashes_find(CkptLongHashes *hashes, int64 id, AttrNumber attno, Size size,
					  CkptLongHash *hash)
{
	int			at = hashes->next;

	if (at >= hashes->n || compare(&hashes->entries[at], id, attno) != 0)
	{
		int			hi = hashes->n;

		at = 0;
		while (at < hi)
		{
			int			middle = at + (hi - at) / 2;

			if (compare(&hashes->entries[middle], id, attno) < 0)
				at = middle + 1;
			else
				hi = middle;
		}
		if (at == hashes->n || compare(&hashes->entries[at], id, attno) != 0)
			return false;
	}
	if (hashes->entries[at].size != size)
		return false;
	*hash = hashes->entries[at].hash;
	hashes->next = at + 1;
	return true;
}
