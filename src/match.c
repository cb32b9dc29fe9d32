/*-------------------------------------------------------------------------
 *
 * match.c
 *	  Pairs equal rows of two streams, one for one.
 *
 * Both streams are read once, side by side.  Mostly the rows at hand are equal;
 * a row whose equal is not at hand waits in a window until that turns up on the
 * other side.  The window is a ring of the rows that began to wait last, with a
 * hash table over them: it catches up with rows that were added, removed or
 * moved.  Where it is full, the row that has waited longest is left over.
 *
 * What is left over of both streams is sorted in the end, by the server, which
 * spills to disk, and merged.  It does not matter which of several equal rows
 * were paired before: the number of pairs is the same.
 *
 * Rows that are equal wait in a list of their own, so a million equal ones cost
 * no more than others.
 *
 * IDENTIFICATION
 *	  src/match.c
 *
 *-------------------------------------------------------------------------
 */
#include "checkpoint.h"

#include "access/tupdesc.h"
#include "catalog/pg_operator.h"
#include "catalog/pg_type.h"
#include "executor/tuptable.h"
#include "match.h"
#include "miscadmin.h"
#include "utils/tuplesort.h"

/* Rows that a window has room for in the beginning, a power of two. */
#define WINDOW_ROWS		1024

/* The two sides. */
#define OLD		0
#define NEW		1

#define NONE	UINT32_MAX

/* A row that waits. */
typedef struct Waiting
{
	CkptMatchRow row;
	uint32		next_key;		/* row with another key in the bucket, or NONE */
	uint32		next_equal;		/* row with the same key, or NONE */
	uint32		last_equal;		/* the last of those; good in the first only */
	uint8		side;
	bool		gone;			/* does not wait any more */
} Waiting;

typedef struct Match
{
	CkptMatchSource *sources[2];
	bool		more[2];		/* is there a row at hand? */
	CkptMatchFound found;
	void	   *arg;
	int64		npairs;

	/*
	 * The window.  Rows are at their number modulo the size.  A bucket leads to
	 * the first row of each key; rows of one key are all on one side.
	 */
	Waiting    *ring;
	uint32	   *buckets;
	uint32		size;			/* of both, a power of two */
	uint32		max_size;
	uint64		head;			/* number of the first row, and of the next to come */
	uint64		tail;
	int64		nwaiting[2];

	/* what had to leave it */
	Tuplesortstate *left[2];	/* NULL if there is none */
	TupleTableSlot *slot;
} Match;

static inline bool
same_key(const CkptMatchRow *a, const CkptMatchRow *b)
{
	return a->lo == b->lo && a->hi == b->hi;
}

static inline uint32
slot_of(const Match *m, uint64 number)
{
	return (uint32) (number & (m->size - 1));
}

/*
 * window_find returns the link to the first row with a key, or to NONE.
 */
static inline uint32 *
window_find(Match *m, const CkptMatchRow *row)
{
	uint32	   *link = &m->buckets[slot_of(m, row->lo)];

	while (*link != NONE && !same_key(&m->ring[*link].row, row))
		link = &m->ring[*link].next_key;
	return link;
}

/*
 * window_remove takes out the first row with a key.
 */
static void
window_remove(Match *m, uint32 *link)
{
	Waiting    *first = &m->ring[*link];

	if (first->next_equal != NONE)
	{
		Waiting    *second = &m->ring[first->next_equal];

		second->next_key = first->next_key;
		second->last_equal = first->last_equal;
		*link = first->next_equal;
	}
	else
		*link = first->next_key;
	first->gone = true;
	m->nwaiting[first->side]--;
}

/*
 * window_append adds a row, for which there is room.
 */
static void
window_append(Match *m, int side, const CkptMatchRow *row)
{
	uint32	   *link = window_find(m, row);
	uint32		slot = slot_of(m, m->tail++);
	Waiting    *w = &m->ring[slot];

	w->row = *row;
	w->next_key = NONE;
	w->next_equal = NONE;
	w->last_equal = slot;
	w->side = side;
	w->gone = false;
	if (*link != NONE)
	{
		Waiting    *first = &m->ring[*link];

		m->ring[first->last_equal].next_equal = slot;
		first->last_equal = slot;
	}
	else
		*link = slot;
	m->nwaiting[side]++;
}

/*
 * window_resize makes an empty window of the given size, and moves the rows
 * that wait in the one there is, if any, into it.
 */
static void
window_resize(Match *m, uint32 size)
{
	Match		was = *m;

	m->ring = palloc_extended(size * sizeof(Waiting), MCXT_ALLOC_HUGE);
	m->buckets = palloc_extended(size * sizeof(uint32), MCXT_ALLOC_HUGE);
	memset(m->buckets, 0xff, size * sizeof(uint32));	/* NONE */
	m->size = size;
	m->head = m->tail = 0;
	m->nwaiting[OLD] = m->nwaiting[NEW] = 0;

	for (uint64 i = was.head; i < was.tail; i++)
	{
		Waiting    *w = &was.ring[slot_of(&was, i)];

		if (!w->gone)
			window_append(m, w->side, &w->row);
	}
	if (was.ring)
	{
		pfree(was.ring);
		pfree(was.buckets);
	}
}

/*
 * leave_over puts a row among those to be sorted in the end.
 */
static void
leave_over(Match *m, int side, const CkptMatchRow *row)
{
	if (m->left[side] == NULL)
	{
		static AttrNumber attnos[] = {1, 2};
		static Oid	operators[] = {Int8LessOperator, Int8LessOperator};
		static Oid	collations[] = {InvalidOid, InvalidOid};
		static bool nulls_first[] = {false, false};

		m->left[side] = tuplesort_begin_heap(m->slot->tts_tupleDescriptor, 2, attnos,
											 operators, collations, nulls_first,
											 work_mem, NULL, TUPLESORT_NONE);
	}
	ExecClearTuple(m->slot);
	m->slot->tts_values[0] = Int64GetDatum((int64) row->lo);
	m->slot->tts_values[1] = Int64GetDatum((int64) row->hi);
	m->slot->tts_values[2] = Int64GetDatum(row->id);
	memset(m->slot->tts_isnull, 0, 3 * sizeof(bool));
	ExecStoreVirtualTuple(m->slot);
	tuplesort_puttupleslot(m->left[side], m->slot);
}

/*
 * window_shift takes the row that has been in the window longest out of it.
 */
static void
window_shift(Match *m)
{
	Waiting    *w = &m->ring[slot_of(m, m->head)];

	if (!w->gone)
	{
		leave_over(m, w->side, &w->row);
		/* of its key, it came first */
		window_remove(m, window_find(m, &w->row));
	}
	m->head++;
}

/*
 * match_wait lets a side's row at hand wait for an equal one.
 */
static void
match_wait(Match *m, int side)
{
	const CkptMatchRow *row = &m->sources[side]->row;

	if (!m->more[1 - side])
	{
		/* those that wait are no equals of it */
		if (m->left[1 - side])
			leave_over(m, side, row);
		return;
	}
	if (m->tail - m->head == m->size)
	{
		if (m->size < m->max_size)
			window_resize(m, m->size * 2);
		else
			window_shift(m);
	}
	window_append(m, side, row);
}

/*
 * match_window pairs a side's row at hand with one that waits for it.
 */
static bool
match_window(Match *m, int side)
{
	CkptMatchRow *row = &m->sources[side]->row;
	uint32	   *link = window_find(m, row);
	const CkptMatchRow *other;

	if (*link == NONE || m->ring[*link].side == side)
		return false;
	other = &m->ring[*link].row;
	m->found(m->arg, side == OLD ? row : other, side == OLD ? other : row, true);
	m->npairs++;
	window_remove(m, link);
	return true;
}

static inline void
advance(Match *m, int side)
{
	m->more[side] = m->sources[side]->next(m->sources[side]);
}

/*
 * hopeless returns whether no row of a side that is still to come can meet an
 * equal one.
 */
static inline bool
hopeless(const Match *m, int side)
{
	int			other = 1 - side;

	return !m->more[other] && m->nwaiting[other] == 0 && m->left[other] == NULL;
}

/*
 * match_streams reads both sources, as far as there can be pairs.
 */
static void
match_streams(Match *m)
{
	advance(m, OLD);
	advance(m, NEW);
	while (m->more[OLD] || m->more[NEW])
	{
		CHECK_FOR_INTERRUPTS();
		if (m->more[OLD] && m->more[NEW] &&
			same_key(&m->sources[OLD]->row, &m->sources[NEW]->row))
		{
			m->found(m->arg, &m->sources[OLD]->row, &m->sources[NEW]->row, true);
			m->npairs++;
			advance(m, OLD);
			advance(m, NEW);
		}
		else if (m->more[NEW] && match_window(m, NEW))
			advance(m, NEW);
		else if (m->more[OLD] && match_window(m, OLD))
			advance(m, OLD);
		else
		{
			if (hopeless(m, OLD) || hopeless(m, NEW))
				return;
			for (int side = OLD; side <= NEW; side++)
			{
				if (!m->more[side])
					continue;
				match_wait(m, side);
				advance(m, side);
			}
		}
	}
}

static bool
next_left_over(Tuplesortstate *sort, TupleTableSlot *slot, CkptMatchRow *row)
{
	if (!tuplesort_gettupleslot(sort, true, false, slot, NULL))
		return false;
	slot_getallattrs(slot);
	row->lo = (uint64) DatumGetInt64(slot->tts_values[0]);
	row->hi = (uint64) DatumGetInt64(slot->tts_values[1]);
	row->id = DatumGetInt64(slot->tts_values[2]);
	return true;
}

/*
 * match_left_over merges what is left over of both sides.
 */
static void
match_left_over(Match *m)
{
	TupleTableSlot *slot = MakeSingleTupleTableSlot(m->slot->tts_tupleDescriptor,
													&TTSOpsMinimalTuple);
	CkptMatchRow rows[2];
	bool		more[2];

	for (int side = OLD; side <= NEW; side++)
	{
		tuplesort_performsort(m->left[side]);
		ItemPointerSetInvalid(&rows[side].tid);
		more[side] = next_left_over(m->left[side], slot, &rows[side]);
	}
	while (more[OLD] && more[NEW])
	{
		bool		equal = same_key(&rows[OLD], &rows[NEW]);
		bool		old_first = rows[OLD].lo != rows[NEW].lo ?
			(int64) rows[OLD].lo < (int64) rows[NEW].lo :
			(int64) rows[OLD].hi < (int64) rows[NEW].hi;

		CHECK_FOR_INTERRUPTS();
		if (equal)
		{
			m->found(m->arg, &rows[OLD], &rows[NEW], false);
			m->npairs++;
		}
		if (equal || old_first)
			more[OLD] = next_left_over(m->left[OLD], slot, &rows[OLD]);
		if (equal || !old_first)
			more[NEW] = next_left_over(m->left[NEW], slot, &rows[NEW]);
	}
	ExecDropSingleTupleTableSlot(slot);
}

static TupleDesc
left_over_desc(void)
{
	TupleDesc	desc = CreateTemplateTupleDesc(3);

	TupleDescInitEntry(desc, 1, "lo", INT8OID, -1, 0);
	TupleDescInitEntry(desc, 2, "hi", INT8OID, -1, 0);
	TupleDescInitEntry(desc, 3, "id", INT8OID, -1, 0);
	return desc;
}

/*
 * ckpt_match pairs each row of one source with an equal row of the other, as
 * long as there is one that has no partner, and returns the number of pairs.
 * Rows are equal if their hashes are.
 *
 * The window takes at most as much memory as a hash join would, and each of two
 * sorts work_mem.  Sources may not be read to their end.
 */
int64
ckpt_match(CkptMatchSource *old, CkptMatchSource *new, CkptMatchFound found, void *arg)
{
	Match		m = {{old, new}};
	bool		evicted[2];

	m.found = found;
	m.arg = arg;
	m.slot = MakeSingleTupleTableSlot(left_over_desc(), &TTSOpsVirtual);
	m.max_size = WINDOW_ROWS;
	while (m.max_size < UINT32_MAX / 4 &&
		   2 * (Size) m.max_size * (sizeof(Waiting) + sizeof(uint32)) <=
		   get_hash_memory_limit())
		m.max_size *= 2;
	window_resize(&m, WINDOW_ROWS);

	match_streams(&m);

	/* who still waits may be waiting for one that had to leave */
	evicted[OLD] = m.left[OLD] != NULL;
	evicted[NEW] = m.left[NEW] != NULL;
	for (; m.head < m.tail && (evicted[OLD] || evicted[NEW]); m.head++)
	{
		Waiting    *w = &m.ring[slot_of(&m, m.head)];

		if (!w->gone && evicted[1 - w->side])
			leave_over(&m, w->side, &w->row);
	}
	pfree(m.ring);
	pfree(m.buckets);
	if (m.left[OLD] && m.left[NEW])
		match_left_over(&m);

	for (int side = OLD; side <= NEW; side++)
	{
		if (m.left[side])
			tuplesort_end(m.left[side]);
	}
	ExecDropSingleTupleTableSlot(m.slot);
	return m.npairs;
}
