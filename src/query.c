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
 * The columns that belong to the extension can be read by name, and are not
 * part of "*" (nor of what UNION, NATURAL JOIN and the like compare): the
 * parser is shown the others, and asks a hook for what it does not find.
 *
 * A step that is not stored stands for its query, as it was analysed at its own
 * call: the text of the analysed query is kept, in which all names are qualified
 * but those of steps, which are "sys__1", "sys__2" and so on.
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
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "funcapi.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/planner.h"
#include "parser/analyze.h"
#include "parser/parse_func.h"
#include "parser/parse_node.h"
#include "parser/parser.h"
#include "parser/parsetree.h"
#include "pinned.h"
#include "query.h"
#include "query_columns.h"
#include "querytext.h"
#include "result_table.h"
#include "rewrite/rewriteHandler.h"
#include "tcop/tcopprot.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
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
 * add_names adds the unqualified names of relations in a query as it was written,
 * also those of CTEs, to a list.
 */
static bool
add_names(Node *node, void *context)
{
	List	  **names = (List **) context;

	if (node == NULL)
		return false;
	if (IsA(node, RangeVar) && ((RangeVar *) node)->schemaname == NULL)
		*names = lappend(*names, ((RangeVar *) node)->relname);
	return raw_expression_tree_walker(node, add_names, context);
}

/*
 * ckpt_query_names adds the names that may be those of steps in a step's query,
 * or of one of its other arguments, to a list of strings.  sql may be NULL.
 */
List *
ckpt_query_names(List *names, const char *sql, const char *argument)
{
	CkptSource	source = {argument, sql, 0};
	ErrorContextCallback callback;

	if (sql == NULL)
		return names;
	ckpt_source_push(&source, &callback);
	(void) add_names(query_parse(sql, &source)->stmt, &names);
	ckpt_source_pop(&callback);
	return names;
}

/* The extension's columns of an output, in the order that they are shown in. */
static const char *const system_columns[] = {CKPT_ID_COLUMN, CKPT_INPUT_ID_COLUMN};

/*
 * visible_columns returns the columns of an output that "*" stands for.
 */
static TupleDesc
visible_columns(TupleDesc desc)
{
	AttrNumber *columns = palloc(desc->natts * sizeof(AttrNumber));
	TupleDesc	visible;
	int			n = 0;

	for (int i = 0; i < desc->natts; i++)
	{
		if (!ckpt_is_system_column(NameStr(TupleDescAttr(desc, i)->attname)) &&
			!TupleDescAttr(desc, i)->attisdropped)
			columns[n++] = i + 1;
	}
	/* where a descriptor keeps its columns follows from how many it is made for */
	visible = CreateTemplateTupleDesc(n);
	for (int i = 0; i < n; i++)
		TupleDescCopyEntry(visible, i + 1, desc, columns[i]);
	return visible;
}

/*
 * find_output returns the output of a step that can be read, or NULL.
 */
static CkptStepOutput *
find_output(List *outputs, const char *step)
{
	ListCell   *lc;

	foreach(lc, outputs)
	{
		CkptStepOutput *output = (CkptStepOutput *) lfirst(lc);

		if ((output->table || output->desc || output->inlined) &&
			strcmp(output->step, step) == 0)
			return output;
	}
	return NULL;
}

/*
 * has_system_column returns whether an output has the column.
 */
static bool
has_system_column(const CkptStepOutput *output, AttrNumber column)
{
	if (output->table)
		return get_attnum(ckpt_result_table_lookup(output->table),
						  system_columns[column]) != InvalidAttrNumber;
	if (output->inlined)		/* it would have, if it were stored */
		return column == 0 || output->kind == CKPT_GEN;
	for (int i = 0; i < output->desc->natts; i++)
	{
		if (strcmp(NameStr(TupleDescAttr(output->desc, i)->attname),
				   system_columns[column]) == 0)
			return true;
	}
	return false;
}

/*
 * name_system_columns tells the parser the names of an output's columns that
 * belong to the extension, for its error messages.  The list of names that it
 * looks columns up in, and that joins are made from, stays as it is.
 */
static void
name_system_columns(RangeTblEntry *rte, List *outputs)
{
	CkptStepOutput *output = find_output(outputs, rte->enrname);

	if (list_length(rte->eref->colnames) > list_length(rte->coltypes))
		return;					/* it knows */
	rte->eref = copyObject(rte->eref);
	for (AttrNumber i = 0; i < lengthof(system_columns); i++)
	{
		if (has_system_column(output, i))
			rte->eref->colnames = lappend(rte->eref->colnames,
										  makeString(pstrdup(system_columns[i])));
	}
}

/*
 * find_system_column looks for an output among the relations that a column's
 * name may be of, innermost query first: the one called relation, or the only
 * one that has it if relation is NULL.
 */
static Node *
find_system_column(ParseState *pstate, const char *relation, AttrNumber column,
				   int location)
{
	ParseState *here = pstate;

	for (int levelsup = 0; pstate != NULL; pstate = pstate->parentParseState, levelsup++)
	{
		ParseNamespaceItem *found = NULL;
		CkptStepOutput *output = NULL;
		ListCell   *lc;

		foreach(lc, pstate->p_namespace)
		{
			ParseNamespaceItem *item = (ParseNamespaceItem *) lfirst(lc);

			if (item->p_rte->rtekind != RTE_NAMEDTUPLESTORE ||
				(item->p_lateral_only && !pstate->p_lateral_active) ||
				!(item->p_rel_visible || (item->p_cols_visible && !relation)) ||
				(relation && strcmp(item->p_names->aliasname, relation) != 0))
				continue;
			output = find_output(here->p_ref_hook_state, item->p_rte->enrname);
			if (!has_system_column(output, column))
				continue;
			if (found)
				ereport(ERROR,
						(errcode(ERRCODE_AMBIGUOUS_COLUMN),
						 errmsg("column reference \"%s\" is ambiguous",
								system_columns[column]),
						 parser_errposition(here, location)));
			found = item;
			output->ids_used = true;
		}
		if (found)
		{
			Var		   *var = makeVar(found->p_rtindex,
									  list_length(found->p_rte->coltypes) + column + 1,
									  INT8OID, -1, InvalidOid, levelsup);

			name_system_columns(found->p_rte, here->p_ref_hook_state);
			var->location = location;
			ckpt_mark_nullable(here, var);
			return (Node *) var;
		}
	}
	return NULL;
}

/*
 * resolve_column is asked for each column reference, with what the parser makes
 * of it.
 */
static Node *
resolve_column(ParseState *pstate, ColumnRef *ref, Node *var)
{
	char	   *names[2] = {NULL, NULL};
	int			n = list_length(ref->fields);

	if (var != NULL || n > 2)
		return NULL;
	for (int i = 0; i < n; i++)
	{
		if (!IsA(list_nth(ref->fields, i), String))
			return NULL;
		names[i] = strVal(list_nth(ref->fields, i));
	}
	if (n == 2 && strncmp(names[0], CKPT_HIDDEN_ALIAS, strlen(CKPT_HIDDEN_ALIAS)) == 0)
		names[0] = psprintf(CKPT_OUTPUT_ALIAS "%s", names[0] + strlen(CKPT_HIDDEN_ALIAS));
	for (AttrNumber i = 0; i < lengthof(system_columns); i++)
	{
		if (strcmp(names[n - 1], system_columns[i]) == 0)
			return find_system_column(pstate, n == 2 ? names[0] : NULL, i, ref->location);
	}
	return NULL;
}

static void
setup_parser(ParseState *pstate, void *arg)
{
	pstate->p_post_columnref_hook = resolve_column;
	pstate->p_ref_hook_state = arg;
}

/* Looks for the name of a relation in a query as it was written. */
static bool
mentions(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, RangeVar))
	{
		RangeVar   *rv = (RangeVar *) node;

		return rv->schemaname == NULL && strcmp(rv->relname, (const char *) context) == 0;
	}
	return raw_expression_tree_walker(node, mentions, context);
}

/*
 * read_outputs lists what the text of an inlined step calls "sys__1" and so on.
 */
static List *
read_outputs(const CkptStepOutput *inlined)
{
	List	   *result = NIL;
	ListCell   *lc;

	foreach(lc, inlined->inlined->reads)
	{
		CkptStepOutput *output = find_output(inlined->inlined->among, (const char *) lfirst(lc));
		CkptStepOutput *copy = palloc0(sizeof(CkptStepOutput));

		if (output == NULL ||
			(output->table && !OidIsValid(ckpt_result_table_lookup(output->table))))
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					 errmsg("output of step \"%s\" is gone", (const char *) lfirst(lc)),
					 errdetail("Step \"%s\" is inlined and reads it.", inlined->step),
					 errhint("Start a rerun with checkpoint.begin_job().")));
		*copy = *output;
		copy->step = psprintf(CKPT_COLUMN_PREFIX "%d", foreach_current_index(lc) + 1);
		result = lappend(result, copy);
	}
	return result;
}

/*
 * inlined_query returns the query that an inlined step stands for.
 */
static Query *
inlined_query(const CkptStepOutput *output)
{
	CkptInline *inlined = output->inlined;

	if (inlined->analyzed == NULL)
	{
		char	   *argument = psprintf("query\" of inlined step \"%s", inlined->step);
		int			nestlevel = ckpt_pinned_begin();

		check_stack_depth();
		inlined->analyzed = ckpt_query_analyze(inlined->query, argument,
											   read_outputs(output));
		ckpt_pinned_end(nestlevel);
	}
	return inlined->analyzed;
}

/*
 * query_environment shows the outputs of earlier steps to the parser.  An inlined
 * one is looked at only if the query mentions it.
 */
static QueryEnvironment *
query_environment(List *outputs, RawStmt *raw)
{
	QueryEnvironment *env = create_queryEnv();
	ListCell   *lc;

	foreach(lc, outputs)
	{
		CkptStepOutput *output = (CkptStepOutput *) lfirst(lc);
		EphemeralNamedRelation enr;
		TupleDesc	desc = output->desc;

		if (output->kind == CKPT_CHECK_EMPTY)
			continue;			/* has none */
		if (output->table)
		{
			Oid			relid = ckpt_result_table_lookup(output->table);
			Relation	rel;

			if (!OidIsValid(relid))
			{
				output->table = NULL;	/* an error only if the query names it */
				continue;
			}
			rel = table_open(relid, AccessShareLock);
			desc = visible_columns(RelationGetDescr(rel));
			table_close(rel, NoLock);
		}
		else if (desc)
			desc = visible_columns(desc);
		else if (output->inlined && mentions(raw->stmt, output->step))
			desc = ckpt_query_result_desc(inlined_query(output));
		else
			continue;
		enr = palloc0(sizeof(EphemeralNamedRelationData));
		enr->md.name = output->step;
		enr->md.tupdesc = desc;
		enr->md.enrtype = ENR_NAMED_TUPLESTORE;
		enr->md.enrtuples = 0;
		register_ENR(env, enr);
	}
	return env;
}

static ResTarget *
column_target(const char *name)
{
	ColumnRef  *ref = makeNode(ColumnRef);
	ResTarget  *target = makeNode(ResTarget);

	ref->fields = list_make1(makeString(pstrdup(name)));
	ref->location = -1;
	target->val = (Node *) ref;
	target->location = -1;
	return target;
}

/*
 * output_select makes the analysed form of SELECT <columns> FROM <output>: the
 * visible ones, whose names are the first in *names, then the extension's if they
 * are used.  Makes *names those of all.
 */
static Query *
output_select(const CkptStepOutput *output, List **names)
{
	SelectStmt *select = makeNode(SelectStmt);
	RawStmt    *raw = makeNode(RawStmt);
	RangeVar   *rv = makeRangeVar(pstrdup(CKPT_DATA_SCHEMA), pstrdup(output->table), -1);
	Relation	rel = table_openrv(rv, AccessShareLock);
	TupleDesc	desc = RelationGetDescr(rel);

	for (int i = 0; i < desc->natts; i++)
	{
		char	   *name = NameStr(TupleDescAttr(desc, i)->attname);

		if (!ckpt_is_system_column(name) && !TupleDescAttr(desc, i)->attisdropped)
			select->targetList = lappend(select->targetList, column_target(name));
	}
	*names = list_truncate(*names, list_length(select->targetList));
	for (int i = 0; output->ids_used && i < lengthof(system_columns); i++)
	{
		if (get_attnum(RelationGetRelid(rel), system_columns[i]) == InvalidAttrNumber)
			continue;
		select->targetList = lappend(select->targetList, column_target(system_columns[i]));
		*names = lappend(*names, makeString(pstrdup(system_columns[i])));
	}
	table_close(rel, NoLock);
	rv->inh = false;
	select->fromClause = list_make1(rv);
	raw->stmt = (Node *) select;
	return parse_analyze_fixedparams(raw, "", NULL, 0, NULL);
}

/*
 * note_within notes which steps a query reads in an inlined one.
 */
static void
note_within(const CkptStepOutput *inlined)
{
	ListCell   *lc;

	foreach(lc, inlined->inlined->reads)
	{
		CkptStepOutput *output = find_output(inlined->inlined->among, (const char *) lfirst(lc));

		output->within = true;
		if (output->inlined)
			note_within(output);
	}
}

/*
 * replace_outputs puts a sub-select in the place of each ephemeral relation
 * that there is a table for, or an inlined step.  The columns are the same, so
 * that what refers to them stays as it is; the extension's come behind, and no join
 * knows of them.  enrname says what it is.
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
		CkptStepOutput *output;

		if (rte->rtekind != RTE_NAMEDTUPLESTORE)
			return false;
		output = find_output(outputs, rte->enrname);
		output->used = true;
		if (output->inlined && !output->ids_used)
		{
			rte->subquery = copyObject(inlined_query(output));
			rte->enrname = pstrdup(output->inlined->step);
			note_within(output);
		}
		else if (output->table)
		{
			rte->subquery = output_select(output, &rte->eref->colnames);
			rte->enrname = pstrdup(CKPT_OUTPUT);
		}
		else
			return false;
		rte->rtekind = RTE_SUBQUERY;
		rte->enrtuples = 0;
		rte->coltypes = NIL;
		rte->coltypmods = NIL;
		rte->colcollations = NIL;
		if (rte->alias == NULL)
			rte->alias = makeAlias(rte->eref->aliasname, NIL);
		return false;
	}
	return expression_tree_walker(node, replace_outputs, context);
}

/*
 * ckpt_query_over makes a query that reads another one's rows, in which they are relation
 * 1 and have that alias.  What it returns is left to the caller.
 */
Query *
ckpt_query_over(Query *input, const char *alias)
{
	Query	   *query = makeNode(Query);
	RangeTblEntry *rte = makeNode(RangeTblEntry);
	RangeTblRef *ref = makeNode(RangeTblRef);
	ListCell   *lc;

	rte->rtekind = RTE_SUBQUERY;
	rte->subquery = input;
	rte->alias = makeAlias(alias, NIL);
	rte->eref = makeAlias(alias, NIL);
	foreach(lc, input->targetList)
	{
		TargetEntry *tle = lfirst_node(TargetEntry, lc);

		if (!tle->resjunk)
			rte->eref->colnames = lappend(rte->eref->colnames, makeString(pstrdup(tle->resname)));
	}
	rte->inFromCl = true;
	ref->rtindex = 1;
	query->commandType = CMD_SELECT;
	query->canSetTag = true;
	query->rtable = list_make1(rte);
	query->jointree = makeFromExpr(list_make1(ref), NULL);
	return query;
}

/*
 * locks_rows returns whether a query locks rows, on any level.
 */
static bool
locks_rows(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, Query))
		return ((Query *) node)->rowMarks != NIL ||
			query_tree_walker((Query *) node, locks_rows, context, 0);
	return expression_tree_walker(node, locks_rows, context);
}

/*
 * asks_for_locks returns whether a query as it was written locks rows, on any
 * level: of a step's output the analysed query no longer says so.
 */
static bool
asks_for_locks(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, LockingClause))
		return true;
	return raw_expression_tree_walker(node, asks_for_locks, context);
}

static void
refuse_writes(const char *argument)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("argument \"%s\" must only read", argument),
			 errdetail("The query changes or locks rows."),
			 errhint("A rerun runs the query again; change data outside of the job's steps.")));
}

/*
 * ckpt_query_analyze_names parses and analyses a step's query, and leaves the names
 * of steps in it.  As such it can be written as text, and not be run.
 *
 * outputs lists (CkptStepOutput *) what its names may stand for; which of them
 * it uses is noted there.
 * Anything but a plain SELECT is refused.  Needs an active snapshot; relations
 * are locked until the transaction ends.
 */
Query *
ckpt_query_analyze_names(const char *sql, const char *argument, List *outputs)
{
	CkptSource	source = {argument, sql, 0};
	ErrorContextCallback callback;
	RawStmt    *raw;
	Query	   *query;

	ckpt_source_push(&source, &callback);
	raw = query_parse(sql, &source);
	if (asks_for_locks(raw->stmt, NULL))
		refuse_writes(argument);
	query = parse_analyze_withcb(raw, sql, setup_parser, outputs, query_environment(outputs, raw));
	if (query->commandType != CMD_SELECT || query->utilityStmt != NULL ||
		query->hasModifyingCTE || locks_rows((Node *) ckpt_query_rewrite(query), NULL))
		refuse_writes(argument);
	ckpt_source_pop(&callback);

	return query;
}

/*
 * ckpt_query_analyze does the same, and puts what they stand for into the place of
 * names of steps.  If all of those have tables or are inlined, the result can be run.
 */
Query *
ckpt_query_analyze(const char *sql, const char *argument, List *outputs)
{
	Query	   *query = ckpt_query_analyze_names(sql, argument, outputs);

	(void) replace_outputs((Node *) query, outputs);
	return query;
}

/*
 * ckpt_query_rewrite returns a copy of an analysed SELECT with views replaced by
 * what they read.  Relations are locked until the transaction ends.
 */
Query *
ckpt_query_rewrite(Query *query)
{
	Query	   *copy = copyObject(query);
	List	   *rewritten;

	AcquireRewriteLocks(copy, true, false);
	rewritten = QueryRewrite(copy);
	if (list_length(rewritten) != 1)
		elog(ERROR, "a SELECT was rewritten to %d queries", list_length(rewritten));
	return linitial_node(Query, rewritten);
}

/*
 * ckpt_query_columns returns the names in a list of columns of the input, each as
 * a String; NIL if the text is empty.
 */
List *
ckpt_query_columns(const char *text, const char *argument, const char *hint)
{
	SelectStmt *select;
	List	   *parsetrees;
	List	   *names = NIL;
	ListCell   *lc;

	if (text[strspn(text, " \t\r\n")] == '\0')
		return NIL;
	parsetrees = raw_parser(psprintf("SELECT %s", text), RAW_PARSE_DEFAULT);
	select = (SelectStmt *) linitial_node(RawStmt, parsetrees)->stmt;
	foreach(lc, select->targetList)
	{
		ResTarget  *target = lfirst_node(ResTarget, lc);
		ColumnRef  *ref = (ColumnRef *) target->val;

		if (!IsA(ref, ColumnRef) || target->name || list_length(ref->fields) != 1 ||
			!IsA(linitial(ref->fields), String) || list_length(parsetrees) != 1 ||
			select->fromClause || select->whereClause || select->sortClause ||
			list_member(names, linitial(ref->fields)))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("argument \"%s\" must be a list of columns", argument),
					 errhint("%s", hint)));
		names = lappend(names, linitial(ref->fields));
	}
	return names;
}

/*
 * ckpt_query_function returns one of the extension's functions or aggregates, for a
 * query that is to call it.  Raises if there is none.
 */
Oid
ckpt_query_function(const char *name, int nargs, const Oid *types)
{
	return LookupFuncName(list_make2(makeString(pstrdup(CKPT_SCHEMA)),
									 makeString(pstrdup(name))), nargs, types, false);
}

/*
 * ckpt_query_plan rewrites and plans a copy of an analysed SELECT.  Relations
 * are locked until the transaction ends.
 */
PlannedStmt *
ckpt_query_plan(Query *query, const char *sql, int cursor_options)
{
	return pg_plan_query(ckpt_query_rewrite(query), sql, cursor_options, NULL);
}

/*
 * ckpt_query_run_plan runs a plan, with a snapshot that is taken now that all relations
 * are locked, sends its rows to dest and returns their number.
 */
uint64
ckpt_query_run_plan(PlannedStmt *plan, const char *sql, DestReceiver *dest)
{
	QueryDesc  *qd;
	uint64		nrows;

	PushActiveSnapshot(GetTransactionSnapshot());
	qd = CreateQueryDesc(plan, sql, GetActiveSnapshot(), InvalidSnapshot, dest,
						 NULL, NULL, 0);
	ExecutorStart(qd, 0);
	ckpt_executor_run(qd);
	nrows = qd->estate->es_processed;
	ExecutorFinish(qd);
	ExecutorEnd(qd);
	FreeQueryDesc(qd);
	PopActiveSnapshot();
	return nrows;
}

/*
 * ckpt_query_run runs an analysed SELECT, sends its rows to dest and returns
 * their number.  The rows are those of a snapshot that is taken when all
 * relations are locked.
 */
uint64
ckpt_query_run(Query *query, const char *sql, DestReceiver *dest)
{
	return ckpt_query_run_plan(ckpt_query_plan(query, sql, CURSOR_OPT_PARALLEL_OK), sql, dest);
}

/*
 * whole_rows returns the target list of a plan that scans an output and returns
 * all of its columns but the extension's, which come first, with those put before
 * them; NULL for other plans.
 */
static List *
whole_rows(PlannedStmt *plan)
{
	Plan	   *scan = plan->planTree;
	List	   *result = NIL;
	RangeTblEntry *rte;
	Relation	rel;
	Index		varno;
	int			left_out;
	ListCell   *lc;

	if (!IsA(scan, SeqScan))
		return NIL;
	varno = ((Scan *) scan)->scanrelid;
	rte = list_nth_node(RangeTblEntry, plan->rtable, varno - 1);
	rel = table_open(rte->relid, NoLock);
	left_out = RelationGetNumberOfAttributes(rel) - list_length(scan->targetlist);
	for (int i = 0; i < left_out; i++)
	{
		Form_pg_attribute att = TupleDescAttr(RelationGetDescr(rel), i);

		if (att->atttypid != INT8OID || !ckpt_is_system_column(NameStr(att->attname)))
			left_out = 0;
		else
			result = lappend(result,
							 makeTargetEntry((Expr *) makeVar(varno, att->attnum, INT8OID, -1,
															  InvalidOid, 0),
											 att->attnum, pstrdup(NameStr(att->attname)), false));
	}
	table_close(rel, NoLock);
	if (left_out <= 0)
		return NIL;
	foreach(lc, scan->targetlist)
	{
		TargetEntry *tle = flatCopyTargetEntry(lfirst_node(TargetEntry, lc));
		const Var  *var = (const Var *) tle->expr;

		tle->resno += left_out;
		if (!IsA(var, Var) || var->varattno != tle->resno || tle->resjunk)
			return NIL;
		result = lappend(result, tle);
	}
	return result;
}

/*
 * ckpt_query_run_input is ckpt_query_run() for one who passes over the extension's
 * columns anyway: rows of an output come with them, as they are in the table.
 */
uint64
ckpt_query_run_input(Query *query, const char *sql, DestReceiver *dest)
{
	PlannedStmt *plan = ckpt_query_plan(query, sql, CURSOR_OPT_PARALLEL_OK);
	List	   *targets = whole_rows(plan);

	if (targets)
		plan->planTree->targetlist = targets;
	return ckpt_query_run_plan(plan, sql, dest);
}

/* A name that an error's message says is missing. */
typedef struct MissingName
{
	const char *message;
	const char *name;			/* once it is found */
} MissingName;

static bool
find_missing_name(Node *node, void *context)
{
	MissingName *missing = (MissingName *) context;

	if (node == NULL)
		return false;
	if (IsA(node, RangeVar))
	{
		RangeVar   *rv = (RangeVar *) node;

		if (rv->schemaname == NULL &&
			strcmp(missing->message,
				   psprintf(_("relation \"%s\" does not exist"), rv->relname)) == 0)
			missing->name = rv->relname;
	}
	else if (IsA(node, ColumnRef))
	{
		ColumnRef  *ref = (ColumnRef *) node;

		if (list_length(ref->fields) == 2 && IsA(linitial(ref->fields), String) &&
			strcmp(missing->message,
				   psprintf(_("missing FROM-clause entry for table \"%s\""),
							strVal(linitial(ref->fields)))) == 0)
			missing->name = strVal(linitial(ref->fields));
	}
	return missing->name != NULL || raw_expression_tree_walker(node, find_missing_name, context);
}

/*
 * ckpt_query_missing_name returns the name, unqualified, of the relation that
 * an error raised by the analysis of a query says is missing; NULL if it says
 * something else.
 */
const char *
ckpt_query_missing_name(const char *sql, const char *message)
{
	MissingName missing = {message, NULL};
	ListCell   *lc;

	foreach(lc, raw_parser(sql, RAW_PARSE_DEFAULT))
		(void) find_missing_name(lfirst_node(RawStmt, lc)->stmt, &missing);
	return missing.name;
}
