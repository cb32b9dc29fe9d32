/*-------------------------------------------------------------------------
 *
 * udf.c
 *	  The select list that a step computes for each input row.
 *
 * The text is parsed by itself, behind a SELECT, and must turn out to be a
 * select list and nothing else.  It is analysed twice: before the step starts,
 * against the columns that the input will have, and in each transaction of the
 * run against the input table, for the run query
 *
 *		SELECT <select list> FROM checkpoint_data.<input table> AS input
 *
 * The runner adds the rows that it wants, and takes the input's own columns, which
 * the output of map begins with, from the scan of the input.
 *
 * A function call that returns a composite value stands for its columns; the
 * value travels through the executor whole, so that the call is made once, and
 * is taken apart on the way to the output table.  One that returns void gives no
 * column.
 *
 * IDENTIFICATION
 *	  src/udf.c
 *
 *-------------------------------------------------------------------------
 */
#include "checkpoint.h"

#include "access/detoast.h"
#include "access/htup_details.h"
#include "agg.h"
#include "batch.h"
#include "catalog/heap.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "content.h"
#include "distributed.h"
#include "fingerprint.h"
#include "fmgr.h"
#include "funcapi.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "parser/analyze.h"
#include "parser/parser.h"
#include "plans.h"
#include "query.h"
#include "query_columns.h"
#include "result_table.h"
#include "sqltext.h"
#include "udf.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/queryenvironment.h"
#include "utils/regproc.h"
#include "utils/syscache.h"
#include "utils/typcache.h"

#define SELECT_PREFIX "SELECT "

static void udf_batch_target(CkptUdf *udf, TargetEntry *tle, CkptUdfTarget *target);

/* What the input is called: in the UDF, and by us before it exists. */
#define INPUT_ALIAS "input"
#define INPUT_PLACEHOLDER "sys__input"

static CkptSource
udf_source(const char *text)
{
	return (CkptSource) {"udf", text, strlen(SELECT_PREFIX)};
}

/*
 * udf_parse turns the text into a list of ResTargets.
 */
static List *
udf_parse(const char *text)
{
	CkptSource	source = udf_source(text);
	ErrorContextCallback callback;
	bool		has_comment;
	List	   *parsetrees;
	SelectStmt *select;
	ListCell   *lc;
	char	   *sql = psprintf(SELECT_PREFIX "%s", text);
	char	   *tokens;

	ckpt_source_push(&source, &callback);
	tokens = ckpt_sqltext_normalize(text, false, &has_comment);
	if (*tokens == '\0' || has_comment)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 has_comment ? errmsg("argument \"udf\" must not have comments")
				 : errmsg("argument \"udf\" must not be empty"),
				 errhint("Write a select list, such as \"f(x) AS y, g(x) AS z\".")));

	parsetrees = raw_parser(sql, RAW_PARSE_DEFAULT);
	select = (SelectStmt *) linitial_node(RawStmt, parsetrees)->stmt;
	if (list_length(parsetrees) != 1 || strstr(tokens, "\1;\1") != NULL ||
		!IsA(select, SelectStmt) || select->op != SETOP_NONE ||
		select->targetList == NIL || select->distinctClause || select->intoClause ||
		select->fromClause || select->whereClause || select->groupClause ||
		select->havingClause || select->windowClause || select->valuesLists ||
		select->sortClause || select->limitOffset || select->limitCount ||
		select->lockingClause || select->withClause)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"udf\" must be a select list and nothing else"),
				 errhint("Write only what would stand between SELECT and FROM; the rows come from argument \"input\".")));

	/* (f(x)).* would call f once for each column; f(x) does it once */
	foreach(lc, select->targetList)
	{
		ResTarget  *target = lfirst_node(ResTarget, lc);

		if (IsA(target->val, A_Indirection))
		{
			A_Indirection *ind = (A_Indirection *) target->val;

			if (IsA(ind->arg, FuncCall) && list_length(ind->indirection) == 1 &&
				IsA(linitial(ind->indirection), A_Star))
				target->val = ind->arg;
		}
	}
	ckpt_source_pop(&callback);
	return select->targetList;
}

/*
 * explain_function_name is asked for each column reference, with what the parser
 * makes of it.  If that is nothing, and there is a function of that name, a call
 * was meant.
 */
static Node *
explain_function_name(ParseState *pstate, ColumnRef *ref, Node *var)
{
	ListCell   *lc;

	if (var != NULL)
		return NULL;
	foreach(lc, ref->fields)
	{
		if (!IsA(lfirst(lc), String))
			return NULL;
	}
	if (FuncnameGetCandidates(ref->fields, -1, NIL, false, false, false, true) != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("column \"%s\" does not exist", NameListToString(ref->fields)),
				 errdetail("There is a function of that name."),
				 errhint("Call it with its arguments, which may be columns of the input: \"%s(x) AS y\".",
						 NameListToString(ref->fields)),
				 parser_errposition(pstate, ref->location)));
	return NULL;
}

static void
setup_parser(ParseState *pstate, void *arg)
{
	pstate->p_post_columnref_hook = explain_function_name;
}

/*
 * udf_analyze_over analyses the select list over the given relation.
 */
static Query *
udf_analyze_over(CkptUdf *udf, RangeVar *relation, QueryEnvironment *env, List *keys)
{
	CkptSource	source = udf_source(udf->text);
	ErrorContextCallback callback;
	SelectStmt *select = makeNode(SelectStmt);
	RawStmt    *raw = makeNode(RawStmt);
	Query	   *query;

	select->targetList = copyObject(udf->raw_targets);
	relation->alias = makeAlias(INPUT_ALIAS, NIL);
	select->fromClause = list_make1(relation);
	select->groupClause = ckpt_agg_group_clause(INPUT_ALIAS, keys);
	raw->stmt = (Node *) select;

	ckpt_source_push(&source, &callback);
	query = parse_analyze_withcb(raw, psprintf(SELECT_PREFIX "%s", udf->text),
								 setup_parser, NULL, env);
	if (udf->kind == CKPT_AGG && (!query->hasAggs || query->hasWindowFuncs || query->hasTargetSRFs))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 !query->hasAggs ?
				 errmsg("argument \"udf\" of agg must have an aggregate") :
				 errmsg("argument \"udf\" of agg must not have window or set-returning functions"),
				 errdetail("Each group of rows gives exactly one row."),
				 errhint("Use checkpoint.map() or checkpoint.gen() for functions of a row.")));
	if (udf->kind != CKPT_AGG && (query->hasAggs || query->hasWindowFuncs))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"udf\" must not have aggregate or window functions"),
				 errdetail("It is evaluated for one input row at a time."),
				 errhint("Compute them in argument \"input\", or with checkpoint.agg().")));
	if (query->hasTargetSRFs && udf->kind == CKPT_MAP && udf->batch == 0)
		ereport(ERROR,
				(errcode(ERRCODE_CARDINALITY_VIOLATION),
				 errmsg("argument \"udf\" of map must not call set-returning functions"),
				 errdetail("Each input row gives exactly one row."),
				 errhint("Use checkpoint.gen() for functions that return any number of rows.")));
	ckpt_source_pop(&callback);
	if (udf->kind != CKPT_AGG && udf->batch == 0)
		ckpt_distributed_refuse(query);
	return query;
}

/*
 * udf_target_row returns the columns of an expression that stands for several,
 * or NULL.
 */
static TupleDesc
udf_target_row(TargetEntry *tle, bool named)
{
	Oid			type;
	TupleDesc	desc;
	TypeFuncClass class;

	if (IsA(tle->expr, Aggref))
	{
		if (named)
			return NULL;
		class = get_expr_result_type((Node *) tle->expr, &type, &desc);
		return class == TYPEFUNC_COMPOSITE || class == TYPEFUNC_COMPOSITE_DOMAIN ? desc : NULL;
	}
	if (!IsA(tle->expr, FuncExpr) ||
		((FuncExpr *) tle->expr)->funcformat != COERCE_EXPLICIT_CALL)
		return NULL;
	class = get_expr_result_type((Node *) tle->expr, &type, &desc);
	if (class == TYPEFUNC_RECORD)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("function %s returns rows of unknown columns",
						format_procedure(((FuncExpr *) tle->expr)->funcid)),
				 errhint("Give it OUT parameters, RETURNS TABLE or a composite result type.")));
	if (class != TYPEFUNC_COMPOSITE && class != TYPEFUNC_COMPOSITE_DOMAIN)
		return NULL;
	if (named)
	{
		if (type != RECORDOID)
			return NULL;		/* one column of that type */
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("function %s returns several columns, which AS cannot name",
						format_procedure(((FuncExpr *) tle->expr)->funcid)),
				 errhint("Leave out AS \"%s\": the columns have names of their own.",
						 tle->resname)));
	}
	return desc;
}

/*
 * udf_refuse_column raises that there is a column of that name already, in the
 * input or before this one.
 */
static void
udf_refuse_column(const char *name, bool in_input, bool of_row)
{
	ereport(ERROR,
			(errcode(ERRCODE_DUPLICATE_COLUMN),
			 errmsg("output column \"%s\" occurs more than once", name),
			 in_input ? errdetail("The input has a column of that name.") : 0,
			 !in_input && !of_row ? errhint("Name the columns with AS.") :
			 !in_input ? errhint("Make each function a step of its own, or rename a column that it returns.") :
			 !of_row ? errhint("Name the column with AS, or rename the input's in argument \"input\".") :
			 errhint("Rename the input's with AS, in argument \"input\".")));
}

/*
 * ckpt_udf_add_column puts a column into the output, unless it must not be there.  It
 * may be one of a row that a function returns.
 */
void
ckpt_udf_add_column(CkptUdf *udf, AttrNumber attno, const char *name, Oid type,
					int32 typmod, Oid collation, bool of_row)
{
	if (ckpt_is_system_column(name))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("output column must not be named \"%s\"", name),
				 errdetail("Names that begin with \"%s\" belong to the extension.",
						   CKPT_COLUMN_PREFIX),
				 errhint("Name the column with AS.")));
	for (int i = 0; i < attno - 1; i++)
	{
		if (strcmp(NameStr(TupleDescAttr(udf->output_desc, i)->attname), name) == 0)
			udf_refuse_column(name, i < udf->nplain && (udf->kind != CKPT_GEN || i > 1), of_row);
	}
	TupleDescInitEntry(udf->output_desc, attno, name, type, typmod, 0);
	TupleDescInitEntryCollation(udf->output_desc, attno, collation);
}

/*
 * udf_element_row returns the columns of an element of the array that an
 * expression gives, if they are to be several, or NULL.
 */
static TupleDesc
udf_element_row(TargetEntry *tle, bool named, Oid element)
{
	TupleDesc	desc;
	TupleDesc	copy;

	if (named || !IsA(tle->expr, FuncExpr) ||
		((FuncExpr *) tle->expr)->funcformat != COERCE_EXPLICIT_CALL ||
		!type_is_rowtype(element) || element == RECORDOID)
		return NULL;
	desc = lookup_rowtype_tupdesc_domain(element, -1, false);
	copy = CreateTupleDescCopy(desc);
	ReleaseTupleDesc(desc);
	return copy;
}

/*
 * ckpt_udf_begin_output makes an output of so many columns, and gives it those that
 * stand before the UDF's.  Returns the number of the first of the UDF's.
 */
AttrNumber
ckpt_udf_begin_output(CkptUdf *udf, int natts)
{
	if (natts > MaxHeapAttributeNumber)
		ereport(ERROR,
				(errcode(ERRCODE_TOO_MANY_COLUMNS),
				 errmsg("output would have %d columns", natts),
				 errdetail("Tables can have at most %d columns.", MaxHeapAttributeNumber),
				 errhint("Select fewer columns in argument \"input\", or put them into one array or composite value.")));

	udf->output_desc = CreateTemplateTupleDesc(natts);
	if (udf->kind == CKPT_GEN)
	{
		TupleDescInitEntry(udf->output_desc, 1, CKPT_ID_COLUMN, INT8OID, -1, 0);
		TupleDescInitEntry(udf->output_desc, 2, CKPT_INPUT_ID_COLUMN, INT8OID, -1, 0);
		for (int i = 0; i < udf->nkeep; i++)
			TupleDescCopyEntry(udf->output_desc, 3 + i, udf->input_desc, udf->keep[i]);
		return udf->nplain + 1;
	}
	for (AttrNumber attno = 1; attno <= udf->nplain; attno++)
	{
		TupleDescCopyEntry(udf->output_desc, attno, udf->input_desc, attno);
		ckpt_query_keep_values(TupleDescAttr(udf->output_desc, attno - 1));
	}
	return udf->nplain + 1;
}

/*
 * udf_init_output works out the columns of the output table.
 */
static void
udf_init_output(CkptUdf *udf, Query *query)
{
	int			natts = udf->nplain;
	AttrNumber	attno;
	int			i;
	ListCell   *lc;

	/* behind the select list comes what rows are grouped by */
	query->targetList = list_copy(query->targetList);
	while (llast_node(TargetEntry, query->targetList)->resjunk)
		query->targetList = list_delete_last(query->targetList);

	udf->ntargets = list_length(udf->raw_targets);
	udf->targets = palloc0(udf->ntargets * sizeof(CkptUdfTarget));
	if (list_length(query->targetList) != udf->ntargets)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"udf\" must not use \"*\""),
				 errhint("The input's columns are part of the output of map already; name others one by one.")));

	i = 0;
	foreach(lc, query->targetList)
	{
		TargetEntry *tle = lfirst_node(TargetEntry, lc);
		CkptUdfTarget *target = &udf->targets[i];
		bool		named = list_nth_node(ResTarget, udf->raw_targets, i)->name != NULL;

		target->type = target->column = exprType((Node *) tle->expr);
		if (udf->batch > 0)
			udf_batch_target(udf, tle, target);
		target->row = target->is_array ? udf_element_row(tle, named, target->column) :
			udf_target_row(tle, named);
		if (target->row == NULL)
			target->natts = target->type == VOIDOID ? 0 : 1;
		else
		{
			target->row = CreateTupleDescCopy(target->row);
			for (int j = 0; j < target->row->natts; j++)
				target->natts += !TupleDescAttr(target->row, j)->attisdropped;
		}
		natts += target->natts;
		i++;
	}

	attno = ckpt_udf_begin_output(udf, natts);

	i = 0;
	foreach(lc, query->targetList)
	{
		TargetEntry *tle = lfirst_node(TargetEntry, lc);
		CkptUdfTarget *target = &udf->targets[i++];

		if (target->row == NULL && target->natts > 0)
			ckpt_udf_add_column(udf, attno++, tle->resname, target->column,
								exprTypmod((Node *) tle->expr),
						   exprCollation((Node *) tle->expr), false);
		else if (target->row)
		{
			for (int j = 0; j < target->row->natts; j++)
			{
				Form_pg_attribute att = TupleDescAttr(target->row, j);

				if (!att->attisdropped)
					ckpt_udf_add_column(udf, attno++, NameStr(att->attname), att->atttypid,
								   att->atttypmod, att->attcollation, true);
			}
		}
	}
	CheckAttributeNamesTypes(udf->output_desc, RELKIND_RELATION, 0);

	udf->varlena = palloc(natts * sizeof(int));
	for (i = udf->nplain; i < natts; i++)
	{
		if (TupleDescAttr(udf->output_desc, i)->attlen == -1)
			udf->varlena[udf->nvarlena++] = i - udf->nplain;
	}
}

typedef struct ReadColumns
{
	Bitmapset  *columns;
	bool		whole_row;
	bool		temp;			/* something temporary is used */
	int			depth;			/* of sub-selects */
} ReadColumns;

static bool
is_temp_function(Oid funcid, void *context)
{
	return isTempNamespace(get_func_namespace(funcid));
}

/*
 * is_temp_type returns whether a type, or an array of it, is temporary.
 */
static bool
is_temp_type(Oid type)
{
	Oid			element = get_element_type(type);
	HeapTuple	tuple = SearchSysCache1(TYPEOID,
										ObjectIdGetDatum(OidIsValid(element) ? element : type));
	bool		temp;

	if (!HeapTupleIsValid(tuple))
		return false;
	temp = isTempNamespace(((Form_pg_type) GETSTRUCT(tuple))->typnamespace);
	ReleaseSysCache(tuple);
	return temp;
}

/*
 * uses_temp returns whether a node of an expression itself, not what is below
 * it, names a function, operator or type that is temporary.
 */
static bool
uses_temp(Node *node)
{
	switch (nodeTag(node))
	{
		case T_Const:
		case T_FuncExpr:
		case T_OpExpr:
		case T_RelabelType:
		case T_CoerceViaIO:
		case T_ArrayCoerceExpr:
		case T_ConvertRowtypeExpr:
		case T_CoerceToDomain:
		case T_RowExpr:
		case T_ArrayExpr:
			if (is_temp_type(exprType(node)))
				return true;
			break;
		default:
			break;
	}
	return check_functions_in_node(node, is_temp_function, NULL);
}

/*
 * collect_reads notes the columns of the input, the first relation of the
 * outermost query, that an expression reads, and whether the expression uses
 * anything temporary.
 */
static bool
collect_reads(Node *node, void *context)
{
	ReadColumns *reads = (ReadColumns *) context;

	if (node == NULL)
		return false;
	reads->temp |= uses_temp(node);
	if (IsA(node, Var))
	{
		Var		   *var = (Var *) node;

		if (var->varno == 1 && var->varlevelsup == reads->depth)
		{
			if (var->varattno > 0)
				reads->columns = bms_add_member(reads->columns, var->varattno);
			else
				reads->whole_row = true;
		}
		return false;
	}
	if (IsA(node, RangeTblEntry))
	{
		RangeTblEntry *rte = (RangeTblEntry *) node;

		reads->temp |= rte->rtekind == RTE_RELATION &&
			get_rel_persistence(rte->relid) == RELPERSISTENCE_TEMP;
		return false;
	}
	if (IsA(node, Query))
	{
		bool		result;

		reads->depth++;
		result = query_tree_walker((Query *) node, collect_reads, context,
								   QTW_EXAMINE_RTES_BEFORE);
		reads->depth--;
		return result;
	}
	return expression_tree_walker(node, collect_reads, context);
}

/*
 * udf_batch_target works out what an expression gives for each row of a call: an
 * element of an array, a row of a set, or, if it reads no column, itself.
 */
static void
udf_batch_target(CkptUdf *udf, TargetEntry *tle, CkptUdfTarget *target)
{
	ReadColumns reads = {NULL, false, false, 0};

	(void) collect_reads((Node *) tle->expr, &reads);
	target->is_set = expression_returns_set((Node *) tle->expr);
	for (CkptUdfTarget *other = udf->targets; target->is_set && other < target; other++)
	{
		if (other->is_set)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("argument \"udf\" must not call more than one set-returning function"),
					 errdetail("It would not be seen if one of them returned too few rows."),
					 errhint("Make each call a step of its own, or return arrays.")));
	}
	if (target->is_set || reads.columns == NULL || target->type == VOIDOID)
		return;
	target->column = get_base_element_type(target->type);
	target->is_array = true;
	if (!OidIsValid(target->column))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("with argument \"batch\", column \"%s\" of argument \"udf\" must be an array or a set",
						tle->resname),
				 errdetail("It is of type %s, and reads columns of the input, which are arrays.",
						   format_type_be(target->type)),
				 errhint("Return an array with one element for each row, or a set with one row for each, in the same order.")));
}

/*
 * ckpt_udf_query_uses_temp returns whether a query uses anything temporary.
 */
bool
ckpt_udf_query_uses_temp(Query *query)
{
	ReadColumns reads = {NULL, false, false, 0};

	(void) collect_reads((Node *) query, &reads);
	return reads.temp;
}

/*
 * udf_fingerprint fingerprints the analysed select list.  Its one relation, the
 * input, is the same whatever it is called and wherever it is.  Settings count as
 * they were when it was last looked at.
 */
static CkptCode
udf_fingerprint(const CkptUdf *udf, Query *query)
{
	List	   *more = ckpt_fingerprint_given(&udf->given);
	Query	   *copy;
	RangeTblEntry *input;

	if (udf->given.code_version)
		return ckpt_fingerprint_version(&udf->given);
	copy = copyObject(query);
	input = linitial_node(RangeTblEntry, copy->rtable);
	input->alias = NULL;
	ckpt_fingerprint_hide_relation(input, INPUT_ALIAS);
	return ckpt_fingerprint_query(copy, udf->code.settings,
								  list_concat(more, ckpt_content_of_tables(query)));
}

/*
 * udf_analyze_alone analyses the select list over a relation with the given
 * columns that is not there.
 */
static Query *
udf_analyze_alone(CkptUdf *udf, TupleDesc desc, List *keys)
{
	QueryEnvironment *env = create_queryEnv();
	EphemeralNamedRelation enr = palloc0(sizeof(EphemeralNamedRelationData));

	enr->md.name = pstrdup(INPUT_PLACEHOLDER);
	enr->md.tupdesc = desc;
	enr->md.enrtype = ENR_NAMED_TUPLESTORE;
	register_ENR(env, enr);
	return udf_analyze_over(udf, makeRangeVar(NULL, pstrdup(INPUT_PLACEHOLDER), -1), env, keys);
}

/*
 * ckpt_udf_aggregate_reads returns which of the given columns the aggregates of a
 * select list read, as attribute numbers.  Those named in keys, the partition
 * columns, may or may not be among them.
 */
Bitmapset *
ckpt_udf_aggregate_reads(const char *text, TupleDesc desc, List *keys)
{
	CkptUdf		udf = {.kind = CKPT_AGG,.text = text,.raw_targets = udf_parse(text)};
	ReadColumns reads = {NULL, false, false, 0};
	Query	   *query = udf_analyze_alone(&udf, desc, keys);

	(void) expression_tree_walker((Node *) query->targetList, collect_reads, &reads);
	if (reads.whole_row)
		return bms_add_range(reads.columns, 1, desc->natts);
	return reads.columns;
}

/*
 * shape_keep notes which columns of the input the output of gen has.
 */
static void
shape_keep(CkptUdfShape *shape, const char *keep, TupleDesc input_desc)
{
	ListCell   *lc;

	foreach(lc, ckpt_query_columns(keep, "keep",
								   "Write names of columns of the input, each once, such as 'a, b'."))
	{
		const char *name = strVal(lfirst(lc));
		AttrNumber	attno = 2;

		while (attno <= input_desc->natts &&
			   strcmp(NameStr(TupleDescAttr(input_desc, attno - 1)->attname), name) != 0)
			attno++;
		if (attno > input_desc->natts)
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_COLUMN),
					 errmsg("column \"%s\" does not exist", name),
					 errdetail("Argument \"keep\" names it."),
					 errhint("Name columns of argument \"input\".")));
		shape->keep[shape->nkeep++] = attno;
	}
}

/*
 * ckpt_udf_shape takes from a call how rows of an input with the given columns
 * stand to calls and to the output.
 */
CkptUdfShape *
ckpt_udf_shape(const CkptSpec *spec, TupleDesc input_desc)
{
	CkptUdfShape *shape = palloc0(sizeof(CkptUdfShape));

	shape->batch = spec->batch;
	if (spec->kind == CKPT_AGG)
		shape->nkeys = ckpt_agg_count_keys(spec->partition_by);
	if (spec->keep)
		shape_keep(shape, spec->keep, input_desc);
	return shape;
}

/*
 * ckpt_udf_analyze parses a UDF and analyses it over an input with the given
 * columns, sys__id first.  What is
 * returned is in CurrentMemoryContext.  What the call says of its code becomes
 * part of what the code is.
 *
 * Raises an error for whatever could not run.  Needs an active snapshot.
 */
CkptUdf *
ckpt_udf_analyze(CkptKind kind, const char *text, const CkptUdfShape *shape,
				 const CkptCodeGiven *given, TupleDesc input_desc)
{
	int			nkeys = shape->nkeys;
	int			batch = shape->batch;
	CkptUdf    *udf = palloc0(sizeof(CkptUdf));
	ReadColumns reads = {NULL, false, false, 0};
	Query	   *query;

	udf->kind = kind;
	udf->text = text;
	udf->raw_targets = udf_parse(text);
	udf->input_desc = input_desc;
	udf->nkeys = nkeys;
	udf->batch = batch;
	udf->nkeep = shape->nkeep;
	udf->keep = palloc(shape->nkeep * sizeof(AttrNumber));
	memcpy(udf->keep, shape->keep, shape->nkeep * sizeof(AttrNumber));
	udf->nplain = kind == CKPT_MAP ? input_desc->natts :
		kind == CKPT_GEN ? 2 + udf->nkeep : 1 + nkeys;

	if (kind == CKPT_AGG)
		query = udf_analyze_alone(udf, ckpt_agg_members_desc(input_desc, nkeys),
								  ckpt_agg_keys_of_table(input_desc, nkeys));
	else
		query = udf_analyze_alone(udf, batch > 0 ? ckpt_batch_desc(input_desc) : input_desc, NIL);
	if (kind == CKPT_GEN && (!query->hasTargetSRFs || list_length(udf->raw_targets) != 1))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"udf\" of gen must be one call of a set-returning function"),
				 query->hasTargetSRFs ?
				 errhint("Make each call a step of its own, or one function of them.") :
				 errhint("Use checkpoint.map() for functions that return one row.")));
	udf_init_output(udf, kind == CKPT_AGG ? copyObject(query) : query);
	(void) expression_tree_walker((Node *) query->targetList, collect_reads, &reads);
	if (batch > 0)
		ckpt_batch_check_reads(input_desc, reads.columns, reads.whole_row);
	if (kind == CKPT_AGG)
		udf->reads = bms_add_range(NULL, 2, input_desc->natts);
	else
	{
		udf->reads = reads.columns;
		udf->reads_id = reads.whole_row || bms_is_member(1, reads.columns);
	}
	udf->uses_temp = reads.temp;
	udf->given = *given;
	udf->code = udf_fingerprint(udf, query);
	udf->code.cache_version = given->cache_version;
	udf->query = query;
	return udf;
}

/*
 * ckpt_udf_run_query analyses the query that computes the UDF over an input
 * table, and fingerprints the code as it is now; *changed says whether that
 * has changed since it was last looked at.  Needs an active snapshot.
 */
Query *
ckpt_udf_run_query(CkptUdf *udf, const char *input_table, bool *changed)
{
	CkptCode	now;
	Query	   *query;

	if (udf->batch > 0)
		query = udf_analyze_alone(udf, ckpt_batch_desc(udf->input_desc), NIL);
	else if (udf->kind == CKPT_AGG)
		query = udf_analyze_alone(udf, ckpt_agg_members_desc(udf->input_desc, udf->nkeys),
								  ckpt_agg_keys_of_table(udf->input_desc, udf->nkeys));
	else
	{
		char	   *rows = get_rel_name(ckpt_result_table_rows(input_table));
		RangeVar   *input = makeRangeVar(pstrdup(CKPT_DATA_SCHEMA),
										 rows ? rows : pstrdup(input_table), -1);

		input->inh = false;
		query = udf_analyze_over(udf, input, NULL, NIL);
	}
	now = udf_fingerprint(udf, query);
	ckpt_plans_renew(&now);
	*changed = strcmp(now.hash, udf->code.hash) != 0;
	if (*changed)
	{
		MemoryContext oldcxt = MemoryContextSwitchTo(GetMemoryChunkContext(udf));

		ckpt_fingerprint_keep(&udf->code, &now);
		MemoryContextSwitchTo(oldcxt);
	}
	if (udf->batch > 0)
		return ckpt_batch_run_query(query, ckpt_batch_desc(udf->input_desc));
	return udf->kind == CKPT_AGG ?
		ckpt_agg_run_query(udf->raw_targets, udf->text, INPUT_ALIAS, udf->input_desc, udf->nkeys,
						   input_table) : query;
}

/*
 * ckpt_udf_refresh fingerprints the code as it is now, and returns whether it
 * has changed since it was last looked at.  Needs an active snapshot.
 */
bool
ckpt_udf_refresh(CkptUdf *udf, const char *input_table)
{
	bool		changed;

	(void) ckpt_udf_run_query(udf, input_table, &changed);
	return changed;
}

/*
 * udf_take_apart writes the fields of a composite value.
 */
static void
udf_take_apart(CkptUdfTarget *target, Datum value, Datum *values, bool *isnull)
{
	HeapTupleHeader header = DatumGetHeapTupleHeader(value);
	Oid			typid = HeapTupleHeaderGetTypeId(header);
	int32		typmod = HeapTupleHeaderGetTypMod(header);
	TupleDesc	row = target->row;
	TupleDesc	actual = lookup_rowtype_tupdesc(typid, typmod);
	HeapTupleData tuple;
	Datum	   *fields;
	bool	   *nulls;
	int			n = 0;

	if (actual->natts != row->natts)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("function returned %d columns, %d were declared",
						actual->natts, row->natts)));
	for (int i = 0; i < row->natts; i++)
	{
		if (TupleDescAttr(actual, i)->atttypid != TupleDescAttr(row, i)->atttypid &&
			!TupleDescAttr(row, i)->attisdropped)
			ereport(ERROR,
					(errcode(ERRCODE_DATATYPE_MISMATCH),
					 errmsg("function returned type %s in column %d, %s was declared",
							format_type_be(TupleDescAttr(actual, i)->atttypid), i + 1,
							format_type_be(TupleDescAttr(row, i)->atttypid))));
	}

	tuple.t_len = HeapTupleHeaderGetDatumLength(header);
	ItemPointerSetInvalid(&tuple.t_self);
	tuple.t_tableOid = InvalidOid;
	tuple.t_data = header;
	fields = palloc(row->natts * sizeof(Datum));
	nulls = palloc(row->natts * sizeof(bool));
	heap_deform_tuple(&tuple, actual, fields, nulls);
	ReleaseTupleDesc(actual);

	for (int i = 0; i < row->natts; i++)
	{
		if (TupleDescAttr(row, i)->attisdropped)
			continue;
		values[n] = fields[i];
		isnull[n] = nulls[i];
		n++;
	}
}

/*
 * ckpt_udf_output_row turns a row of the run query into the UDF's columns of
 * the output.  Values that are stored elsewhere are fetched.  May allocate in
 * CurrentMemoryContext.
 */
void
ckpt_udf_output_row(CkptUdf *udf, Datum *values, bool *isnull,
					Datum *out_values, bool *out_isnull)
{
	int			out = 0;

	for (int i = 0; i < udf->ntargets; i++)
	{
		CkptUdfTarget *target = &udf->targets[i];

		if (target->row == NULL)
		{
			if (target->natts > 0)
			{
				out_values[out] = values[i];
				out_isnull[out] = isnull[i];
			}
		}
		else if (isnull[i])
		{
			for (int j = 0; j < target->natts; j++)
			{
				out_values[out + j] = (Datum) 0;
				out_isnull[out + j] = true;
			}
		}
		else
			udf_take_apart(target, values[i], out_values + out, out_isnull + out);
		out += target->natts;
	}

	for (int i = 0; i < udf->nvarlena; i++)
	{
		int			col = udf->varlena[i];

		/* what it points to may be gone when the row is written */
		if (!out_isnull[col] && VARATT_IS_EXTERNAL_ONDISK(DatumGetPointer(out_values[col])))
			out_values[col] = PointerGetDatum(detoast_external_attr((struct varlena *)
																	DatumGetPointer(out_values[col])));
	}
}
