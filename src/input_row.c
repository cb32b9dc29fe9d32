/*-------------------------------------------------------------------------
 *
 * input_row.c
 *	  Finds and describes a row of an input table.
 *
 * IDENTIFICATION
 *	  src/input_row.c
 *
 *-------------------------------------------------------------------------
 */
#include "checkpoint.h"

#include "access/detoast.h"
#include "access/htup_details.h"
#include "access/tableam.h"
#include "asuser.h"
#include "executor/tuptable.h"
#include "fmgr.h"
#include "input_row.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "nodes/nodeFuncs.h"
#include "storage/bufmgr.h"
#include "subxact.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

/*
 * So much of a row is shown, and no value that is longer than this many bytes.
 */
#define ROW_CHARS		200
#define MAX_SHOWN_BYTES	(64 * 1024)

/*
 * ckpt_input_row_id returns the id of the row at a place on a page of a table, or 0 if
 * there is none.
 */
int64
ckpt_input_row_id(Relation rel, Page page, BlockNumber block, OffsetNumber off)
{
	ItemId		item = PageGetItemId(page, off);
	HeapTupleData tuple;
	bool		isnull;

	if (!ItemIdIsNormal(item))
		return 0;
	tuple.t_data = (HeapTupleHeader) PageGetItem(page, item);
	tuple.t_len = ItemIdGetLength(item);
	tuple.t_tableOid = RelationGetRelid(rel);
	ItemPointerSet(&tuple.t_self, block, off);
	return DatumGetInt64(heap_getattr(&tuple, 1, RelationGetDescr(rel), &isnull));
}

/*
 * block_first_id returns the id of the first row in a block of the input, or 0
 * if the block has none.
 */
static int64
block_first_id(Relation rel, BlockNumber block)
{
	Buffer		buffer = ReadBuffer(rel, block);
	Page		page;
	int64		id = 0;

	LockBuffer(buffer, BUFFER_LOCK_SHARE);
	page = BufferGetPage(buffer);
	for (OffsetNumber off = FirstOffsetNumber;
		 id == 0 && off <= PageGetMaxOffsetNumber(page); off++)
		id = ckpt_input_row_id(rel, page, block, off);
	UnlockReleaseBuffer(buffer);
	return id;
}

/*
 * ckpt_input_row_block returns the last block that does not begin behind the row
 * with an id, in a table whose rows stand in the order of their ids.  Blocks may have
 * none.
 */
BlockNumber
ckpt_input_row_block(Relation rel, int64 id)
{
	BlockNumber left = 0;
	BlockNumber right = RelationGetNumberOfBlocks(rel);

	while (right - left > 1)
	{
		BlockNumber middle = left + (right - left) / 2;
		BlockNumber block = middle;
		int64		first_id;

		while ((first_id = block_first_id(rel, block)) == 0 && block + 1 < right)
			block++;
		if (first_id != 0 && first_id <= id)
			left = block;
		else
			right = middle;
	}
	return left;
}

/* A row in words. */
typedef struct RowText
{
	Relation	rel;
	ItemPointer tid;
	Oid			owner;			/* who may run the output functions of its types */
	bool		is_group;		/* of input rows */
	int			nplain;			/* columns of a group that are its own */
	char	   *text;			/* NULL if it could not be read */
	int64		nrows;			/* of a group */
} RowText;

/*
 * describe_row writes the values of a row, without sys__id, as far as they are
 * worth reading.
 */
static void
describe_row(void *arg)
{
	RowText    *row = (RowText *) arg;
	TupleTableSlot *slot = table_slot_create(row->rel, NULL);
	TupleDesc	desc = slot->tts_tupleDescriptor;
	CkptUser	saved = ckpt_user_become(row->owner);
	int			end = row->is_group ? row->nplain : desc->natts;
	StringInfoData buf;

	initStringInfo(&buf);
	if (table_tuple_fetch_row_version(row->rel, row->tid, GetActiveSnapshot(), slot))
	{
		slot_getallattrs(slot);
		for (int i = 1; i < end && buf.len <= ROW_CHARS * MAX_MULTIBYTE_CHAR_LEN; i++)
		{
			Form_pg_attribute att = TupleDescAttr(desc, i);
			Datum		value = slot->tts_values[i];
			Oid			output;
			bool		is_varlena;

			appendStringInfoString(&buf, i > 1 ? ", " : "");
			getTypeOutputInfo(att->atttypid, &output, &is_varlena);
			if (slot->tts_isnull[i])
				appendStringInfoString(&buf, "null");
			else if (is_varlena && toast_raw_datum_size(value) > MAX_SHOWN_BYTES)
				appendStringInfoString(&buf, "...");
			else
				appendStringInfoString(&buf, OidOutputFunctionCall(output, value));
		}
		if (row->is_group)
			row->nrows = DatumGetInt64(slot->tts_values[end]);
		row->text = buf.data;
	}
	ckpt_user_restore(saved);
	ExecDropSingleTupleTableSlot(slot);
}

/*
 * ckpt_input_row_describe says in words which row of an input table an error is
 * about: the row at tid, which has that id, of a table of that name.  Of a group,
 * nplain columns are its own, sys__id among them; the next says how many rows it
 * has.  Needs an active snapshot.
 */
char *
ckpt_input_row_describe(Relation rel, const char *table, ItemPointer tid, int64 id,
						Oid owner, bool is_group, int nplain)
{
	RowText		row = {rel, tid, owner, is_group, nplain, NULL, 0};
	StringInfoData buf;

	initStringInfo(&buf);
	appendStringInfo(&buf, "input row: %s %s " INT64_FORMAT,
					 quote_qualified_identifier(CKPT_DATA_SCHEMA, table), CKPT_ID_COLUMN, id);
	(void) ckpt_subxact_run(describe_row, &row, CurrentMemoryContext, NULL);
	if (row.text)
	{
		int			shown = pg_mbcharcliplen(row.text, (int) strlen(row.text), ROW_CHARS);

		appendStringInfo(&buf, ": (%.*s%s)", shown, row.text,
						 row.text[shown] != '\0' ? "..." : "");
		if (is_group)
			appendStringInfo(&buf, ": " INT64_FORMAT " rows", row.nrows);
	}
	return buf.data;
}

static bool
find_input_scan(PlanState *node, void *context)
{
	switch (nodeTag(node))
	{
		case T_TidRangeScanState:
		case T_SeqScanState:
			if (((Scan *) node->plan)->scanrelid == 1)
			{
				*(TupleTableSlot **) context = ((ScanState *) node)->ss_ScanTupleSlot;
				return true;
			}
			break;
		default:
			break;
	}
	return planstate_tree_walker(node, find_input_scan, context);
}

/*
 * ckpt_input_row_slot returns the slot of the scan of the input, which is the first
 * relation of a query that has been started, or NULL.  Rows of that query come from
 * the row that the slot has then.
 */
TupleTableSlot *
ckpt_input_row_slot(PlanState *root)
{
	TupleTableSlot *slot = NULL;

	(void) find_input_scan(root, &slot);
	return slot;
}
