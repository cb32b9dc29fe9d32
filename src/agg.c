/*-------------------------------------------------------------------------
 *
 * agg.c
 *	  Groups of input rows: the input of agg, and the query over it.
 *
 * IDENTIFICATION
 *	  src/agg.c
 *
 *-------------------------------------------------------------------------
 */
#include "checkpoint.h"

#include "agg.h"
#include "lib/stringinfo.h"
#include "members.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "parser/analyze.h"
#include "parser/parser.h"
#include "query.h"
#include "query_columns.h"
#include "udf.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/queryenvironment.h"
#include "utils/typcache.h"

#define ROWS_PLACEHOLDER "sys__rows"
#define POSITION "sys__position"

static void
no_hooks(ParseState *pstate, void *arg)
{
}

static SelectStmt *
parse_select(const char *sql)
{
	return (SelectStmt *) linitial_node(RawStmt, raw_parser(sql, RAW_PARSE_DEFAULT))->stmt;
}

static List *
agg_keys(const char *partition_by)
{
	return ckpt_query_columns(partition_by, "partition_by",
							  "Write names of columns of the input, each once, such as 'a, b'; '' makes all rows one group.");
}

/*
 * ckpt_agg_count_keys returns how many partition columns there are.
 */
int
ckpt_agg_count_keys(const char *partition_by)
{
	return list_length(agg_keys(partition_by));
}

static bool
replace_placeholder(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, Query))
		return query_tree_walker((Query *) node, replace_placeholder, context,
								 QTW_EXAMINE_RTES_BEFORE);
	if (IsA(node, RangeTblEntry))
	{
		RangeTblEntry *rte = (RangeTblEntry *) node;

		if (rte->rtekind != RTE_NAMEDTUPLESTORE || strcmp(rte->enrname, ROWS_PLACEHOLDER) != 0)
			return false;
		rte->rtekind = RTE_SUBQUERY;
		rte->subquery = (Query *) context;
		rte->enrname = NULL;
		rte->enrtuples = 0;
		rte->coltypes = rte->coltypmods = rte->colcollations = NIL;
		if (rte->alias == NULL)
			rte->alias = makeAlias(rte->eref->aliasname, NIL);
		return false;
	}
	return expression_tree_walker(node, replace_placeholder, context);
}

static bool
is_key(List *keys, const char *name)
{
	return list_member(keys, makeString(pstrdup(name)));
}

static bool
is_sortable(Oid type)
{
	return OidIsValid(lookup_type_cache(type, TYPECACHE_LT_OPR)->lt_opr);
}

/*
 * check_key raises unless rows can be grouped by a column.
 */
static void
check_key(Form_pg_attribute att)
{
	if (OidIsValid(lookup_type_cache(att->atttypid, TYPECACHE_EQ_OPR)->eq_opr))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_FUNCTION),
			 errmsg("rows cannot be grouped by column \"%s\"", NameStr(att->attname)),
			 errdetail("Argument \"partition_by\" names it, and type %s has no equality operator.",
					   format_type_be(att->atttypid)),
			 errhint("Cast it in argument \"input\", to text or jsonb, say.")));
}

/*
 * free_name returns a name that no column of a query has.
 */
static const char *
free_name(const Query *query, const char *name)
{
	ListCell   *lc;

	foreach(lc, query->targetList)
	{
		const TargetEntry *tle = lfirst_node(TargetEntry, lc);

		if (tle->resname && strcmp(tle->resname, name) == 0)
			return free_name(query, psprintf("%s_", name));
	}
	return name;
}

/*
 * ckpt_agg_input makes, of the query for the input's rows, that for its groups.
 * Needs an active snapshot.
 */
Query *
ckpt_agg_input(Query *query, const char *udf, const char *partition_by)
{
	List	   *keys = agg_keys(partition_by);
	TupleDesc	desc = CreateTupleDescCopy(ckpt_query_input_desc(query, "input"));
	TupleDesc	all = CreateTemplateTupleDesc(list_length(query->targetList));
	char	   *counter = pstrdup("rows");
	const char *position = quote_identifier(free_name(query, POSITION));
	QueryEnvironment *env = create_queryEnv();
	EphemeralNamedRelation enr = palloc0(sizeof(EphemeralNamedRelationData));
	RawStmt    *raw = makeNode(RawStmt);
	StringInfoData sql;
	StringInfoData group;
	Bitmapset  *reads;
	TupleDesc	columns;
	Query	   *result;
	bool		sorted = true;
	int			n = 0;
	ListCell   *lc;

	columns = CreateTemplateTupleDesc(desc->natts - 1);
	for (int i = 1; i < desc->natts; i++)
		TupleDescCopyEntry(columns, i, desc, i + 1);
	initStringInfo(&sql);
	initStringInfo(&group);
	appendStringInfoString(&sql, "SELECT ");
	foreach(lc, keys)
	{
		const char *name = strVal(lfirst(lc));
		bool		found = false;

		for (int i = 0; i < columns->natts; i++)
		{
			if (strcmp(NameStr(TupleDescAttr(columns, i)->attname), name) != 0)
				continue;
			found = true;
			check_key(TupleDescAttr(columns, i));
			sorted &= is_sortable(TupleDescAttr(columns, i)->atttypid);
		}
		if (!found)
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_COLUMN),
					 errmsg("column \"%s\" does not exist", name),
					 errdetail("Argument \"partition_by\" names it."),
					 ckpt_is_system_column(name) ?
					 errhint("Give it a name in argument \"input\", as in: SELECT %s AS id, ...", name) :
					 errhint("Name columns of argument \"input\".")));
		appendStringInfo(&sql, "r.%s, ", quote_identifier(name));
		appendStringInfo(&group, "%s r.%s", group.len ? "," : " GROUP BY",
						 quote_identifier(name));
	}
	reads = ckpt_udf_aggregate_reads(udf, columns, keys);
	for (int i = 0; i < columns->natts; i++)
	{
		if (strcmp(NameStr(TupleDescAttr(columns, i)->attname), counter) == 0)
		{
			counter = psprintf("%s_", counter);
			i = -1;
		}
	}
	appendStringInfo(&sql, "pg_catalog.count(*) AS %s", quote_identifier(counter));
	for (int i = 0; i < columns->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(columns, i);

		if (!bms_is_member(i + 1, reads) || is_key(keys, NameStr(att->attname)))
			continue;
		if (OidIsValid(get_base_element_type(att->atttypid)))
			ereport(ERROR,
					(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
					 errmsg("agg does not read columns of an array type"),
					 errdetail("Column \"%s\" is of type %s.", NameStr(att->attname),
							   format_type_be(att->atttypid)),
					 errhint("Cast it to text in argument \"input\", and back in \"udf\".")));
		appendStringInfo(&sql, ", pg_catalog.array_agg(r.%s) AS %s",
						 quote_identifier(NameStr(att->attname)),
						 quote_identifier(NameStr(att->attname)));
	}

	/*
	 * To sort all rows once is cheaper than those of each group.  Where they cannot
	 * be sorted, they are grouped by hashing, which keeps their order.
	 */
	appendStringInfo(&sql, " FROM (SELECT * FROM (SELECT *, pg_catalog.row_number() OVER () AS %s"
					 " FROM " ROWS_PLACEHOLDER ") r", position);
	if (sorted && keys)
		appendStringInfo(&sql, " ORDER BY %s, r.%s", group.data + strlen(" GROUP BY"), position);
	appendStringInfo(&sql, ") r%s", group.data);
	if (keys)
		appendStringInfo(&sql, " ORDER BY pg_catalog.min(r.%s)", position);
	else
		appendStringInfoString(&sql, " HAVING pg_catalog.count(*) OPERATOR(pg_catalog.>) 0");

	foreach(lc, query->targetList)
	{
		TargetEntry *tle = lfirst_node(TargetEntry, lc);

		if (tle->resjunk)
			continue;
		n++;
		TupleDescInitEntry(all, n, tle->resname, exprType((Node *) tle->expr),
						   exprTypmod((Node *) tle->expr), 0);
		TupleDescInitEntryCollation(all, n, exprCollation((Node *) tle->expr));
	}
	if (n < all->natts)
	{
		TupleDesc	visible = CreateTemplateTupleDesc(n);

		for (int i = 1; i <= n; i++)
			TupleDescCopyEntry(visible, i, all, i);
		all = visible;
	}
	enr->md.name = pstrdup(ROWS_PLACEHOLDER);
	enr->md.tupdesc = all;
	enr->md.enrtype = ENR_NAMED_TUPLESTORE;
	register_ENR(env, enr);
	raw->stmt = (Node *) parse_select(sql.data);
	result = parse_analyze_withcb(raw, sql.data, no_hooks, NULL, env);
	(void) replace_placeholder((Node *) result, query);
	return result;
}

/*
 * ckpt_agg_prepare_input makes such a query ready to be run.  It is not one that
 * follows from what it reads any more, for who looks at its functions.
 */
void
ckpt_agg_prepare_input(Query *query)
{
	Query	   *sorted = linitial_node(RangeTblEntry, query->rtable)->subquery;
	Query	   *rows = linitial_node(RangeTblEntry, sorted->rtable)->subquery;

	ckpt_members_number(rows, list_length(rows->targetList));
}

/*
 * ckpt_agg_members_desc returns what the rows of a group look like to the UDF.
 */
TupleDesc
ckpt_agg_members_desc(TupleDesc input_desc, int nkeys)
{
	TupleDesc	desc = CreateTemplateTupleDesc(input_desc->natts - 2);

	for (int i = 1; i <= desc->natts; i++)
	{
		Form_pg_attribute att;
		Oid			element;

		TupleDescCopyEntry(desc, i, input_desc, i <= nkeys ? i + 1 : i + 2);
		if (i <= nkeys)
			continue;
		att = TupleDescAttr(desc, i - 1);
		element = get_element_type(att->atttypid);
		TupleDescInitEntry(desc, i, pstrdup(NameStr(att->attname)), element, att->atttypmod, 0);
		TupleDescInitEntryCollation(desc, i, TupleDescAttr(input_desc, i + 1)->attcollation);
	}
	return desc;
}

/*
 * ckpt_agg_keys_of_table returns the names of the partition columns.
 */
List *
ckpt_agg_keys_of_table(TupleDesc input_desc, int nkeys)
{
	List	   *keys = NIL;

	for (int i = 1; i <= nkeys; i++)
		keys = lappend(keys, makeString(pstrdup(NameStr(TupleDescAttr(input_desc, i)->attname))));
	return keys;
}

/*
 * ckpt_agg_group_clause makes GROUP BY of the partition columns.
 */
List *
ckpt_agg_group_clause(const char *alias, List *keys)
{
	List	   *clause = NIL;
	ListCell   *lc;

	foreach(lc, keys)
	{
		ColumnRef  *ref = makeNode(ColumnRef);

		ref->fields = list_make2(makeString(pstrdup(alias)), copyObject(lfirst(lc)));
		ref->location = -1;
		clause = lappend(clause, ref);
	}
	return clause;
}

/*
 * ckpt_agg_run_query analyses the query that computes the aggregates of the
 * groups in an input table.
 */
Query *
ckpt_agg_run_query(List *raw_targets, const char *text, const char *alias,
				   TupleDesc input_desc, int nkeys, const char *input_table)
{
	RawStmt    *raw = makeNode(RawStmt);
	StringInfoData sql;
	SelectStmt *select;
	SelectStmt *inner;
	Query	   *query;
	Query	   *sub;

	initStringInfo(&sql);
	appendStringInfo(&sql, "SELECT r.* FROM ONLY %s g, LATERAL (SELECT 1 FROM (SELECT ",
					 quote_qualified_identifier(CKPT_DATA_SCHEMA, input_table));
	for (int i = 1; i < input_desc->natts; i++)
	{
		const char *name = quote_identifier(NameStr(TupleDescAttr(input_desc, i)->attname));

		/* in a select list, rows come one by one and in order, and are kept nowhere */
		if (i != nkeys + 1)
			appendStringInfo(&sql, i <= nkeys ? "g.%s AS %s, " :
							 "pg_catalog.unnest(g.%s) AS %s, ", name, name);
	}
	if (input_desc->natts == nkeys + 2)
		appendStringInfo(&sql, "pg_catalog.generate_series(1, g.%s) AS " POSITION,
						 quote_identifier(NameStr(TupleDescAttr(input_desc, nkeys + 1)->attname)));
	else
		sql.len -= strlen(", ");
	sql.data[sql.len] = '\0';
	appendStringInfo(&sql, ") %s) r", alias);

	select = parse_select(sql.data);
	inner = (SelectStmt *) ((RangeSubselect *) lsecond(select->fromClause))->subquery;
	inner->targetList = copyObject(raw_targets);
	inner->groupClause = ckpt_agg_group_clause(alias, ckpt_agg_keys_of_table(input_desc, nkeys));
	raw->stmt = (Node *) select;
	query = parse_analyze_withcb(raw, psprintf("SELECT %s", text), no_hooks, NULL, NULL);

	/* all rows are of one group: they need not be sorted or hashed for that */
	sub = ((RangeTblEntry *) lsecond(query->rtable))->subquery;
	sub->groupClause = NIL;
	ckpt_members_unnest(linitial_node(RangeTblEntry, sub->rtable)->subquery);
	return query;
}

/*
 * ckpt_agg_set_planner keeps the planner, until the settings of this level are
 * taken back, from giving an aggregate its rows in an order of another's.
 */
void
ckpt_agg_set_planner(void)
{
	const char *off[] = {"enable_presorted_aggregate", "enable_memoize"};

	for (int i = 0; i < lengthof(off); i++)
	{
		if (GetConfigOption(off[i], true, false) != NULL)
			(void) set_config_option(off[i], "off", PGC_USERSET, PGC_S_SESSION,
									 GUC_ACTION_SAVE, true, 0, false);
	}
}
