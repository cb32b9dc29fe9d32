/*-------------------------------------------------------------------------
 *
 * input_query.c
 *	  The query of a step's input, within another that adds its rows up.
 *
 * IDENTIFICATION
 *	  src/input_query.c
 *
 *-------------------------------------------------------------------------
 */
#include "checkpoint.h"

#include "access/transam.h"
#include "catalog/pg_aggregate.h"
#include "catalog/pg_type.h"
#include "input_query.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "query.h"
#include "query_columns.h"

/* What is looked for in a query. */
typedef struct LookFor
{
	bool		users_code;		/* may be called */
	bool		order;			/* of the rows counts */
} LookFor;

static bool
is_users(Oid funcid, void *context)
{
	return funcid >= FirstNormalObjectId;
}

static bool
depends_on_plan(Node *node, void *context)
{
	const LookFor *look_for = (const LookFor *) context;

	if (node == NULL)
		return false;
	if (IsA(node, Query))
	{
		Query	   *query = (Query *) node;

		if (query->limitCount || query->limitOffset || query->hasDistinctOn ||
			query->hasWindowFuncs || query->hasModifyingCTE || query->rowMarks ||
			(look_for->order && query->sortClause))
			return true;
		return query_tree_walker(query, depends_on_plan, context, QTW_EXAMINE_RTES_BEFORE);
	}
	if (IsA(node, RangeTblEntry))
		return ((RangeTblEntry *) node)->tablesample != NULL;
	if (!look_for->users_code && check_functions_in_node(node, is_users, NULL))
		return true;
	return expression_tree_walker(node, depends_on_plan, context);
}

/*
 * ckpt_input_depends_on_plan returns whether a query, which has no views, may return
 * other rows if it is planned in another way; or, if order counts, rows in another order
 * than it asks for; or, unless users' code may run, whether it calls some.
 */
bool
ckpt_input_depends_on_plan(Query *rewritten, bool users_code, bool order)
{
	LookFor		look_for = {users_code, order};

	return depends_on_plan((Node *) rewritten, &look_for);
}

/*
 * ckpt_input_row makes ROW() of the columns of a query that count.
 */
RowExpr *
ckpt_input_row(const Query *query)
{
	RowExpr    *row = makeNode(RowExpr);
	ListCell   *lc;

	row->row_typeid = RECORDOID;
	row->row_format = COERCE_EXPLICIT_CALL;
	row->location = -1;
	foreach(lc, query->targetList)
	{
		TargetEntry *tle = lfirst_node(TargetEntry, lc);
		Node	   *expr = (Node *) tle->expr;

		if (tle->resjunk || ckpt_is_system_column(tle->resname))
			continue;
		row->args = lappend(row->args, makeVar(1, tle->resno, exprType(expr), exprTypmod(expr),
											   exprCollation(expr), 0));
		row->colnames = lappend(row->colnames,
								makeString(psprintf("f%d", list_length(row->args))));
	}
	return row;
}

/*
 * ckpt_input_aggregate makes the query around a query that returns an aggregate of a
 * value of each row, in which its columns are those of relation 1.
 */
Query *
ckpt_input_aggregate(Query *query, Oid aggregate, Oid type, Expr *value)
{
	Query	   *result = ckpt_query_over(copyObject(query), "input");
	Aggref	   *aggref = makeNode(Aggref);

	aggref->aggfnoid = aggregate;
	aggref->aggtype = type;
	aggref->aggargtypes = list_make1_oid(exprType((Node *) value));
	aggref->args = list_make1(makeTargetEntry(value, 1, NULL, false));
	aggref->aggkind = AGGKIND_NORMAL;
	aggref->aggsplit = AGGSPLIT_SIMPLE;
	aggref->aggno = aggref->aggtransno = -1;
	aggref->location = -1;

	result->hasAggs = true;
	result->targetList = list_make1(makeTargetEntry((Expr *) aggref, 1, pstrdup("sum"), false));
	return result;
}
