/*-------------------------------------------------------------------------
 *
 * query_columns.c
 *	  The columns that the rows of a query are kept in.
 *
 * IDENTIFICATION
 *	  src/query_columns.c
 *
 *-------------------------------------------------------------------------
 */
#include "checkpoint.h"

#include "catalog/heap.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "nodes/nodeFuncs.h"
#include "parser/parsetree.h"
#include "query_columns.h"
#include "result_table.h"
#include "utils/lsyscache.h"

/*
 * is_left_out returns whether a target is no column of a query's result, or one
 * that belongs to the extension.
 */
static bool
is_left_out(const TargetEntry *tle)
{
	return tle->resjunk || ckpt_is_system_column(tle->resname);
}

/*
 * ckpt_query_result_desc returns the columns of a query's result, less those
 * that belong to the extension, and raises if there are no others.
 */
TupleDesc
ckpt_query_result_desc(Query *query)
{
	int			ntargets = list_length(query->targetList);
	TupleDesc	desc;
	AttrNumber	natts = 0;
	ListCell   *lc;

	foreach(lc, query->targetList)
	{
		if (is_left_out(lfirst_node(TargetEntry, lc)))
			ntargets--;
	}
	if (ntargets == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("query returns no columns"),
				 errhint("Columns whose names begin with \"%s\" are left out of a step's rows.",
						 CKPT_COLUMN_PREFIX)));

	desc = CreateTemplateTupleDesc(ntargets);
	foreach(lc, query->targetList)
	{
		TargetEntry *tle = lfirst_node(TargetEntry, lc);

		if (is_left_out(tle))
			continue;
		natts++;
		TupleDescInitEntry(desc, natts, tle->resname, exprType((Node *) tle->expr),
						   exprTypmod((Node *) tle->expr), 0);
		TupleDescInitEntryCollation(desc, natts, exprCollation((Node *) tle->expr));
	}
	return desc;
}

/*
 * check_columns raises unless the columns can be those of a table.
 */
static void
check_columns(TupleDesc desc, const char *argument)
{
	for (int i = 0; i < desc->natts; i++)
	{
		const char *name = NameStr(TupleDescAttr(desc, i)->attname);

		for (int j = 0; j < i; j++)
		{
			if (strcmp(name, NameStr(TupleDescAttr(desc, j)->attname)) == 0)
				ereport(ERROR,
						(errcode(ERRCODE_DUPLICATE_COLUMN),
						 errmsg("column \"%s\" occurs more than once in argument \"%s\"",
								name, argument),
						 errhint("Name the columns with AS.")));
		}
	}
	CheckAttributeNamesTypes(desc, RELKIND_RELATION, 0);
}

/*
 * is_stored_value returns whether a column of a query's result has the values of
 * a table's column, as they stand there.
 */
static bool
is_stored_value(const Query *query, const TargetEntry *tle)
{
	const RangeTblEntry *rte;
	const Var  *var = (const Var *) tle->expr;

	if (query->setOperations)
		return false;
	if (OidIsValid(tle->resorigtbl))
	{
		char		relkind = get_rel_relkind(tle->resorigtbl);

		return relkind == RELKIND_RELATION || relkind == RELKIND_PARTITIONED_TABLE ||
			relkind == RELKIND_MATVIEW;
	}
	if (!IsA(var, Var) || var->varlevelsup != 0)
		return false;
	rte = rt_fetch(var->varno, query->rtable);
	return rte->rtekind == RTE_SUBQUERY && var->varattno > 0 &&
		is_stored_value(rte->subquery, get_tle_by_resno(rte->subquery->targetList, var->varattno));
}

/*
 * ckpt_query_keep_values lets the long values of a column be stored as they come,
 * without an attempt to compress them: they come from a table, where that was
 * tried when they were stored there.
 */
void
ckpt_query_keep_values(Form_pg_attribute att)
{
	if (att->attstorage == TYPSTORAGE_EXTENDED)
		att->attstorage = TYPSTORAGE_EXTERNAL;
}

/*
 * ckpt_query_input_desc returns the columns of the table that keeps a query's
 * rows, numbered: sys__id, and the query's own.  Raises if they cannot be those
 * of a table.
 */
TupleDesc
ckpt_query_input_desc(Query *query, const char *argument)
{
	TupleDesc	desc = ckpt_query_result_desc(query);
	TupleDesc	numbered = CreateTemplateTupleDesc(desc->natts + 1);
	AttrNumber	natts = 1;
	ListCell   *lc;

	TupleDescInitEntry(numbered, 1, CKPT_ID_COLUMN, INT8OID, -1, 0);
	foreach(lc, query->targetList)
	{
		TargetEntry *tle = lfirst_node(TargetEntry, lc);

		if (is_left_out(tle))
			continue;
		TupleDescCopyEntry(numbered, natts + 1, desc, natts);
		if (is_stored_value(query, tle))
			ckpt_query_keep_values(TupleDescAttr(numbered, natts));
		natts++;
	}
	check_columns(numbered, argument);
	return numbered;
}
