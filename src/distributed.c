/*-------------------------------------------------------------------------
 *
 * distributed.c
 *	  Tables whose rows are kept elsewhere, by Citus.
 *
 * IDENTIFICATION
 *	  src/distributed.c
 *
 *-------------------------------------------------------------------------
 */
#include "checkpoint.h"

#include "access/genam.h"
#include "access/table.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_type.h"
#include "distributed.h"
#include "nodes/nodeFuncs.h"
#include "utils/fmgroids.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

/* Citus's list of tables that are its own: distributed, reference and local ones. */
#define LIST_NAME		"pg_dist_partition"
#define LIST_INDEX_NAME "pg_dist_partition_logical_relid_index"
#define LIST_COLUMN		"logicalrelid"

/* The setting that says whether it repeats what is defined here on its other nodes. */
#define PROPAGATION_NAME "citus.enable_ddl_propagation"

/*
 * ckpt_is_distributed returns whether a table's rows are where Citus says, and not in
 * the table's file.
 */
bool
ckpt_is_distributed(Oid relid)
{
	Oid			list = get_relname_relid(LIST_NAME, PG_CATALOG_NAMESPACE);
	AttrNumber	attno = OidIsValid(list) ? get_attnum(list, LIST_COLUMN) : InvalidAttrNumber;
	Relation	rel;
	ScanKeyData key;
	SysScanDesc scan;
	bool		found;

	if (attno == InvalidAttrNumber || get_rel_relkind(list) != RELKIND_RELATION ||
		get_atttype(list, attno) != REGCLASSOID)
		return false;
	rel = table_open(list, AccessShareLock);
	ScanKeyInit(&key, attno, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(relid));
	scan = systable_beginscan(rel, get_relname_relid(LIST_INDEX_NAME, PG_CATALOG_NAMESPACE),
							  true, NULL, 1, &key);
	found = HeapTupleIsValid(systable_getnext(scan));
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return found;
}

/*
 * ckpt_distributed_keep_local has what is defined from here on defined on this server
 * only, until the caller's nest level of settings ends.  What is made out of a result
 * table cannot be anywhere else.
 */
void
ckpt_distributed_keep_local(void)
{
	if (GetConfigOption(PROPAGATION_NAME, true, false) != NULL)
		(void) set_config_option(PROPAGATION_NAME, "off", PGC_USERSET, PGC_S_SESSION,
								 GUC_ACTION_SAVE, true, 0, false);
}

/*
 * refuse_distributed raises for the first distributed table that a query reads.
 */
static bool
refuse_distributed(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, RangeTblEntry))
	{
		const RangeTblEntry *rte = (const RangeTblEntry *) node;

		if (rte->rtekind == RTE_RELATION && ckpt_is_distributed(rte->relid))
			ereport(ERROR,
					(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
					 errmsg("argument \"udf\" reads distributed table \"%s\"", get_rel_name(rte->relid)),
					 errdetail("Its select list is evaluated on this server, over rows of the step's input."),
					 errhint("Join other tables in argument \"input\" instead of reading them in sub-selects.")));
		return false;
	}
	if (IsA(node, Query))
		return query_tree_walker((Query *) node, refuse_distributed, context,
								 QTW_EXAMINE_RTES_BEFORE);
	return expression_tree_walker(node, refuse_distributed, context);
}

/*
 * ckpt_distributed_refuse raises if the analysed query of argument "udf", which is to
 * be a scan of the input, reads a distributed table in a sub-select: Citus would plan
 * the whole of it.
 */
void
ckpt_distributed_refuse(Query *query)
{
	(void) refuse_distributed((Node *) query, NULL);
}
