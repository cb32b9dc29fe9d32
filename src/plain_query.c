/*-------------------------------------------------------------------------
 *
 * plain_query.c
 *	  Does a query return the rows of one relation as they are?
 *
 * IDENTIFICATION
 *	  src/plain_query.c
 *
 *-------------------------------------------------------------------------
 */
#include "checkpoint.h"

#include "parser/parsetree.h"
#include "plain_query.h"

/*
 * ckpt_plain_query returns the one relation of an analysed query which returns all of
 * its rows, each once and in no order, and of each nothing but columns, as they are.
 * NULL if the query is another one.
 */
RangeTblEntry *
ckpt_plain_query(const Query *query)
{
	List	   *from = query->jointree ? query->jointree->fromlist : NIL;
	RangeTblEntry *rte;
	int			varno;
	ListCell   *lc;

	if (query->commandType != CMD_SELECT || list_length(from) != 1 ||
		!IsA(linitial(from), RangeTblRef) || query->jointree->quals || query->hasAggs ||
		query->hasWindowFuncs || query->hasTargetSRFs || query->hasSubLinks || query->cteList ||
		query->groupClause || query->groupingSets || query->havingQual || query->distinctClause ||
		query->sortClause || query->limitOffset || query->limitCount || query->rowMarks ||
		query->setOperations)
		return NULL;
	varno = linitial_node(RangeTblRef, from)->rtindex;
	rte = rt_fetch(varno, query->rtable);
	foreach(lc, query->targetList)
	{
		TargetEntry *tle = lfirst_node(TargetEntry, lc);
		Var		   *var = (Var *) tle->expr;

		if (tle->resjunk || !IsA(var, Var) || var->varno != varno || var->varlevelsup != 0)
			return NULL;
	}
	return rte->tablesample ? NULL : rte;
}
