/*-------------------------------------------------------------------------
 *
 * identity.c
 *	  Input identity: is this the same input as last time?
 *
 * The identity of an input is the content hash of the query's rows.  Where all
 * that a query reads is the output of final checkpoints and tables whose state
 * is known (pagestate.c), and it has nothing but immutable functions, its rows
 * follow from its text, the contents of those outputs and those states: its
 * derivation.  When a step has read the rows of a derivation once, their hash is
 * on record and nothing needs to be read.
 *
 * With a probe, the identity is the query's text and what the probe returns.
 *
 * Texts are those of analysed queries: names are qualified, spelling does not
 * count, and the code that a query uses, such as views, is part of it.  The
 * output of a step stands in them as its content, not as a table.
 *
 * IDENTIFICATION
 *	  src/identity.c
 *
 *-------------------------------------------------------------------------
 */
#include "checkpoint.h"

#include "access/relation.h"
#include "access/transam.h"
#include "catalog.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "fingerprint.h"
#include "identity.h"
#include "inline.h"
#include "input.h"
#include "input_sum.h"
#include "ledger.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "pagestate.h"
#include "plans.h"
#include "query.h"
#include "result_table.h"
#include "utils/guc.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

/* The output of a step where a query reads it: a sub-select from its table. */
typedef struct Output
{
	RangeTblEntry *rte;
	int			nvisible;		/* columns that joins know of; the extension's, if
								 * they are read, come behind these */
	Index		hidden;			/* relation that the extension's are written as
								 * columns of, or 0 */
} Output;

/* What a query reads. */
typedef struct Sources
{
	List	   *outputs;		/* Outputs, if it is to be written as text */
	List	   *queries;		/* that the walk is in, innermost first */
	List	   *relations;		/* RangeTblEntries of plain relations */
	bool		ids;			/* columns of the extension are read, or may be */
	bool		places;			/* and columns of the server, such as ctid */
	bool		aggregates;		/* of users: the server calls each immutable,
								 * whatever the functions are that it consists of */
	bool		dictionaries;	/* of text search, which functions look up that
								 * the server calls immutable */
	List	   *collations;		/* OIDs of those that the query names */
	List	   *types;			/* OIDs of users' types that expressions have */
} Sources;

/* What a relation in the schema of result tables is known to hold. */
typedef struct Content
{
	Oid			relid;
	char	   *hash;			/* content hash of an output's rows; NULL if it is none */
	int64		id;				/* of its checkpoint */
	bool		fixed;			/* its rows follow from that */
} Content;

/*
 * list_relations lists the RangeTblEntries of a query, in the order of a walk.
 */
static bool
list_relations(Node *node, void *context)
{
	List	  **rtes = (List **) context;

	if (node == NULL)
		return false;
	if (IsA(node, RangeTblEntry))
	{
		*rtes = lappend(*rtes, node);
		return false;
	}
	if (IsA(node, Query))
		return query_tree_walker((Query *) node, list_relations, context,
								 QTW_EXAMINE_RTES_BEFORE);
	return expression_tree_walker(node, list_relations, context);
}

static Output *
make_output(RangeTblEntry *rte)
{
	Output	   *output = palloc0(sizeof(Output));
	ListCell   *lc;

	output->rte = rte;
	foreach(lc, rte->subquery->targetList)
		output->nvisible += !ckpt_is_system_column(lfirst_node(TargetEntry, lc)->resname);
	return output;
}

/*
 * list_outputs lists (Output *) where a query reads outputs.
 */
static List *
list_outputs(Query *query)
{
	List	   *result = NIL;
	List	   *rtes = NIL;
	ListCell   *lc;

	(void) list_relations((Node *) query, &rtes);
	foreach(lc, rtes)
	{
		RangeTblEntry *rte = (RangeTblEntry *) lfirst(lc);

		if (rte->rtekind == RTE_SUBQUERY && rte->enrname && strcmp(rte->enrname, CKPT_OUTPUT) == 0)
			result = lappend(result, make_output(rte));
	}
	return result;
}

static Output *
find_output(const Sources *sources, const RangeTblEntry *rte)
{
	ListCell   *lc;

	foreach(lc, sources->outputs)
	{
		Output	   *output = (Output *) lfirst(lc);

		if (output->rte == rte)
			return output;
	}
	return NULL;
}

/*
 * hidden_relation returns the number of the relation that the extension's
 * columns of an output in a query are written as columns of: the server cannot
 * write a column that joins do not know of.
 */
static Index
hidden_relation(Query *query, Output *output)
{
	RangeTblEntry *rte;

	if (output->hidden != 0)
		return output->hidden;
	rte = makeNode(RangeTblEntry);
	rte->eref = makeAlias(output->rte->eref->aliasname, NIL);
	for (int i = output->nvisible; i < list_length(output->rte->subquery->targetList); i++)
	{
		TargetEntry *tle = list_nth_node(TargetEntry, output->rte->subquery->targetList, i);

		rte->eref->colnames = lappend(rte->eref->colnames, makeString(tle->resname));
	}
	ckpt_fingerprint_hide_relation(rte, output->rte->eref->aliasname);
	query->rtable = lappend(query->rtable, rte);
	output->hidden = list_length(query->rtable);
	return output->hidden;
}

/*
 * note_column notes whether a column is one that the content hash of its
 * relation does not see.
 */
static void
note_column(Sources *sources, Var *var)
{
	Query	   *query = list_nth_node(Query, sources->queries, var->varlevelsup);
	RangeTblEntry *rte = list_nth_node(RangeTblEntry, query->rtable, var->varno - 1);
	Output	   *output = find_output(sources, rte);

	if (var->varattno < 0)
		sources->places = true;
	else if (output)
	{
		if (var->varattno > output->nvisible)
		{
			var->varno = var->varnosyn = hidden_relation(query, output);
			var->varattno = var->varattnosyn = var->varattno - output->nvisible;
		}
	}
	else if (rte->rtekind == RTE_JOIN || var->varattno == 0)
		sources->ids = true;	/* it may be any column */
	else if (rte->rtekind == RTE_RELATION &&
			 ckpt_is_system_column(get_attname(rte->relid, var->varattno, false)))
		sources->ids = true;
}

/*
 * note_type notes the type of an expression, if it is not one of the server's.
 */
static void
note_type(Sources *sources, Node *node)
{
	if (!IsA(node, Const) && !IsA(node, FuncExpr) && !IsA(node, RelabelType) &&
		!IsA(node, CoerceViaIO))
		return;
	if (exprType(node) >= FirstNormalObjectId)
		sources->types = list_append_unique_oid(sources->types, exprType(node));
}

/*
 * find_sources notes what a query reads.  A query that has outputs is changed so
 * that it can be written as text.
 */
static bool
find_sources(Node *node, void *context)
{
	Sources    *sources = (Sources *) context;

	if (node == NULL)
		return false;
	if (IsA(node, Var))
	{
		note_column(sources, (Var *) node);
		return false;
	}
	if (IsA(node, RangeTblEntry))
	{
		RangeTblEntry *rte = (RangeTblEntry *) node;
		Output	   *output = find_output(sources, rte);

		if (rte->rtekind == RTE_RELATION)
			sources->relations = lappend(sources->relations, rte);
		else if (output)
			rte->eref->colnames = list_truncate(rte->eref->colnames, output->nvisible);
		return false;
	}
	if ((IsA(node, Aggref) && ((Aggref *) node)->aggfnoid >= FirstNormalObjectId) ||
		(IsA(node, WindowFunc) && ((WindowFunc *) node)->winfnoid >= FirstNormalObjectId))
		sources->aggregates = true;
	if (IsA(node, Const))
	{
		Oid			type = ((Const *) node)->consttype;

		sources->dictionaries |= type == REGCONFIGOID || type == REGDICTIONARYOID;
	}
	note_type(sources, node);
	if (IsA(node, CollateExpr))
		sources->collations = lappend_oid(sources->collations, ((CollateExpr *) node)->collOid);
	if (IsA(node, Query))
	{
		bool		result;

		sources->queries = lcons(node, sources->queries);
		result = query_tree_walker((Query *) node, find_sources, context,
								   QTW_EXAMINE_RTES_BEFORE | QTW_IGNORE_JOINALIASES);
		sources->queries = list_delete_first(sources->queries);
		return result;
	}
	return expression_tree_walker(node, find_sources, context);
}

/*
 * is_changeable returns whether a relation that holds the same as before may
 * look different all the same: to other roles, or because something that its
 * values name has got another name.
 */
static bool
is_changeable(Oid relid)
{
	Relation	rel = relation_open(relid, NoLock);	/* locked by the analysis */
	bool		result = rel->rd_rel->relrowsecurity;

	for (int i = 0; i < RelationGetNumberOfAttributes(rel); i++)
	{
		Form_pg_attribute att = TupleDescAttr(RelationGetDescr(rel), i);

		result |= !att->attisdropped && ckpt_rowhash_has_names(att->atttypid);
	}
	relation_close(rel, NoLock);
	return result;
}

/*
 * look_up_content finds out what a relation holds, if it is a checkpoint's output and
 * was not made something else.
 */
static void
look_up_content(Content *content, Oid owner)
{
	CkptCheckpoint cp;

	if (get_rel_namespace(content->relid) != get_namespace_oid(CKPT_DATA_SCHEMA, false) ||
		!ckpt_catalog_find_by_output_table(get_rel_name(content->relid), &cp) ||
		cp.owner != owner ||
		ckpt_result_table_fault(cp.output_table, owner, cp.output_columns))
		return;

	content->id = cp.id;
	content->fixed = cp.final && !is_changeable(content->relid);
	content->hash = cp.content_hash;
	if (!cp.final)
	{
		/* passed-over rows may come to it later */
		CkptWorkDone done = ckpt_ledger_totals(&cp);

		content->hash = ckpt_rowhash_finish(cp.output_columns, &done.output);
	}
}

/*
 * source_content returns what a relation holds.  *contents (Content *) has what is
 * known already.
 */
static const Content *
source_content(const RangeTblEntry *rte, Oid owner, List **contents)
{
	Content    *content;
	ListCell   *lc;

	foreach(lc, *contents)
	{
		content = (Content *) lfirst(lc);
		if (content->relid == rte->relid)
			return content;
	}
	content = palloc0(sizeof(Content));
	content->relid = rte->relid;
	look_up_content(content, owner);
	*contents = lappend(*contents, content);
	return content;
}

/*
 * identity_text fingerprints a query's text, and what the calls of inlined steps in
 * it say beside that.
 */
static CkptCode
identity_text(Query *query, List *outputs, Oid owner, List **contents)
{
	Query	   *copy = copyObject(query);
	Sources		sources = {NIL};
	char	   *inlined = ckpt_inline_identity(query, outputs);
	CkptCode	code;
	ListCell   *lc;

	ckpt_inline_hide(copy, outputs, false);
	sources.outputs = list_outputs(copy);
	(void) find_sources((Node *) copy, &sources);
	foreach(lc, sources.relations)
	{
		RangeTblEntry *rte = (RangeTblEntry *) lfirst(lc);
		const Content *content = source_content(rte, owner, contents);

		/* the checkpoint's number determines the ids of its rows */
		if (content->hash)
			ckpt_fingerprint_hide_relation(rte, !sources.ids ? content->hash :
										   psprintf("%s " INT64_FORMAT, content->hash, content->id));
	}
	code = ckpt_fingerprint_query(copy, NIL, NIL);
	if (inlined)
		code.hash = ckpt_hash_text(psprintf("%s%s", code.hash, inlined));
	return code;
}

/*
 * add_state adds what the rows of a relation follow from, beyond what is in the
 * query's text, and returns false if they follow from nothing that is known.
 */
static bool
add_state(StringInfo buf, const RangeTblEntry *rte, Oid owner, List **contents, Snapshot read_by)
{
	const Content *content;
	char	   *state;

	if (rte->relkind == RELKIND_VIEW)
		return true;			/* left by rewriting; what it reads stands beside it */
	if (rte->tablesample != NULL)
		return false;
	content = source_content(rte, owner, contents);
	if (content->hash)
		return content->fixed;
	state = ckpt_pagestate(rte->relid, rte->inh, read_by);
	if (state)
		appendStringInfo(buf, "\1%s", state);
	return state != NULL;
}

/*
 * add_settings writes the settings that functions and expressions depend on
 * though the server calls these immutable: text forms of floats and of bytea,
 * quote_ident(), and bytea in XML.
 */
static void
add_settings(StringInfo buf)
{
	static const char *const names[] = {
		"extra_float_digits", "bytea_output", "quote_all_identifiers", "xmlbinary"
	};

	for (int i = 0; i < lengthof(names); i++)
		appendStringInfo(buf, "\1%s", GetConfigOption(names[i], false, false));
}

/*
 * identity_derivation returns a hash of all that a query's rows follow from, or
 * NULL if more decides than can be said.  text is the query's; read_by is NULL,
 * or the snapshot that has read the rows.
 *
 * What the query reads is looked for behind its views.
 */
static char *
identity_derivation(Query *query, List *outputs, Oid owner, List **contents, const char *text,
					Snapshot read_by)
{
	Query	   *copy = copyObject(query);
	Query	   *rewritten;
	Sources		sources = {NIL};
	StringInfoData buf;
	ListCell   *lc;

	ckpt_inline_hide(copy, outputs, true);
	rewritten = ckpt_query_rewrite(copy);
	(void) find_sources((Node *) rewritten, &sources);
	if (sources.places || sources.aggregates || sources.dictionaries ||
		contain_mutable_functions((Node *) rewritten))
		return NULL;

	initStringInfo(&buf);
	appendStringInfo(&buf, "%u\1%s", owner, text); /* to each role its own */
	add_settings(&buf);
	/* the text has the names of collations and types, which others may have got */
	foreach(lc, sources.collations)
		appendStringInfo(&buf, "\1collation %u", lfirst_oid(lc));
	foreach(lc, sources.types)
	{
		appendStringInfo(&buf, "\1type %u", lfirst_oid(lc));
		if (!ckpt_pagestate_names(&buf, lfirst_oid(lc)))
			return NULL;
	}
	foreach(lc, sources.relations)
	{
		if (!add_state(&buf, (RangeTblEntry *) lfirst(lc), owner, contents, read_by))
			return NULL;
	}
	return ckpt_hash_text(buf.data);
}

/*
 * ckpt_identity_is_free returns whether ckpt_identity_prepare() has to look at no
 * table's pages for a query: it reads outputs of steps at most.
 */
bool
ckpt_identity_is_free(Query *query)
{
	Oid			data = get_namespace_oid(CKPT_DATA_SCHEMA, false);
	List	   *rtes = NIL;
	ListCell   *lc;

	(void) list_relations((Node *) query, &rtes);
	foreach(lc, rtes)
	{
		RangeTblEntry *rte = (RangeTblEntry *) lfirst(lc);

		if (rte->rtekind == RTE_RELATION && get_rel_namespace(rte->relid) != data)
			return false;
	}
	return true;
}

/*
 * ckpt_identity_prepare identifies the input that a query returns, as far as
 * that is possible without running it.  outputs is what the query was analysed
 * with; probe is NULL if there is none.
 *
 * Runs the probe, as the current user.  Needs an active snapshot.
 */
CkptIdentity
ckpt_identity_prepare(Query *query, List *outputs, Oid owner, Query *probe,
					  const char *probe_sql)
{
	CkptIdentity identity = {.probed = probe != NULL};
	List	   *contents = NIL;
	const char *text;

	identity.code = identity_text(query, outputs, owner, &contents);
	text = identity.code.hash;
	if (probe)
	{
		CkptInput	result;

		ckpt_input_hash(probe, probe_sql, &result);
		identity.hash = ckpt_hash_text(psprintf("probe\1%s\1%s", text, result.hash));
	}
	else
	{
		identity.derivation = identity_derivation(query, outputs, owner, &contents, text, NULL);
		if (identity.derivation)
			identity.hash = ckpt_catalog_known_input(identity.derivation);
	}
	return identity;
}

/*
 * ckpt_identity_read completes an identity that is not known yet, by reading
 * the input.  *rows, if not NULL, gets the number of its rows.
 */
void
ckpt_identity_read(CkptIdentity *identity, Query *query, const char *sql, int64 *rows)
{
	CkptInput	input;

	if (identity->code.hash)
		ckpt_plans_renew(&identity->code);
	if (!ckpt_input_sum(query, sql, true, &input))
		ckpt_input_hash(query, sql, &input);
	identity->hash = input.hash;
	if (rows)
		*rows = input.sum.rows;
}

/*
 * ckpt_identity_read_apart does the same where others than this process do most of it,
 * so that it is worth while though the rows may have to be read once more; and returns
 * whether it has.  No code of users is run for that.
 */
bool
ckpt_identity_read_apart(CkptIdentity *identity, Query *query, const char *sql)
{
	CkptInput	input;

	if (!ckpt_input_sum(query, sql, false, &input))
		return false;
	identity->hash = input.hash;
	return true;
}

/*
 * ckpt_identity_check looks again at what the query uses, when its rows have been
 * read: if its code was replaced meanwhile, the rows are not what the query's
 * text stands for, and have no identity but their content hash.  They follow
 * from the states of tables only if those are settled.
 *
 * The snapshot that was active when the rows were read, or an older one, must be
 * active.
 */
void
ckpt_identity_check(CkptIdentity *identity, Query *query, List *outputs, Oid owner)
{
	List	   *contents = NIL;
	bool		same;

	AcceptInvalidationMessages();
	same = strcmp(identity_text(query, outputs, owner, &contents).hash, identity->code.hash) == 0;
	if (!same)
		identity->probed = false;
	if (identity->derivation)
		identity->derivation = same ?
			identity_derivation(query, outputs, owner, &contents, identity->code.hash,
								GetActiveSnapshot()) : NULL;
}
