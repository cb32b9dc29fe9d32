/*-------------------------------------------------------------------------
 *
 * input_rows.c
 *	  Finds rows of an input table by their ids.
 *
 * IDENTIFICATION
 *	  src/input_rows.c
 *
 *-------------------------------------------------------------------------
 */
#include "checkpoint.h"

#include "access/tableam.h"
#include "input_row.h"
#include "input_rows.h"
#include "miscadmin.h"
#include "utils/snapmgr.h"

/* A gap of so many ids is read over. */
#define MAX_GAP		1000

/* Rows that are looked for. */
typedef struct Wanted
{
	const int64 *ids;			/* in ascending order */
	bool	   *found;
	int			nids;
	int			nfound;
	TupleTableSlot *slot;
	CkptInputRow take;
	void	   *arg;
} Wanted;

/*
 * position returns where an id is among those wanted, or would be.
 */
static int
position(const Wanted *wanted, int64 id)
{
	int			lo = 0;
	int			hi = wanted->nids;

	while (lo < hi)
	{
		int			middle = lo + (hi - lo) / 2;

		if (wanted->ids[middle] < id)
			lo = middle + 1;
		else
			hi = middle;
	}
	return lo;
}

/*
 * scan_rows reads rows from a block on and hands on those that are wanted and were
 * not found yet.  It stops behind a row with an id that is larger than last, or when
 * it has found so many.
 */
static void
scan_rows(Relation rel, BlockNumber block, int64 last, int n, Wanted *wanted)
{
	ItemPointerData first_tid;
	ItemPointerData last_tid;
	TableScanDesc scan;

	ItemPointerSet(&first_tid, block, FirstOffsetNumber);
	ItemPointerSet(&last_tid, MaxBlockNumber, MaxOffsetNumber);
	scan = table_beginscan_tidrange(rel, GetActiveSnapshot(), &first_tid, &last_tid);
	while (n > 0 && table_scan_getnextslot_tidrange(scan, ForwardScanDirection, wanted->slot))
	{
		bool		isnull;
		int64		id = DatumGetInt64(slot_getattr(wanted->slot, 1, &isnull));
		int			at = position(wanted, id);

		CHECK_FOR_INTERRUPTS();
		if (id > last)
			break;
		if (at == wanted->nids || wanted->ids[at] != id || wanted->found[at])
			continue;
		wanted->found[at] = true;
		wanted->nfound++;
		n--;
		wanted->take(wanted->arg, wanted->slot);
	}
	table_endscan(scan);
}

/*
 * ckpt_input_rows hands on the rows of an input that have the given ids, which are in
 * ascending order.  Needs an active snapshot.
 */
void
ckpt_input_rows(Relation rel, const int64 *ids, int nids, CkptInputRow take, void *arg)
{
	Wanted		wanted = {.ids = ids,.nids = nids,.take = take,.arg = arg};
	int			next;

	wanted.found = palloc0(Max(nids, 1) * sizeof(bool));
	wanted.slot = table_slot_create(rel, NULL);
	for (int i = 0; i < nids; i = next)
	{
		for (next = i + 1; next < nids && ids[next] - ids[next - 1] <= MAX_GAP;)
			next++;
		scan_rows(rel, ckpt_input_row_block(rel, ids[i]), ids[next - 1], next - i, &wanted);
	}
	if (wanted.nfound < nids)
		scan_rows(rel, 0, PG_INT64_MAX, nids - wanted.nfound, &wanted);
	ExecDropSingleTupleTableSlot(wanted.slot);
	pfree(wanted.found);
}
