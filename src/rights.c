/*-------------------------------------------------------------------------
 *
 * rights.c
 *	  May a role read and call what a query names?
 *
 * The server asks when a query is run.  Where a result is reused, the query and
 * the UDF are not run, so it is asked here, in the same way: of relations what
 * the query reads of them, as the owner of the view where one stands behind a
 * view; of functions as the current user, also where a view calls them.
 *
 * IDENTIFICATION
 *	  src/rights.c
 *
 *-------------------------------------------------------------------------
 */
#include "checkpoint.h"

#include "catalog/objectaccess.h"
#include "catalog/pg_proc.h"
#include "compat.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "query.h"
#include "rights.h"
#include "utils/acl.h"
#include "utils/lsyscache.h"

static void
check_function(Oid funcid)
{
	if (OidIsValid(funcid) && !ckpt_may_execute(funcid, GetUserId()))
		aclcheck_error(ACLCHECK_NO_PRIV, OBJECT_FUNCTION, get_func_name(funcid));
}

/*
 * check_nodes raises unless the current user may call what an analysed expression
 * calls, and read what a query reads.  As the executor does, it does not ask for
 * the functions of conversions to text and back.
 */
static bool
check_nodes(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, FuncExpr))
		check_function(((FuncExpr *) node)->funcid);
	else if (IsA(node, OpExpr) || IsA(node, DistinctExpr) || IsA(node, NullIfExpr))
		check_function(((OpExpr *) node)->opfuncid);
	else if (IsA(node, ScalarArrayOpExpr))
		check_function(((ScalarArrayOpExpr *) node)->opfuncid);
	else if (IsA(node, Aggref))
		check_function(((Aggref *) node)->aggfnoid);
	else if (IsA(node, WindowFunc))
		check_function(((WindowFunc *) node)->winfnoid);
	if (IsA(node, Query))
	{
		ckpt_check_permissions((Query *) node);
		return query_tree_walker((Query *) node, check_nodes, context, 0);
	}
	return expression_tree_walker(node, check_nodes, context);
}

/*
 * ckpt_rights_check raises (42501) unless the current user may run an analysed
 * query.  Relations are locked until the transaction ends.
 */
void
ckpt_rights_check(Query *query)
{
	(void) check_nodes((Node *) ckpt_query_rewrite(query), NULL);
}
