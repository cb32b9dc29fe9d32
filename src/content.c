/*-------------------------------------------------------------------------
 *
 * content.c
 *	  What code reads that is part of it: tables, and the rows of a query.
 *
 * A table that a UDF reads in a sub-select, directly or through a view, counts
 * with the columns that are read and the rows that the user may see.  So does the
 * result of the query that a step's code depends on.
 *
 * Rows are hashed only where they are not known: what they follow from (the state
 * of a table, the derivation of a query) and their hash are kept in this session,
 * which asks for them in each transaction of a run, and on record, for the next
 * session.  Steps store what they have found out when they start; nobody waits
 * for anybody else's record.
 *
 * IDENTIFICATION
 *	  src/content.c
 *
 *-------------------------------------------------------------------------
 */
#include "checkpoint.h"

#include "access/relation.h"
#include "access/sysattr.h"
#include "catalog.h"
#include "catalog/catalog.h"
#include "catalog/heap.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "compat.h"
#include "component.h"
#include "content.h"
#include "identity.h"
#include "input.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "pagestate.h"
#include "query.h"
#include "rowhash.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

/* Contents that a session knows at most. */
#define MAX_KNOWN	64

/* What rows follow from, and their hash. */
typedef struct Known
{
	char		object[33];		/* hash of what was read */
	char		derivation[33];
	char		hash[33];
	Oid			owner;
	bool		stored;
} Known;

static Known known[MAX_KNOWN];
static int	next_known = 0;

/*
 * known_hash returns the hash of rows that follow from a derivation, or NULL if
 * the current user has not read them so far.
 */
static char *
known_hash(const char *derivation)
{
	for (int i = 0; i < MAX_KNOWN; i++)
	{
		if (known[i].owner == GetUserId() && strcmp(known[i].derivation, derivation) == 0)
			return pstrdup(known[i].hash);
	}
	return ckpt_catalog_known_content(GetUserId(), derivation);
}

/*
 * note_hash notes the hash of rows of an object that follow from a derivation.
 */
static void
note_hash(const char *object, const char *derivation, const char *hash)
{
	Known	   *entry = &known[next_known];

	next_known = (next_known + 1) % MAX_KNOWN;
	strlcpy(entry->object, object, sizeof(entry->object));
	strlcpy(entry->derivation, derivation, sizeof(entry->derivation));
	strlcpy(entry->hash, hash, sizeof(entry->hash));
	entry->owner = GetUserId();
	entry->stored = false;
}

/*
 * ckpt_content_store puts on record what was found out for an owner.
 */
void
ckpt_content_store(Oid owner)
{
	for (int i = 0; i < MAX_KNOWN; i++)
	{
		if (known[i].owner != owner || known[i].stored)
			continue;
		ckpt_catalog_store_content(owner, known[i].object, known[i].derivation, known[i].hash);
		known[i].stored = true;
	}
}

/*
 * add_column adds a column of the relation to a query that reads it.
 */
static void
add_column(Query *query, Relation rel, AttrNumber attno)
{
	const FormData_pg_attribute *att = attno < 0 ? SystemAttributeDefinition(attno) :
		TupleDescAttr(RelationGetDescr(rel), attno - 1);
	int			n = list_length(query->targetList) + 1;

	if (att->attisdropped)
		return;
	/* a name that rows are hashed with, whatever it is */
	query->targetList =
		lappend(query->targetList,
				makeTargetEntry((Expr *) makeVar(1, attno, att->atttypid, att->atttypmod,
												 att->attcollation, 0),
								n, psprintf("column %s", NameStr(att->attname)), false));
}

/*
 * read_columns makes the query that reads, of a relation of a rewritten query,
 * what that query reads of it, with the same rights.
 */
static Query *
read_columns(Query *rewritten, RangeTblEntry *rte, Relation rel)
{
	Query	   *query = makeNode(Query);
	RangeTblEntry *copy = copyObject(rte);
	RangeTblRef *ref = makeNode(RangeTblRef);
	Bitmapset  *columns = ckpt_permissions(rewritten, rte)->selectedCols;
	int			column = -1;

	copy->securityQuals = NIL;	/* rewriting adds them */
	copy->tablesample = NULL;
	copy->lateral = false;
	query->commandType = CMD_SELECT;
	query->canSetTag = true;
	query->rtable = list_make1(copy);
	ckpt_take_permissions(query, copy, rewritten, rte);
	ref->rtindex = 1;
	query->jointree = makeFromExpr(list_make1(ref), NULL);

	while ((column = bms_next_member(columns, column)) >= 0)
	{
		AttrNumber	attno = column + FirstLowInvalidHeapAttributeNumber;

		if (attno != 0)
			add_column(query, rel, attno);
		else
		{
			query->targetList = NIL;
			for (AttrNumber i = 1; i <= RelationGetNumberOfAttributes(rel); i++)
				add_column(query, rel, i);
			break;
		}
	}
	/* no column, but how many rows */
	if (query->targetList == NIL)
		query->targetList = list_make1(makeTargetEntry((Expr *) makeBoolConst(true, false), 1,
													   pstrdup("column"), false));
	return query;
}

/*
 * table_object names what is read of a table, for those who know it.
 */
static char *
table_object(Query *query, const char *name)
{
	StringInfoData buf;
	ListCell   *lc;

	initStringInfo(&buf);
	appendStringInfoString(&buf, name);
	foreach(lc, query->targetList)
		appendStringInfo(&buf, "\1%s", lfirst_node(TargetEntry, lc)->resname);
	return ckpt_hash_text(buf.data);
}

/*
 * table_derivation returns what the rows of a table follow from, or NULL.
 */
static char *
table_derivation(const char *object, const RangeTblEntry *rte, Snapshot read_by)
{
	char	   *state = ckpt_pagestate(rte->relid, rte->inh, read_by);

	return state ? ckpt_hash_text(psprintf("%s\1%s", object, state)) : NULL;
}

/*
 * table_content returns the content hash of what a rewritten query reads of a
 * table.
 */
static char *
table_content(Query *rewritten, RangeTblEntry *rte, const char *name)
{
	Relation	rel = relation_open(rte->relid, AccessShareLock);
	Query	   *query = read_columns(rewritten, rte, rel);
	char	   *object = table_object(query, name);
	char	   *derivation = table_derivation(object, rte, NULL);
	char	   *hash = derivation ? known_hash(derivation) : NULL;

	if (hash == NULL)
	{
		CkptInput	input;

		ckpt_input_hash(query, name, &input);
		hash = input.hash;
		derivation = table_derivation(object, rte, GetActiveSnapshot());
		if (derivation)
			note_hash(object, derivation, hash);
	}
	relation_close(rel, NoLock);
	return hash;
}

/*
 * counts_as_content returns whether a relation is one whose rows count.
 */
static bool
counts_as_content(const RangeTblEntry *rte)
{
	return rte->rtekind == RTE_RELATION && rte->relkind != RELKIND_VIEW &&
		!IsCatalogRelationOid(rte->relid) && !IsToastNamespace(get_rel_namespace(rte->relid));
}

/* The tables that a rewritten query reads. */
typedef struct Tables
{
	List	   *components;		/* CkptComponent */
} Tables;

/*
 * add_table notes the content of a table; if it is read more than once, of all.
 */
static void
add_table(Tables *tables, Query *rewritten, RangeTblEntry *rte)
{
	char	   *name = get_rel_persistence(rte->relid) != RELPERSISTENCE_TEMP ?
		ckpt_relation_name(rte->relid) :
		quote_qualified_identifier("pg_temp", get_rel_name(rte->relid));
	char	   *hash = table_content(rewritten, rte, name);
	CkptComponent *component;
	ListCell   *lc;

	foreach(lc, tables->components)
	{
		component = (CkptComponent *) lfirst(lc);
		if (strcmp(component->object, name) == 0)
		{
			component->hash = ckpt_hash_text(psprintf("%s\1%s", component->hash, hash));
			return;
		}
	}
	component = palloc0(sizeof(CkptComponent));
	component->kind = "table";
	component->object = name;
	component->hash = hash;
	tables->components = lappend(tables->components, component);
}

static bool
find_tables(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, Query))
	{
		Query	   *query = (Query *) node;
		ListCell   *lc;

		foreach(lc, query->rtable)
		{
			if (counts_as_content(lfirst_node(RangeTblEntry, lc)))
				add_table((Tables *) context, query, lfirst_node(RangeTblEntry, lc));
		}
		return query_tree_walker(query, find_tables, context, 0);
	}
	return expression_tree_walker(node, find_tables, context);
}

/*
 * ckpt_content_of_tables lists (CkptComponent *) the tables that the sub-selects
 * of an analysed UDF read, with their content.  The first relation of the query
 * is the input, which is none of them.  Catalogs are not looked into.
 *
 * Runs as the current user.  Needs an active snapshot.
 */
List *
ckpt_content_of_tables(Query *query)
{
	Tables		tables = {NIL};
	Query	   *rewritten;
	RangeTblEntry *input;

	if (!query->hasSubLinks)
		return NIL;
	rewritten = ckpt_query_rewrite(query);
	input = linitial_node(RangeTblEntry, rewritten->rtable);
	input->rtekind = RTE_RESULT;
	(void) find_tables((Node *) rewritten, &tables);
	return tables.components;
}

/*
 * ckpt_content_of_query returns the content hash of the rows of a query that was
 * analysed with these outputs of earlier steps in sight.
 *
 * Runs as the current user.  Needs an active snapshot.
 */
char *
ckpt_content_of_query(Query *query, const char *sql, List *outputs)
{
	CkptIdentity identity = ckpt_identity_prepare(query, outputs, GetUserId(), NULL, NULL);

	if (identity.hash == NULL && identity.derivation)
		identity.hash = known_hash(identity.derivation);
	if (identity.hash == NULL)
	{
		ckpt_identity_read(&identity, query, sql, NULL);
		ckpt_identity_check(&identity, query, outputs, GetUserId());
		if (identity.derivation)
			note_hash(ckpt_hash_text(sql), identity.derivation, identity.hash);
	}
	return identity.hash;
}
