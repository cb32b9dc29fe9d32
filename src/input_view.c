/*-------------------------------------------------------------------------
 *
 * input_view.c
 *	  Inputs that are the output of another step, as it stands.
 *
 * IDENTIFICATION
 *	  src/input_view.c
 *
 *-------------------------------------------------------------------------
 */
#include "checkpoint.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog.h"
#include "catalog/dependency.h"
#include "catalog/indexing.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_depend.h"
#include "catalog/pg_rewrite.h"
#include "input_row.h"
#include "input_view.h"
#include "ledger.h"
#include "miscadmin.h"
#include "plain_query.h"
#include "query.h"
#include "query_columns.h"
#include "result_table.h"
#include "storage/bufmgr.h"
#include "subxact.h"
#include "utils/acl.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

/*
 * Is it one?
 */

/*
 * selects_all returns the relation of a plain query which returns the first columns of
 * it in their order, or NULL.  Columns of the extension are left out of an input in any
 * case.
 */
static RangeTblEntry *
selects_all(const Query *query)
{
	RangeTblEntry *rte = ckpt_plain_query(query);
	AttrNumber	next = 1;
	ListCell   *lc;

	foreach(lc, rte ? query->targetList : NIL)
	{
		TargetEntry *tle = lfirst_node(TargetEntry, lc);

		if (!ckpt_is_system_column(tle->resname) && ((Var *) tle->expr)->varattno != next++)
			return NULL;
	}
	return rte;
}

/*
 * read_output returns the table of the output that a relation of a step's query is, or
 * InvalidOid.
 */
static Oid
read_output(const RangeTblEntry *rte)
{
	RangeTblEntry *table;

	if (rte->rtekind != RTE_SUBQUERY || rte->enrname == NULL ||
		strcmp(rte->enrname, CKPT_OUTPUT) != 0 || list_length(rte->subquery->rtable) != 1)
		return InvalidOid;
	table = linitial_node(RangeTblEntry, rte->subquery->rtable);
	return table->rtekind == RTE_RELATION ? table->relid : InvalidOid;
}

/*
 * may_be_shown returns whether the rows of a table, which is locked, are to its owner
 * what they were when they were hashed, and are the owner's to read.
 */
static bool
may_be_shown(Oid relid, Oid owner)
{
	Relation	rel = table_open(relid, NoLock);
	bool		result = !rel->rd_rel->relrowsecurity &&
		pg_class_aclcheck(relid, owner, ACL_SELECT) == ACLCHECK_OK;

	/* what a value names may have got another name since */
	for (int i = 0; result && i < RelationGetNumberOfAttributes(rel); i++)
		result = !ckpt_rowhash_has_names(TupleDescAttr(RelationGetDescr(rel), i)->atttypid);
	table_close(rel, NoLock);
	return result;
}

/*
 * page_in_order returns whether the rows on a page of a table have the ids *next, ... one
 * after the other, and puts the one that is to follow in *next.  Of the rows between the
 * first and the last, which nobody looks for on another page, it is enough to know how
 * many they are.
 */
static bool
page_in_order(Relation rel, Page page, BlockNumber block, int64 *next)
{
	OffsetNumber max = PageGetMaxOffsetNumber(page);

	if (max == 0)
		return true;
	for (OffsetNumber off = FirstOffsetNumber; off <= max; off++)
	{
		if (!ItemIdIsNormal(PageGetItemId(page, off)))
			return false;
	}
	if (ckpt_input_row_id(rel, page, block, FirstOffsetNumber) != *next ||
		ckpt_input_row_id(rel, page, block, max) != *next + max - 1)
		return false;
	*next += max;
	return true;
}

/*
 * is_in_order returns whether a table with so many rows, whose ids differ, has nothing
 * else on its pages, and the rows in the order of their ids, 1 and so on.
 */
static bool
is_in_order(Oid relid, int64 nrows)
{
	Relation	rel = table_open(relid, NoLock);
	BlockNumber nblocks = RelationGetNumberOfBlocks(rel);
	BufferAccessStrategy strategy = GetAccessStrategy(BAS_BULKREAD);
	int64		next = 1;
	bool		result = true;

	for (BlockNumber block = 0; result && block < nblocks; block++)
	{
		Buffer		buffer;

		CHECK_FOR_INTERRUPTS();
		buffer = ReadBufferExtended(rel, MAIN_FORKNUM, block, RBM_NORMAL, strategy);
		LockBuffer(buffer, BUFFER_LOCK_SHARE);
		result = page_in_order(rel, BufferGetPage(buffer), block, &next);
		UnlockReleaseBuffer(buffer);
	}
	FreeAccessStrategy(strategy);
	table_close(rel, NoLock);
	return result && next == nrows + 1;
}

/*
 * ckpt_input_view_table returns the name of the table that an input of the given columns
 * can be a view of, and in *input what there is to know of its rows; NULL if the query is
 * to be run.
 *
 * The query has been analysed in this transaction, with the outputs that it reads.
 * The table is left alone by others until the transaction ends.
 */
char *
ckpt_input_view_table(Query *query, TupleDesc input_desc, Oid owner, CkptInput *input)
{
	RangeTblEntry *rte = selects_all(query);
	CkptCheckpoint cp;
	Oid			relid;
	CkptWorkDone done;

	if (rte == NULL || !OidIsValid(relid = read_output(rte)) ||
		get_rel_namespace(relid) != get_namespace_oid(CKPT_DATA_SCHEMA, false) ||
		!ckpt_catalog_find_by_output_table(get_rel_name(relid), &cp) ||
		!cp.final || cp.owner != owner || (cp.kind != CKPT_MAP && cp.kind != CKPT_QUERY) ||
		strcmp(cp.output_columns, ckpt_columns_text(input_desc)) != 0 ||
		ckpt_result_table_fault(cp.output_table, owner, cp.output_columns) ||
		!may_be_shown(relid, owner))
		return NULL;

	/* rows that were given up have no output */
	done = ckpt_ledger_totals(&cp);
	if (done.output.rows == 0 || done.output.rows != cp.rows_total)
		return NULL;
	input->long_hashes = NULL;
	input->sum = done.output;
	input->hash = ckpt_rowhash_finish(ckpt_rowhash_columns(ckpt_rowhash_create(ckpt_query_result_desc(query))),
									  &input->sum);
	if (strcmp(input->hash, cp.content_hash) != 0 || !is_in_order(relid, cp.rows_total))
		return NULL;
	return cp.output_table;
}

/*
 * What becomes of its table
 */

/*
 * has_dependents returns whether views or constraints depend on a table.
 */
static bool
has_dependents(Oid relid)
{
	Relation	pg_depend = table_open(DependRelationId, AccessShareLock);
	ScanKeyData keys[2];
	SysScanDesc scan;
	HeapTuple	tuple;
	bool		found = false;

	ScanKeyInit(&keys[0], Anum_pg_depend_refclassid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(RelationRelationId));
	ScanKeyInit(&keys[1], Anum_pg_depend_refobjid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(relid));
	scan = systable_beginscan(pg_depend, DependReferenceIndexId, true, NULL, 2, keys);
	while (!found && HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_depend form = (Form_pg_depend) GETSTRUCT(tuple);

		found = form->deptype == DEPENDENCY_NORMAL &&
			(form->classid == RewriteRelationId || form->classid == ConstraintRelationId);
	}
	systable_endscan(scan);
	table_close(pg_depend, AccessShareLock);
	return found;
}

/*
 * hand_over gives a table, which is locked, to the checkpoint whose input is a view of it,
 * in the view's place.  Views of other such inputs show the table as before.  Raises
 * 2BP01 if objects of users depend on either.  Returns false if the view is in use.
 */
static bool
hand_over(const char *name, Oid relid, Oid owner, const char *view)
{
	if (!ckpt_result_table_drop(view, owner))
		return false;
	if (OidIsValid(ckpt_result_table_lookup(view)) || ckpt_catalog_others_depend(relid))
		return ckpt_result_table_drop(name, owner); /* says on what they do */
	ckpt_result_table_rename(name, view);
	return true;
}

/*
 * ckpt_input_view_drop_table is ckpt_result_table_drop() for a table that inputs may be
 * views of: then it becomes the input table of one of them.
 */
bool
ckpt_input_view_drop_table(const char *name, Oid owner)
{
	Oid			relid = ckpt_result_table_lookup(name);
	char	   *view;
	bool		in_use;

	if (!OidIsValid(relid) || get_rel_relkind(relid) != RELKIND_RELATION || !has_dependents(relid))
		return ckpt_result_table_drop(name, owner);
	relid = ckpt_result_table_lock(name, owner, &in_use);
	if (!OidIsValid(relid))
		return !in_use;
	view = ckpt_catalog_input_view(relid);
	return view ? hand_over(name, relid, owner, view) : ckpt_result_table_drop(name, owner);
}

typedef struct Drop
{
	const char *name;
	Oid			owner;
	bool		gone;
} Drop;

static void
drop_work(void *arg)
{
	Drop	   *drop = (Drop *) arg;

	drop->gone = ckpt_input_view_drop_table(drop->name, drop->owner);
}

/*
 * ckpt_input_view_try_drop_table is the same, but a table that something else depends on
 * stays without an error.
 */
bool
ckpt_input_view_try_drop_table(const char *name, Oid owner)
{
	Drop		drop = {name, owner, false};

	return ckpt_subxact_try(drop_work, &drop) && drop.gone;
}
