/*-------------------------------------------------------------------------
 *
 * pagestate.c
 *	  Has a table changed since its rows were read?
 *
 * Every change of a permanent table's page is logged, and the page gets the
 * position of that record in the log, its LSN.  Positions only grow.  So a
 * table whose file, whose number of pages and whose LSNs are what they were has
 * no page that was written since.  Reading the LSNs (pagelsn.c) costs a small
 * part of what hashing the rows costs.
 *
 * The same pages do not always show the same rows: a row of a transaction that
 * was running becomes visible, or not, without a change of its page.  So a
 * state may only be recorded if all rows on all pages are settled for the
 * snapshot that read them: whatever inserted, deleted or updated them had
 * ended before that snapshot was taken.  Nothing else is asked of a table when
 * its state is compared.
 *
 * A caller that records takes the state after it has read the rows, while the
 * snapshot that read them is still registered:
 *
 *	-	reading sets hint bits, which moves LSNs where pages have checksums;
 *	-	a page that was changed between was changed by a transaction that the
 *		snapshot does not see, so it holds a row that is not settled.  What such
 *		a transaction deleted cannot be pruned away while the snapshot lives.
 *
 * Where pages are not what they seem to be, a state is not given at all, and
 * rows are read: a newest LSN that the log has not reached (files copied from
 * another cluster).  Hint bits, pruning and freezing may change a state though
 * no row has changed; that costs a pass over the rows, and is never wrong.
 *
 * What else decides what rows a table shows, or what their values say, is part
 * of the state: its columns, with the values that rows lack which are older
 * than their column, and the labels of enums.  The system identifier is, since
 * file numbers and LSNs mean nothing in another cluster.
 *
 * IDENTIFICATION
 *	  src/pagestate.c
 *
 *-------------------------------------------------------------------------
 */
#include "checkpoint.h"

#include "access/genam.h"
#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/relation.h"
#include "access/table.h"
#include "access/transam.h"
#include "access/tupdesc_details.h"
#include "access/visibilitymap.h"
#include "access/xlog.h"
#include "catalog/catalog.h"
#include "catalog/indexing.h"
#include "catalog/pg_am.h"
#include "catalog/pg_attribute.h"
#include "catalog/pg_class.h"
#include "catalog/pg_enum.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_type.h"
#include "distributed.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "pagelsn.h"
#include "pagestate.h"
#include "rowhash.h"
#include "storage/bufmgr.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

/*
 * xid_is_settled returns whether a transaction had ended before a snapshot was
 * taken, so that whether it committed is the same for everybody and for good.
 */
static inline bool
xid_is_settled(TransactionId xid, Snapshot snapshot)
{
	return !TransactionIdIsNormal(xid) || TransactionIdPrecedes(xid, snapshot->xmin);
}

/*
 * row_is_settled returns whether everybody sees a row, or nobody does.
 */
static inline bool
row_is_settled(HeapTupleHeader row, Snapshot snapshot)
{
	if (row->t_infomask & HEAP_MOVED)
		return false;
	if (!HeapTupleHeaderXminFrozen(row) &&
		!xid_is_settled(HeapTupleHeaderGetRawXmin(row), snapshot))
		return false;
	if (row->t_infomask & HEAP_XMAX_INVALID)
		return true;
	if (row->t_infomask & HEAP_XMAX_IS_MULTI)
		return false;
	return xid_is_settled(HeapTupleHeaderGetRawXmax(row), snapshot);
}

/*
 * page_is_settled returns whether all rows of a page are.  The caller holds a
 * lock on the page.
 */
static bool
page_is_settled(Page page, Snapshot snapshot)
{
	if (PageIsNew(page) || PageIsAllVisible(page))
		return true;
	for (OffsetNumber off = FirstOffsetNumber; off <= PageGetMaxOffsetNumber(page); off++)
	{
		ItemId		item = PageGetItemId(page, off);

		if (ItemIdIsNormal(item) &&
			!row_is_settled((HeapTupleHeader) PageGetItem(page, item), snapshot))
			return false;
	}
	return true;
}

/*
 * read_page reads a page's LSN and returns whether all rows of the page are
 * settled.
 */
static bool
read_page(Relation rel, BlockNumber block, Snapshot snapshot,
		  BufferAccessStrategy strategy, XLogRecPtr *lsn)
{
	Buffer		buffer = ReadBufferExtended(rel, MAIN_FORKNUM, block, RBM_NORMAL, strategy);
	bool		settled;

	LockBuffer(buffer, BUFFER_LOCK_SHARE);
	*lsn = BufferGetLSNAtomic(buffer);
	settled = page_is_settled(BufferGetPage(buffer), snapshot);
	UnlockReleaseBuffer(buffer);
	return settled;
}

/*
 * add_lsns adds the LSNs of a table's pages to the state.  It returns false if a
 * page is not settled for the snapshot, unless that is NULL, or if an LSN means
 * nothing here.
 *
 * A page that the visibility map calls visible to all needs no look at its rows.
 * The map is asked after the page's LSN is known: who changes a page takes it out
 * of the map before the page gets its new LSN, and while the snapshot lives
 * nobody puts a page back that has rows which the snapshot does not see.
 */
static bool
add_lsns(StringInfo buf, Relation rel, BlockNumber nblocks, Snapshot snapshot)
{
	CkptPageLsns lsns;
	Buffer		map = InvalidBuffer;
	XLogRecPtr	newest = InvalidXLogRecPtr;
	uint64		all = 0;
	bool		settled = true;

	ckpt_pagelsn_begin(&lsns, rel, nblocks);
	for (BlockNumber block = 0; settled && block < nblocks; block++)
	{
		XLogRecPtr	lsn = InvalidXLogRecPtr;
		bool		visible;

		CHECK_FOR_INTERRUPTS();
		visible = snapshot == NULL || VM_ALL_VISIBLE(rel, block, &map);
		if (visible)
			lsn = ckpt_pagelsn_get(&lsns, block);
		if (snapshot && !(visible && VM_ALL_VISIBLE(rel, block, &map)))
			settled = read_page(rel, block, snapshot, lsns.strategy, &lsn);
		newest = Max(newest, lsn);
		all = (all ^ lsn) * UINT64CONST(0x9E3779B97F4A7C15);
		all ^= all >> 32;
	}
	if (BufferIsValid(map))
		ReleaseBuffer(map);
	ckpt_pagelsn_end(&lsns);
	appendStringInfo(buf, " lsn %X/%X all %llx", LSN_FORMAT_ARGS(newest),
					 (unsigned long long) all);
	return settled && newest <= GetXLogInsertRecPtr();
}

/*
 * scan_enum lists the labels of an enum, in their order; buf, if not NULL, gets
 * them with their OIDs.
 */
static List *
scan_enum(Oid typid, StringInfo buf)
{
	Relation	rel = table_open(EnumRelationId, AccessShareLock);
	Relation	index = index_open(EnumTypIdSortOrderIndexId, AccessShareLock);
	List	   *labels = NIL;
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;

	ScanKeyInit(&key, Anum_pg_enum_enumtypid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(typid));
	scan = systable_beginscan_ordered(rel, index, NULL, 1, &key);
	while (HeapTupleIsValid(tuple = systable_getnext_ordered(scan, ForwardScanDirection)))
	{
		Form_pg_enum label = (Form_pg_enum) GETSTRUCT(tuple);

		labels = lappend(labels, pstrdup(NameStr(label->enumlabel)));
		if (buf)
			appendStringInfo(buf, " %u %s\1", label->oid, NameStr(label->enumlabel));
	}
	systable_endscan_ordered(scan);
	index_close(index, AccessShareLock);
	table_close(rel, AccessShareLock);
	return labels;
}

/*
 * ckpt_enum_labels lists the labels of an enum, in their order.
 */
List *
ckpt_enum_labels(Oid typid)
{
	return scan_enum(typid, NULL);
}

/*
 * ckpt_pagestate_names writes what the values of a type name, beyond their
 * bytes.  It returns false if that cannot be said: a composite value's columns,
 * say, or what a reg* value points to.
 */
bool
ckpt_pagestate_names(StringInfo buf, Oid typid)
{
	Oid			element;

	if (!ckpt_rowhash_has_names(typid))
		return true;
	typid = getBaseType(typid);
	element = get_element_type(typid);
	if (OidIsValid(element))
		typid = getBaseType(element);
	if (get_typtype(typid) != TYPTYPE_ENUM)
		return false;
	(void) scan_enum(typid, buf);
	return true;
}

/*
 * add_missing writes the value of a column in rows that are older than it.
 */
static void
add_missing(StringInfo buf, TupleDesc desc, int attno)
{
	Form_pg_attribute att = TupleDescAttr(desc, attno);
	AttrMissing *missing = desc->constr ? desc->constr->missing : NULL;

	if (!att->atthasmissing || missing == NULL || !missing[attno].am_present)
		return;
	if (att->attbyval)
		appendStringInfo(buf, " = %llx", (unsigned long long) missing[attno].am_value);
	else
	{
		Pointer		value = DatumGetPointer(missing[attno].am_value);
		int			len = att->attlen > 0 ? att->attlen :
			att->attlen == -1 ? (int) VARSIZE_ANY(value) : (int) strlen(value);

		appendStringInfoString(buf, " = ");
		for (int i = 0; i < len; i++)
			appendStringInfo(buf, "%02x", (unsigned char) value[i]);
	}
}

/*
 * add_columns writes what decides how the bytes of a row are read, and returns
 * false if more than that does.
 */
static bool
add_columns(StringInfo buf, TupleDesc desc)
{
	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);

		if (att->attisdropped)
			continue;
		/* computed as it is read, from an expression that may be changed */
		if (att->attgenerated != '\0' && att->attgenerated != ATTRIBUTE_GENERATED_STORED)
			return false;
		appendStringInfo(buf, "\1%d %s %u %d %u", att->attnum, NameStr(att->attname),
						 att->atttypid, att->atttypmod, att->attcollation);
		add_missing(buf, desc, i);
		if (!ckpt_pagestate_names(buf, att->atttypid))
			return false;
	}
	return true;
}

/*
 * has_state returns whether a table's rows follow from its pages, for every
 * role.
 */
static bool
has_state(Relation rel)
{
	Form_pg_class form = rel->rd_rel;

	if (form->relrowsecurity || IsCatalogRelation(rel) || ckpt_is_distributed(RelationGetRelid(rel)))
		return false;
	if (form->relkind == RELKIND_PARTITIONED_TABLE)
		return true;
	return form->relkind == RELKIND_RELATION && form->relam == HEAP_TABLE_AM_OID &&
		form->relpersistence == RELPERSISTENCE_PERMANENT;
}

/*
 * add_table writes the state of one table, without its children, and returns
 * false if it has none.
 */
static bool
add_table(StringInfo buf, Oid relid, Snapshot read_by)
{
	Relation	rel = relation_open(relid, AccessShareLock);
	bool		result = has_state(rel) && add_columns(buf, RelationGetDescr(rel));

	if (result && rel->rd_rel->relkind == RELKIND_RELATION)
	{
		BlockNumber nblocks = RelationGetNumberOfBlocks(rel);

		appendStringInfo(buf, "\1file %u %u pages %u",
						 ckpt_rel_tablespace(rel), ckpt_rel_file(rel), nblocks);
		result = add_lsns(buf, rel, nblocks, read_by);
	}
	relation_close(rel, AccessShareLock);
	return result;
}

/*
 * ckpt_pagestate returns what the rows of a table, and of its partitions and
 * children if they count, follow from; as a text without meaning to anybody
 * else.  NULL says that nothing can be told without reading the rows.
 *
 * read_by is NULL where the state is to be compared with one on record.  To
 * record one, it is the snapshot that read the rows, which still is registered
 * or active.
 *
 * The result is in CurrentMemoryContext.
 */
char *
ckpt_pagestate(Oid relid, bool with_children, Snapshot read_by)
{
	StringInfoData buf;
	List	   *relids = with_children ?
		find_all_inheritors(relid, AccessShareLock, NULL) : list_make1_oid(relid);
	ListCell   *lc;

	/* a standby's own position in the log is another matter */
	if (RecoveryInProgress())
		return NULL;
	initStringInfo(&buf);
	appendStringInfo(&buf, "system %llx database %u",
					 (unsigned long long) GetSystemIdentifier(), MyDatabaseId);
	foreach(lc, relids)
	{
		appendStringInfo(&buf, "\1table %u", lfirst_oid(lc));
		if (!add_table(&buf, lfirst_oid(lc), read_by))
			return NULL;
	}
	return ckpt_hash_text(buf.data);
}
