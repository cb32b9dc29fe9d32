/*-------------------------------------------------------------------------
 *
 * carry_base.c
 *	  What can be told of an earlier checkpoint's tables before rows are matched.
 *
 * IDENTIFICATION
 *	  src/carry_base.c
 *
 *-------------------------------------------------------------------------
 */
#include "checkpoint.h"

#include "access/table.h"
#include "access/tableam.h"
#include "carry_base.h"
#include "ledger.h"
#include "miscadmin.h"
#include "result_table.h"
#include "rowhash.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

/*
 * ckpt_carry_base_given_up returns the set of the rows of a base that were given up, if the
 * table with their values can be read; else NULL.
 */
CkptIdSet *
ckpt_carry_base_given_up(const CkptCheckpoint *cp)
{
	CkptIdSet  *given_up = ckpt_ledger_given_up(cp);

	if (given_up == NULL || cp->input_table == NULL ||
		ckpt_result_table_fault(cp->input_table, cp->owner, cp->input_columns))
		return NULL;
	return given_up;
}

/*
 * ckpt_carry_base_has_key returns whether a base's tables have the columns that the UDF
 * reads.
 */
bool
ckpt_carry_base_has_key(CkptUdf *udf, const CkptCheckpoint *base)
{
	Oid			relid = ckpt_result_table_rows(udf->kind == CKPT_MAP ? base->output_table :
											   base->input_table);
	Bitmapset  *needed = bms_add_member(bms_copy(udf->reads), 1);
	int			attno = -1;

	while ((attno = bms_next_member(needed, attno)) > 0)
	{
		Form_pg_attribute want = TupleDescAttr(udf->input_desc, attno - 1);
		AttrNumber	found = get_attnum(relid, NameStr(want->attname));
		Oid			type;
		int32		typmod;
		Oid			collation;

		if (found == InvalidAttrNumber)
			return false;
		get_atttypetypmodcoll(relid, found, &type, &typmod, &collation);
		if (type != want->atttypid || typmod != want->atttypmod ||
			collation != want->attcollation)
			return false;
	}
	return true;
}

/*
 * first_columns describes the columns of a table but for so many last ones.
 */
static TupleDesc
first_columns(const char *table, int last)
{
	Relation	rel = table_open(ckpt_result_table_rows(table), AccessShareLock);
	TupleDesc	desc = CreateTemplateTupleDesc(RelationGetNumberOfAttributes(rel) - last);

	for (int i = 1; i <= desc->natts; i++)
		TupleDescCopyEntry(desc, i, RelationGetDescr(rel), i);
	table_close(rel, NoLock);
	return desc;
}

/*
 * add_rows adds the rows of a table, with so many columns, to a sum of hashes.
 */
static void
add_rows(CkptRowHasher *hasher, const char *table, int natts, CkptRowSum *sum)
{
	Relation	rel = table_open(ckpt_result_table_rows(table), AccessShareLock);
	TupleTableSlot *slot = table_slot_create(rel, NULL);
	TableScanDesc scan;

	PushActiveSnapshot(GetTransactionSnapshot());
	scan = table_beginscan(rel, GetActiveSnapshot(), 0, NULL);
	while (table_scan_getnextslot(scan, ForwardScanDirection, slot))
	{
		CHECK_FOR_INTERRUPTS();
		slot_getsomeattrs(slot, natts);
		ckpt_rowhash_add(hasher, sum, slot->tts_values, slot->tts_isnull);
	}
	table_endscan(scan);
	PopActiveSnapshot();
	ExecDropSingleTupleTableSlot(slot);
	table_close(rel, NoLock);
}

/*
 * ckpt_carry_base_means_the_same returns whether the values of a base's input are what they
 * were when results were computed from them.  Values of some types name things,
 * such as fields or labels, which may have got other names: then the rows do not
 * have the hash any more that they had.
 */
bool
ckpt_carry_base_means_the_same(CkptUdf *udf, const CkptCheckpoint *base)
{
	bool		in_output = udf->kind == CKPT_MAP && base->final;
	bool		has_names = false;
	int			attno = -1;
	CkptRowSum	sum = {0, 0, 0};
	CkptRowHasher *hasher;
	TupleDesc	desc;

	while ((attno = bms_next_member(udf->reads, attno)) > 0)
		has_names |= ckpt_rowhash_has_names(TupleDescAttr(udf->input_desc, attno - 1)->atttypid);
	if (!has_names)
		return true;

	desc = first_columns(in_output ? base->output_table : base->input_table,
						 in_output ? udf->output_desc->natts - udf->nplain : 0);
	hasher = ckpt_rowhash_create(desc);
	add_rows(hasher, in_output ? base->output_table : base->input_table, desc->natts, &sum);
	if (in_output && ckpt_carry_base_given_up(base))
		add_rows(hasher, base->input_table, desc->natts, &sum);
	return strcmp(ckpt_rowhash_finish(ckpt_rowhash_columns(hasher), &sum),
				  base->rows_hash ? base->rows_hash : base->input_hash) == 0;
}
