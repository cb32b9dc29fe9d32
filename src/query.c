/*-------------------------------------------------------------------------
 *
 * query.c
 *	  The queries of steps: analysed with step names in sight, and run.
 *
 * A name of an earlier step stands for that step's output, as the name of a
 * CTE would.  The server's own name resolution does that: the outputs are
 * shown to the parser as ephemeral named relations, which it finds after the
 * query's CTEs and before tables, and in the analysed query each of them is
 * then replaced by a sub-select from the output table.
 *
 * IDENTIFICATION
 *	  src/query.c
 *
 *-------------------------------------------------------------------------
 */
#include "checkpoint.h"

#include "access/htup_details.h"
#include "access/table.h"
#include "access/sysattr.h"
#include "catalog.h"
#include "catalog/heap.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "funcapi.h"
#include "lib/stringinfo.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/planner.h"
#include "parser/analyze.h"
#include "parser/parse_node.h"
#include "parser/parser.h"
#include "query.h"
#include "result_table.h"
#include "rewrite/rewriteHandler.h"
#include "tcop/tcopprot.h"
#include "utils/builtins.h"
#include "utils/queryenvironment.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

/*
 * source_error_callback reports the position of a parse error within what the
 * user wrote, as PL/pgSQL does, not within the CALL.
 */
static void
source_error_callback(void *arg)
{
	CkptSource *source = (CkptSource *) arg;
	int			position = geterrposition();

	if (position > 0)
	{
		errposition(0);
		internalerrposition(Max(1, position - source->offset));
		internalerrquery(source->text);
	}
	errcontext("argument \"%s\" of the step", source->argument);
}

/*
 * ckpt_source_push makes error reports point into the given source, until
 * ckpt_source_pop().
 */
void
ckpt_source_push(CkptSource *source, ErrorContextCallback *callback)
{
	callback->callback = source_error_callback;
	callback->arg = source;
	callback->previous = error_context_stack;
	error_context_stack = callback;
}

void
ckpt_source_pop(ErrorContextCallback *callback)
{
	error_context_stack = callback->previous;
}

/*
 * query_parse parses text that must be one SELECT statement (VALUES and
 * TABLE are SELECTs too).
 */
static RawStmt *
query_parse(const char *sql, CkptSource *source)
{
	List	   *parsetrees = raw_parser(sql, RAW_PARSE_DEFAULT);
	RawStmt    *raw;

	if (parsetrees == NIL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"%s\" must not be empty", source->argument),
				 errhint("Write a query, such as \"SELECT * FROM a_table\".")));
	if (list_length(parsetrees) != 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"%s\" must be one SELECT statement", source->argument),
				 errdetail("It has %d statements.", list_length(parsetrees)),
				 errhint("Make each query a step of its own.")));
	raw = linitial_node(RawStmt, parsetrees);
	if (!IsA(raw->stmt, SelectStmt) || ((SelectStmt *) raw->stmt)->intoClause != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"%s\" must be a SELECT statement", source->argument),
				 errhint("Rows are kept by the step itself; write only the query that returns them.")));
	return raw;
}

/*
 * query_environment shows the outputs of earlier steps to the parser.
 */
static QueryEnvironment *
query_environment(List *outputs)
{
	QueryEnvironment *env = create_queryEnv();
	ListCell   *lc;

	foreach(lc, outputs)
	{
		CkptStepOutput *output = (CkptStepOutput *) lfirst(lc);
		EphemeralNamedRelation enr;
		Relation	rel;
		Oid			relid;

		if (strcmp(output->kind, ckpt_kind_name(CKPT_SAVE)) == 0)
			continue;			/* published under a name of its own */
		relid = output->table ? ckpt_result_table_lookup(output->table) : InvalidOid;
		if (!OidIsValid(relid))
			continue;			/* an error only if the query names it */
		rel = table_open(relid, AccessShareLock);
		enr = palloc0(sizeof(EphemeralNamedRelationData));
		enr->md.name = output->step;
		enr->md.tupdesc = CreateTupleDescCopy(RelationGetDescr(rel));
		enr->md.enrtype = ENR_NAMED_TUPLESTORE;
		enr->md.enrtuples = 0;
		register_ENR(env, enr);
		table_close(rel, NoLock);
	}
	return env;
}

/*
 * output_select makes the analysed form of SELECT <all columns> FROM <output>.
 */
static Query *
output_select(const char *table)
{
	SelectStmt *select = makeNode(SelectStmt);
	RawStmt    *raw = makeNode(RawStmt);
	ColumnRef  *star = makeNode(ColumnRef);
	ResTarget  *target = makeNode(ResTarget);

	star->fields = list_make1(makeNode(A_Star));
	star->location = -1;
	target->val = (Node *) star;
	target->location = -1;
	select->targetList = list_make1(target);
	select->fromClause = list_make1(makeRangeVar(pstrdup(CKPT_DATA_SCHEMA),
												 pstrdup(table), -1));
	raw->stmt = (Node *) select;
	return parse_analyze_fixedparams(raw, "", NULL, 0, NULL);
}

/*
 * replace_outputs puts a sub-select in the place of each ephemeral relation.
 * The columns are the same, so that what refers to them stays as it is.
 */
static bool
replace_outputs(Node *node, void *context)
{
	List	   *outputs = (List *) context;

	if (node == NULL)
		return false;
	if (IsA(node, Query))
		return query_tree_walker((Query *) node, replace_outputs, context,
								 QTW_EXAMINE_RTES_BEFORE);
	if (IsA(node, RangeTblEntry))
	{
		RangeTblEntry *rte = (RangeTblEntry *) node;
		ListCell   *lc;

		if (rte->rtekind != RTE_NAMEDTUPLESTORE)
			return false;
		foreach(lc, outputs)
		{
			CkptStepOutput *output = (CkptStepOutput *) lfirst(lc);

			if (output->table == NULL || strcmp(output->step, rte->enrname) != 0)
				continue;
			rte->rtekind = RTE_SUBQUERY;
			rte->subquery = output_select(output->table);
			rte->enrname = NULL;
			rte->enrtuples = 0;
			rte->coltypes = NIL;
			rte->coltypmods = NIL;
			rte->colcollations = NIL;
			if (rte->alias == NULL)
				rte->alias = makeAlias(rte->eref->aliasname, NIL);
			break;
		}
		return false;
	}
	return expression_tree_walker(node, replace_outputs, context);
}

/*
 * ckpt_query_analyze parses and analyses a step's query.
 *
 * outputs lists (CkptStepOutput *) what its names may stand for.  Anything but
 * a plain SELECT is refused.  Needs an active snapshot; relations are locked
 * until the transaction ends.
 */
Query *
ckpt_query_analyze(const char *sql, const char *argument, List *outputs)
{
	CkptSource	source = {argument, sql, 0};
	ErrorContextCallback callback;
	Query	   *query;

	ckpt_source_push(&source, &callback);
	query = parse_analyze_fixedparams(query_parse(sql, &source), sql, NULL, 0,
									  query_environment(outputs));
	if (query->commandType != CMD_SELECT || query->utilityStmt != NULL ||
		query->hasModifyingCTE)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"%s\" must only read", argument),
				 errdetail("The query changes data."),
				 errhint("A rerun runs the query again; change data outside of the job's steps.")));
	(void) replace_outputs((Node *) query, outputs);
	ckpt_source_pop(&callback);

	return query;
}

/*
 * ckpt_query_result_desc returns the columns of a query's result, less those
 * that belong to the extension, and raises unless they can be those of a
 * table.
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
		TargetEntry *tle = lfirst_node(TargetEntry, lc);

		if (tle->resjunk || ckpt_is_system_column(tle->resname))
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

		if (tle->resjunk || ckpt_is_system_column(tle->resname))
			continue;
		natts++;
		TupleDescInitEntry(desc, natts, tle->resname, exprType((Node *) tle->expr),
						   exprTypmod((Node *) tle->expr), 0);
		TupleDescInitEntryCollation(desc, natts, exprCollation((Node *) tle->expr));
	}
	return desc;
}

/*
 * ckpt_numbered_desc returns the columns of a table of numbered rows: sys__id
 * and then the given ones.
 */
TupleDesc
ckpt_numbered_desc(TupleDesc desc)
{
	TupleDesc	numbered = CreateTemplateTupleDesc(desc->natts + 1);

	TupleDescInitEntry(numbered, 1, CKPT_ID_COLUMN, INT8OID, -1, 0);
	for (int i = 0; i < desc->natts; i++)
		TupleDescCopyEntry(numbered, i + 2, desc, i + 1);
	return numbered;
}

/*
 * ckpt_query_plan rewrites and plans a copy of an analysed SELECT.  Relations
 * are locked until the transaction ends.
 */
PlannedStmt *
ckpt_query_plan(Query *query, const char *sql, int cursor_options)
{
	Query	   *copy = copyObject(query);
	List	   *rewritten;
	PlannedStmt *plan;

	AcquireRewriteLocks(copy, true, false);
	rewritten = QueryRewrite(copy);
	if (list_length(rewritten) != 1)
		elog(ERROR, "a SELECT was rewritten to %d queries", list_length(rewritten));
	plan = pg_plan_query(linitial_node(Query, rewritten), sql, cursor_options, NULL);
	return plan;
}

/*
 * ckpt_query_run runs an analysed SELECT, sends its rows to dest and returns
 * their number.  Needs an active snapshot.
 */
uint64
ckpt_query_run(Query *query, const char *sql, DestReceiver *dest)
{
	PlannedStmt *plan = ckpt_query_plan(query, sql, CURSOR_OPT_PARALLEL_OK);
	QueryDesc  *qd;
	uint64		nrows;

	qd = CreateQueryDesc(plan, sql, GetActiveSnapshot(), InvalidSnapshot, dest,
						 NULL, NULL, 0);
	ExecutorStart(qd, 0);
	ckpt_executor_run(qd);
	nrows = qd->estate->es_processed;
	ExecutorFinish(qd);
	ExecutorEnd(qd);
	FreeQueryDesc(qd);
	return nrows;
}
