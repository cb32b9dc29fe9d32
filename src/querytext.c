/*-------------------------------------------------------------------------
 *
 * querytext.c
 *	  The text of an analysed query, to be analysed again by others.
 *
 * The server writes the text, as it writes the definition of a view.  Names of steps
 * are what it does not know: they are written as uses of CTEs.
 *
 * IDENTIFICATION
 *	  src/querytext.c
 *
 *-------------------------------------------------------------------------
 */
#include "checkpoint.h"

#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "pinned.h"
#include "querytext.h"
#include "utils/builtins.h"
#include "utils/ruleutils.h"

/* The names of steps in a query, while they are made those of a text. */
typedef struct TextNames
{
	List	   *reads;			/* the steps that "sys__1", "sys__2", ... stand for */
	List	   *queries;		/* that the walk is in, innermost first */
	List	   *hidden;			/* Hidden */
} TextNames;

/* The extension's columns of an output, in a text. */
typedef struct Hidden
{
	RangeTblEntry *rte;			/* the output */
	Index		varno;			/* relation that they are written as columns of */
} Hidden;

/*
 * hidden_columns returns the number of the relation that the extension's columns of
 * an output are written as columns of, as no join knows of them: where "sys__r1" is
 * the output, they are columns of "sys__i1".
 */
static Index
hidden_columns(TextNames *names, Query *query, RangeTblEntry *rte)
{
	Hidden	   *hidden;
	RangeTblEntry *columns;
	int			nvisible = list_length(rte->coltypes);
	ListCell   *lc;

	foreach(lc, names->hidden)
	{
		if (((Hidden *) lfirst(lc))->rte == rte)
			return ((Hidden *) lfirst(lc))->varno;
	}
	hidden = palloc(sizeof(Hidden));
	names->hidden = lappend(names->hidden, hidden);
	columns = makeNode(RangeTblEntry);
	columns->rtekind = RTE_CTE;
	columns->eref = makeAlias(psprintf(CKPT_HIDDEN_ALIAS "%d", list_length(names->hidden)),
							  list_copy_tail(rte->eref->colnames, nvisible));
	columns->ctename = columns->eref->aliasname;
	query->rtable = lappend(query->rtable, columns);
	rte->alias = makeAlias(psprintf(CKPT_OUTPUT_ALIAS "%d", list_length(names->hidden)),
						   rte->alias ? rte->alias->colnames : NIL);
	rte->eref->aliasname = rte->alias->aliasname;
	rte->eref->colnames = list_truncate(rte->eref->colnames, nvisible);
	hidden->rte = rte;
	hidden->varno = list_length(query->rtable);
	return hidden->varno;
}

/*
 * write_ids makes columns of the extension such of a relation that can be written.
 */
static bool
write_ids(Node *node, void *context)
{
	TextNames  *names = (TextNames *) context;

	if (node == NULL)
		return false;
	if (IsA(node, Var))
	{
		Var		   *var = (Var *) node;
		Query	   *query = list_nth_node(Query, names->queries, var->varlevelsup);
		RangeTblEntry *rte = list_nth_node(RangeTblEntry, query->rtable, var->varno - 1);
		int			nvisible = list_length(rte->coltypes);

		if (rte->rtekind == RTE_NAMEDTUPLESTORE && var->varattno > nvisible)
		{
			var->varno = var->varnosyn = hidden_columns(names, query, rte);
			var->varattno = var->varattnosyn = var->varattno - nvisible;
		}
		return false;
	}
	if (IsA(node, Query))
	{
		bool		result;

		names->queries = lcons(node, names->queries);
		result = query_tree_walker((Query *) node, write_ids, context, QTW_IGNORE_JOINALIASES);
		names->queries = list_delete_first(names->queries);
		return result;
	}
	return expression_tree_walker(node, write_ids, context);
}

/*
 * write_names makes names of steps those of a text.
 */
static bool
write_names(Node *node, void *context)
{
	TextNames  *names = (TextNames *) context;

	if (node == NULL)
		return false;
	if (IsA(node, Query))
		return query_tree_walker((Query *) node, write_names, context,
								 QTW_EXAMINE_RTES_BEFORE);
	if (IsA(node, RangeTblEntry))
	{
		RangeTblEntry *rte = (RangeTblEntry *) node;
		int			n = 0;

		if (rte->rtekind != RTE_NAMEDTUPLESTORE)
			return false;
		while (n < list_length(names->reads) &&
			   strcmp((const char *) list_nth(names->reads, n), rte->enrname) != 0)
			n++;
		if (n == list_length(names->reads))
			names->reads = lappend(names->reads, pstrdup(rte->enrname));
		if (rte->alias == NULL)
			rte->alias = makeAlias(rte->eref->aliasname, NIL);
		/* written as the use of a CTE */
		rte->rtekind = RTE_CTE;
		rte->ctename = psprintf(CKPT_COLUMN_PREFIX "%d", n + 1);
		rte->ctelevelsup = 0;
		return false;
	}
	return expression_tree_walker(node, write_names, context);
}

/*
 * ckpt_querytext_names changes a query with names of steps in it so that it can be
 * written as text that means the same whatever the search_path is and whatever other
 * steps are called.  *reads lists the names of the steps that it calls "sys__1",
 * "sys__2" and so on.
 */
void
ckpt_querytext_names(Query *query, List **reads)
{
	TextNames	names = {NIL, NIL, NIL};

	(void) write_ids((Node *) query, &names);
	(void) write_names((Node *) query, &names);
	*reads = names.reads;
}

/*
 * ckpt_querytext writes such a query as text.
 */
char *
ckpt_querytext(Query *query)
{
	int			nestlevel = ckpt_pinned_begin();
	char	   *text = pg_get_querydef(query, false);

	ckpt_pinned_end(nestlevel);
	return text;
}
