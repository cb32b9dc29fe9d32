/*-------------------------------------------------------------------------
 *
 * inline.c
 *	  Steps that are not stored: their queries stand in those of later steps.
 *
 * Whether a step is stored is a matter of time and space, never of results.  So a
 * step is inlined only if its query gives the same rows wherever it stands: no
 * volatile functions, by the server's rule for WITH ... NOT MATERIALIZED, no
 * temporary objects, and no argument that says how rows are to be computed and
 * kept.
 *
 * What reads an inlined step depends on all that it depends on.  Tables and
 * functions stand in the reader's own query.  What its call says beside these
 * (cache_version, depends_on and so on) is added to what the reader's input is
 * known by without being read.  Where the input is read, its rows decide.
 *
 * IDENTIFICATION
 *	  src/inline.c
 *
 *-------------------------------------------------------------------------
 */
#include "checkpoint.h"

#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "fingerprint.h"
#include "guc.h"
#include "inline.h"
#include "lib/stringinfo.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "query.h"
#include "querytext.h"
#include "utils/builtins.h"

/* What the rows of an inlined step are called where columns are picked. */
#define ROWS_ALIAS	CKPT_COLUMN_PREFIX "rows"

/* What the results of a UDF's expressions are called: this and a number. */
#define UDF_COLUMN	CKPT_COLUMN_PREFIX "u"

/*
 * ckpt_inline_wanted returns whether a step is asked to be inlined.
 */
bool
ckpt_inline_wanted(const CkptSpec *spec)
{
	if ((spec->kind != CKPT_QUERY && spec->kind != CKPT_MAP && spec->kind != CKPT_GEN) ||
		spec->output)			/* clients compute it */
		return false;
	switch ((CkptMaterialize) ckpt_materialize)
	{
		case CKPT_MATERIALIZE_DEFAULT_ON:
			return spec->materialized == false;
		case CKPT_MATERIALIZE_DEFAULT_OFF:
			return spec->materialized != true;
		case CKPT_MATERIALIZE_ALWAYS:
			return false;
		case CKPT_MATERIALIZE_NEVER:
			return true;
	}
	return false;
}

/*
 * ckpt_inline_reason says what asks for a step to be inlined.
 */
char *
ckpt_inline_reason(const CkptSpec *spec)
{
	if (ckpt_materialize == CKPT_MATERIALIZE_NEVER)
		return "checkpoint.materialize is never";
	return spec->materialized == false ? "materialized is false" :
		"checkpoint.materialize is default_off";
}

/*
 * has_sample returns whether a query reads samples of tables.
 */
static bool
has_sample(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, RangeTblEntry))
		return ((RangeTblEntry *) node)->tablesample != NULL;
	if (IsA(node, Query))
		return query_tree_walker((Query *) node, has_sample, context,
								 QTW_EXAMINE_RTES_BEFORE);
	return expression_tree_walker(node, has_sample, context);
}

/*
 * needs_tables returns the name of an argument of a call that says how rows are
 * to be computed, which needs tables; or NULL.
 */
static const char *
needs_tables(const CkptSpec *spec)
{
	if (spec->udf == NULL)
		return NULL;
	return spec->on_error != CKPT_ERROR_STOP ? "on_error" :
		spec->retries != 0 ? "retries" :
		spec->unit_timeout != CKPT_NONE ? "unit_timeout" :
		spec->workers != ckpt_workers ? "workers" :
		spec->batch != 0 ? "batch" :
		spec->rate != CKPT_NONE ? "rate" :
		spec->max_rows != CKPT_NONE ? "max_rows" :
		spec->max_time != CKPT_NONE ? "max_time" : NULL;
}

/*
 * has_void returns whether a function of the UDF is called for what it does, not for
 * a value.
 */
static bool
has_void(const CkptUdf *udf)
{
	for (int i = 0; i < udf->ntargets; i++)
	{
		if (udf->targets[i].natts == 0)
			return true;
	}
	return false;
}

/*
 * find_obstacle returns what keeps a step from being inlined, or NULL.  query has
 * the names of steps in it.
 */
static char *
find_obstacle(const CkptRequest *request, Query *query, List *outputs)
{
	Query	   *rewritten = ckpt_query_rewrite(query);
	const char *argument = needs_tables(request->spec);

	if (argument)
		return psprintf("argument \"%s\" needs tables", argument);
	if (contain_volatile_functions((Node *) rewritten))
		return "its query has volatile functions";
	if (has_sample((Node *) rewritten, NULL))
		return "its query reads a sample of a table";
	if (ckpt_udf_query_uses_temp(query) || ckpt_udf_query_uses_temp(rewritten) ||
		(request->udf && request->udf->uses_temp))
		return "it uses temporary objects";
	if (request->udf && request->udf->reads_id)
		return "its udf reads sys__id, or the whole row";
	if (request->udf && has_void(request->udf))
		return "its udf returns nothing";
	return NULL;
}

/*
 * plain_columns lists the numbers of the input's columns that are in a step's rows.
 */
static List *
plain_columns(const CkptUdf *udf)
{
	List	   *columns = NIL;

	for (int i = 2; udf->kind == CKPT_MAP && i <= udf->input_desc->natts; i++)
		columns = lappend_int(columns, i);
	for (int i = 0; i < udf->nkeep; i++)
		columns = lappend_int(columns, udf->keep[i]);
	return columns;
}

/*
 * add_column writes a column of the rows that a query returns.
 */
static void
add_column(StringInfo buf, const char *name)
{
	appendStringInfo(buf, "%s" ROWS_ALIAS ".%s", buf->len == 0 ? "" : ", ", quote_identifier(name));
}

/*
 * query_columns writes the columns that the rows of a query have.
 */
static char *
query_columns(const CkptRequest *request)
{
	StringInfoData buf;

	initStringInfo(&buf);
	for (int i = 1; i < request->input_desc->natts; i++)
		add_column(&buf, NameStr(TupleDescAttr(request->input_desc, i)->attname));
	return buf.data;
}

/*
 * numbered_input makes, of the query of an input, one that has the columns of an input
 * table: sys__id, which nobody reads, and the query's.
 */
static Query *
numbered_input(Query *input)
{
	Query	   *query = ckpt_query_over(input, ROWS_ALIAS);
	ListCell   *lc;

	query->targetList = list_make1(makeTargetEntry((Expr *) makeNullConst(INT8OID, -1, InvalidOid),
												   1, CKPT_ID_COLUMN, false));
	foreach(lc, input->targetList)
	{
		TargetEntry *tle = lfirst_node(TargetEntry, lc);

		if (!tle->resjunk && !ckpt_is_system_column(tle->resname))
			query->targetList =
				lappend(query->targetList,
						makeTargetEntry((Expr *) makeVarFromTargetEntry(1, tle),
										list_length(query->targetList) + 1, tle->resname, false));
	}
	return query;
}

/*
 * udf_over makes the query that computes a UDF over an input: the columns of the
 * input that the step has, and what the expressions give, as sys__u1 and so on.  Each is evaluated
 * once for a row, whatever becomes of the columns.
 */
static Query *
udf_over(const CkptUdf *udf, Query *input)
{
	Query	   *query = copyObject(udf->query);
	RangeTblEntry *rte = linitial_node(RangeTblEntry, query->rtable);
	List	   *targets = NIL;
	ListCell   *lc;

	rte->rtekind = RTE_SUBQUERY;
	rte->subquery = numbered_input(input);
	rte->enrname = NULL;
	foreach(lc, plain_columns(udf))
	{
		TargetEntry *column = list_nth_node(TargetEntry, rte->subquery->targetList, lfirst_int(lc) - 1);

		targets = lappend(targets, makeTargetEntry((Expr *) makeVarFromTargetEntry(1, column),
												   list_length(targets) + 1, column->resname, false));
	}
	foreach(lc, query->targetList)
		targets = lappend(targets,
						  makeTargetEntry(lfirst_node(TargetEntry, lc)->expr,
										  list_length(targets) + 1,
										  psprintf(UDF_COLUMN "%d", foreach_current_index(lc) + 1),
										  false));
	query->targetList = targets;
	query->limitOffset = (Node *) makeConst(INT8OID, -1, InvalidOid, sizeof(int64),
											Int64GetDatum(0), false, FLOAT8PASSBYVAL);
	return query;
}

/*
 * udf_columns writes the columns of a step's output as they come from udf_over().
 */
static char *
udf_columns(const CkptRequest *request)
{
	const CkptUdf *udf = request->udf;
	int			out = udf->nplain;
	StringInfoData buf;
	ListCell   *lc;

	initStringInfo(&buf);
	foreach(lc, plain_columns(udf))
		add_column(&buf, NameStr(TupleDescAttr(request->input_desc, lfirst_int(lc) - 1)->attname));
	for (int i = 0; i < udf->ntargets; i++)
	{
		TupleDesc	row = udf->targets[i].row;

		for (int j = 0; j < (row ? row->natts : 1); j++)
		{
			if (row && TupleDescAttr(row, j)->attisdropped)
				continue;
			if (buf.len > 0)
				appendStringInfoString(&buf, ", ");
			appendStringInfo(&buf, row ? "(" ROWS_ALIAS "." UDF_COLUMN "%d)" : ROWS_ALIAS "." UDF_COLUMN "%d",
							 i + 1);
			if (row)
				appendStringInfo(&buf, ".%s", quote_identifier(NameStr(TupleDescAttr(row, j)->attname)));
			appendStringInfo(&buf, " AS %s",
							 quote_identifier(NameStr(TupleDescAttr(request->output_desc, out++)->attname)));
		}
	}
	return buf.data;
}

/*
 * ckpt_inline_make writes down how an analysed step stands in the queries of later
 * ones, or returns NULL and what keeps it from that in *obstacle.
 *
 * Runs with the rights of the current user.  Needs an active snapshot.
 */
CkptInline *
ckpt_inline_make(const CkptRequest *request, List *outputs, char **obstacle)
{
	const CkptSpec *spec = request->spec;
	Query	   *query = ckpt_query_analyze_names(spec->query, ckpt_reuse_argument(spec->kind),
												 outputs);
	int			ntargets = ExecCleanTargetListLength(query->targetList);
	CkptInline *inlined;
	ListCell   *lc;

	*obstacle = find_obstacle(request, query, outputs);
	if (*obstacle)
		return NULL;
	inlined = palloc0(sizeof(CkptInline));
	inlined->step = spec->step;
	ckpt_querytext_names(query, &inlined->reads);
	if (request->udf)
		inlined->query = psprintf("SELECT %s FROM (%s) " ROWS_ALIAS, udf_columns(request),
								  ckpt_querytext(udf_over(request->udf, query)));
	else if (ntargets == request->input_desc->natts - 1)
		inlined->query = ckpt_querytext(query);
	else						/* some columns are the extension's */
		inlined->query = psprintf("SELECT %s FROM (%s) " ROWS_ALIAS,
								  query_columns(request), ckpt_querytext(query));
	/* those that probe and depends_on read are not in the text */
	foreach(lc, outputs)
	{
		const CkptStepOutput *output = (const CkptStepOutput *) lfirst(lc);
		bool		known = !output->used;
		ListCell   *lc2;

		foreach(lc2, inlined->reads)
			known |= strcmp((const char *) lfirst(lc2), output->step) == 0;
		if (!known)
			inlined->reads = lappend(inlined->reads, output->step);
	}
	inlined->code = ckpt_hash_text(psprintf("%s\1%s", request->code.hash,
											spec->cache_version ? spec->cache_version : ""));
	inlined->anew = !spec->cache_enabled;
	inlined->versioned = spec->code_version != NULL;
	inlined->among = outputs;
	return inlined;
}

/*
 * ckpt_inline_to_store returns the name of an inlined step that must be stored
 * before analysed queries can be run, as they read its sys__ columns; or NULL.
 */
const char *
ckpt_inline_to_store(List *outputs)
{
	ListCell   *lc;

	foreach(lc, outputs)
	{
		const CkptStepOutput *output = (const CkptStepOutput *) lfirst(lc);

		if (output->inlined && output->ids_used)
			return output->step;
	}
	return NULL;
}

static bool
is_read(const CkptStepOutput *output)
{
	return output->inlined && (output->used || output->within);
}

/*
 * ckpt_inline_anew returns the name of an inlined step, read by analysed queries,
 * that ignores all that was kept; or NULL.
 */
const char *
ckpt_inline_anew(List *outputs)
{
	ListCell   *lc;

	foreach(lc, outputs)
	{
		const CkptStepOutput *output = (const CkptStepOutput *) lfirst(lc);

		if (is_read(output) && output->inlined->anew)
			return output->step;
	}
	return NULL;
}

/*
 * ckpt_inline_names lists the inlined steps that analysed queries read, in words, or
 * returns NULL.
 */
char *
ckpt_inline_names(List *outputs)
{
	StringInfoData buf;
	int			n = 0;
	ListCell   *lc;

	initStringInfo(&buf);
	foreach(lc, outputs)
	{
		const CkptStepOutput *output = (const CkptStepOutput *) lfirst(lc);

		if (is_read(output))
			appendStringInfo(&buf, "%s\"%s\"", n++ == 0 ? "" : ", ", output->step);
	}
	if (n == 0)
		return NULL;
	return psprintf(n == 1 ? "inlined step %s" : "inlined steps %s", buf.data);
}

/*
 * find_inlined lists the names of inlined steps that stand in a query, on any level.
 */
static bool
find_inlined(Node *node, void *context)
{
	List	  **names = (List **) context;

	if (node == NULL)
		return false;
	if (IsA(node, RangeTblEntry))
	{
		RangeTblEntry *rte = (RangeTblEntry *) node;

		if (rte->rtekind == RTE_SUBQUERY && rte->enrname)
			*names = lappend(*names, rte->enrname);
		return false;
	}
	if (IsA(node, Query))
		return query_tree_walker((Query *) node, find_inlined, context,
								 QTW_EXAMINE_RTES_BEFORE);
	return expression_tree_walker(node, find_inlined, context);
}

/*
 * ckpt_inline_identity returns what the identity of an analysed query depends on by the
 * calls of inlined steps that it reads; NULL if it reads none.
 */
char *
ckpt_inline_identity(Query *query, List *outputs)
{
	StringInfoData buf;
	List	   *names = NIL;
	ListCell   *lc;

	(void) find_inlined((Node *) query, &names);
	initStringInfo(&buf);
	foreach(lc, outputs)
	{
		const CkptStepOutput *output = (const CkptStepOutput *) lfirst(lc);
		ListCell   *lc2;

		foreach(lc2, names)
		{
			if (output->inlined == NULL || strcmp((const char *) lfirst(lc2), output->step) != 0)
				continue;
			appendStringInfo(&buf, "\1%s\1%s", output->inlined->code,
							 output->inlined->probe ? output->inlined->probe : "");
			break;
		}
	}
	return buf.len == 0 ? NULL : buf.data;
}

/* How inlined steps are to be hidden. */
typedef struct Hiding
{
	List	   *outputs;
	bool		udfs;			/* hide those whose code is known otherwise, too */
} Hiding;

/*
 * hide_udf makes the results of a UDF nothing, in the query of ckpt_inline_make().
 */
static void
hide_udf(Query *query)
{
	Query	   *computes = linitial_node(RangeTblEntry, query->rtable)->subquery;
	int			nplain = 0;
	ListCell   *lc;

	foreach(lc, computes->targetList)
	{
		TargetEntry *tle = lfirst_node(TargetEntry, lc);

		if (strncmp(tle->resname, UDF_COLUMN, strlen(UDF_COLUMN)) == 0)
			tle->expr = (Expr *) makeNullConst(INT8OID, -1, InvalidOid);
		else
			nplain++;
	}
	computes->hasTargetSRFs = false;
	foreach(lc, query->targetList)
	{
		TargetEntry *tle = lfirst_node(TargetEntry, lc);
		Node	   *expr = (Node *) tle->expr;

		if (foreach_current_index(lc) >= nplain)
			tle->expr = (Expr *) makeNullConst(exprType(expr), exprTypmod(expr), exprCollation(expr));
	}
}

/*
 * hide_inlined makes inlined steps in a query what they are known by.
 */
static bool
hide_inlined(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, RangeTblEntry))
	{
		RangeTblEntry *rte = (RangeTblEntry *) node;
		Hiding	   *hiding = (Hiding *) context;
		ListCell   *lc;

		if (rte->rtekind != RTE_SUBQUERY || rte->enrname == NULL)
			return false;
		foreach(lc, hiding->outputs)
		{
			const CkptStepOutput *output = (const CkptStepOutput *) lfirst(lc);

			if (output->inlined == NULL || strcmp(output->step, rte->enrname) != 0)
				continue;
			if (output->inlined->probe)
			{
				ckpt_fingerprint_hide_relation(rte, output->inlined->probe);
				rte->subquery = NULL;
			}
			else if (output->kind != CKPT_QUERY && (hiding->udfs || output->inlined->versioned))
				hide_udf(rte->subquery);
			break;
		}
		return false;
	}
	if (IsA(node, Query))
		return query_tree_walker((Query *) node, hide_inlined, context,
								 QTW_EXAMINE_RTES_BEFORE);
	return expression_tree_walker(node, hide_inlined, context);
}

/*
 * ckpt_inline_hide changes an analysed query, which is not to be run: an inlined step
 * that has a probe is the probe's result; UDFs whose code the user answers for, or
 * all, are nothing.
 */
void
ckpt_inline_hide(Query *query, List *outputs, bool udfs)
{
	Hiding		hiding = {outputs, udfs};

	(void) hide_inlined((Node *) query, &hiding);
}
