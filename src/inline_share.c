/*-------------------------------------------------------------------------
 *
 * inline_share.c
 *	  Results of the UDF of an inlined step, shared by the steps that read it.
 *
 * The first query that reads an inlined map or gen calls its UDF as it goes.  When a
 * second one comes, or if one names the step twice, its rows are written to a
 * temporary table of the session, which all read from then on until the job ends: so
 * the UDF is called at most twice for a row, however many steps read it.
 *
 * Steps without a UDF are not shared: their queries are the server's to optimise in
 * each reader.  Nor are those of a job that is not attached to the session, or where
 * the job's owner may not make temporary tables here: they are computed by each
 * reader.
 *
 * A table that a transaction has made and not committed is gone with it: whether
 * it is still there is looked up each time.
 *
 * IDENTIFICATION
 *	  src/inline_share.c
 *
 *-------------------------------------------------------------------------
 */
#include "checkpoint.h"

#include "access/xact.h"
#include "catalog/dependency.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "commands/createas.h"
#include "commands/dbcommands.h"
#include "inline_share.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "parser/analyze.h"
#include "parser/parser.h"
#include "query.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

/* An inlined step that this session has read. */
typedef struct Shared
{
	int64		job_id;
	char		step[NAMEDATALEN];
	bool		read;			/* by an earlier query */
	int			in_query;		/* how often the query at hand reads it */
	int			number;			/* its table is called after it */
	Oid			table;			/* or InvalidOid */
} Shared;

static List *shared = NIL;		/* Shared, in TopMemoryContext */
static int	last_number = 0;

static char *
table_name(const Shared *entry)
{
	return psprintf(CKPT_COLUMN_PREFIX "inlined_%d", entry->number);
}

static bool
has_table(const Shared *entry)
{
	Oid			namespace = LookupNamespaceNoError("pg_temp");

	return OidIsValid(entry->table) && OidIsValid(namespace) &&
		get_relname_relid(table_name(entry), namespace) == entry->table;
}

static Shared *
find_shared(int64 job_id, const char *step)
{
	MemoryContext oldcxt;
	Shared	   *entry;
	ListCell   *lc;

	foreach(lc, shared)
	{
		entry = (Shared *) lfirst(lc);
		if (entry->job_id == job_id && strcmp(entry->step, step) == 0)
			return entry;
	}
	oldcxt = MemoryContextSwitchTo(TopMemoryContext);
	entry = palloc0(sizeof(Shared));
	entry->job_id = job_id;
	strlcpy(entry->step, step, NAMEDATALEN);
	entry->number = ++last_number;
	shared = lappend(shared, entry);
	MemoryContextSwitchTo(oldcxt);
	return entry;
}

/* A query that is about to be run. */
typedef struct Reading
{
	int64		job_id;
	List	   *outputs;
	bool		replace;		/* else count */
	bool		earlier;		/* a table has rows of an earlier snapshot */
} Reading;

/*
 * udf_step returns the inlined step with a UDF that a relation stands for, or NULL.
 */
static const CkptStepOutput *
udf_step(const RangeTblEntry *rte, List *outputs)
{
	ListCell   *lc;

	if (rte->rtekind != RTE_SUBQUERY || rte->enrname == NULL)
		return NULL;
	foreach(lc, outputs)
	{
		const CkptStepOutput *output = (const CkptStepOutput *) lfirst(lc);

		if (output->inlined && output->kind != CKPT_QUERY && strcmp(output->step, rte->enrname) == 0)
			return output;
	}
	return NULL;
}

static bool walk_reading(Node *node, void *context);

/*
 * fill_table writes the rows of an inlined step, of which query is what stands for it
 * in a reader, to a temporary table.
 */
static void
fill_table(Shared *entry, Query *query, const char *sql)
{
	IntoClause *into = makeNode(IntoClause);

	into->rel = makeRangeVar(NULL, table_name(entry), -1);
	into->rel->relpersistence = RELPERSISTENCE_TEMP;
	into->onCommit = ONCOMMIT_NOOP;
	(void) ckpt_query_run(query, sql, CreateIntoRelDestReceiver(into));
	CommandCounterIncrement();
	entry->table = get_relname_relid(table_name(entry), LookupNamespaceNoError("pg_temp"));
}

/*
 * table_select makes the analysed form of a query that reads the table, with the
 * columns of another.
 */
static Query *
table_select(const Shared *entry, const Query *like)
{
	StringInfoData buf;
	ListCell   *lc;

	initStringInfo(&buf);
	foreach(lc, like->targetList)
	{
		TargetEntry *tle = lfirst_node(TargetEntry, lc);

		if (!tle->resjunk)
			appendStringInfo(&buf, "%s%s", buf.len == 0 ? "SELECT " : ", ",
							 quote_identifier(tle->resname));
	}
	appendStringInfo(&buf, " FROM pg_temp.%s", table_name(entry));
	return parse_analyze_fixedparams(linitial_node(RawStmt, raw_parser(buf.data, RAW_PARSE_DEFAULT)),
									 buf.data, NULL, 0, NULL);
}

/*
 * walk_reading counts which inlined steps with a UDF a query reads, or puts their
 * tables into their place.
 */
static bool
walk_reading(Node *node, void *context)
{
	Reading    *reading = (Reading *) context;

	if (node == NULL)
		return false;
	if (IsA(node, RangeTblEntry))
	{
		RangeTblEntry *rte = (RangeTblEntry *) node;
		const CkptStepOutput *output = udf_step(rte, reading->outputs);
		Shared	   *entry;

		if (output == NULL)
			return false;
		entry = find_shared(reading->job_id, output->step);
		if (!reading->replace)
			entry->in_query++;
		else if (entry->read || entry->in_query > 1)
		{
			if (has_table(entry))
				reading->earlier = true;
			else
			{
				/* what it reads itself may be shared, too */
				(void) query_tree_walker(rte->subquery, walk_reading, context,
										 QTW_EXAMINE_RTES_BEFORE);
				fill_table(entry, rte->subquery, output->inlined->query);
			}
			rte->subquery = table_select(entry, rte->subquery);
		}
		return false;
	}
	if (IsA(node, Query))
		return query_tree_walker((Query *) node, walk_reading, context, QTW_EXAMINE_RTES_BEFORE);
	return expression_tree_walker(node, walk_reading, context);
}

/*
 * ckpt_inline_share returns the form in which an analysed query is to be run: inlined
 * steps whose rows this session has computed before are read from their tables.
 * *earlier says whether a table was there already: then rows need not be those that the
 * query would return now.
 *
 * Runs as the current user.  Needs an active snapshot.
 */
Query *
ckpt_inline_share(const CkptJob *job, Query *query, List *outputs, bool *earlier)
{
	Reading		reading = {job->job_id, outputs, false, false};
	Query	   *copy;
	ListCell   *lc;

	*earlier = false;
	if (!job->attached || InSecurityRestrictedOperation() ||
		!ckpt_may_create_temp(GetUserId()))
		return query;
	foreach(lc, shared)
		((Shared *) lfirst(lc))->in_query = 0;
	(void) walk_reading((Node *) query, &reading);
	copy = copyObject(query);
	reading.replace = true;
	(void) walk_reading((Node *) copy, &reading);
	foreach(lc, shared)
		((Shared *) lfirst(lc))->read |= ((Shared *) lfirst(lc))->in_query > 0;
	*earlier = reading.earlier;
	return copy;
}

/*
 * ckpt_inline_share_end drops what was kept for a job.
 */
void
ckpt_inline_share_end(int64 job_id)
{
	ListCell   *lc;

	foreach(lc, shared)
	{
		Shared	   *entry = (Shared *) lfirst(lc);

		if (entry->job_id != job_id)
			continue;
		if (has_table(entry))
			performDeletion(&(ObjectAddress) {RelationRelationId, entry->table, 0},
							DROP_CASCADE, PERFORM_DELETION_INTERNAL | PERFORM_DELETION_QUIETLY);
		shared = foreach_delete_current(shared, lc);
		pfree(entry);
	}
}
