/*-------------------------------------------------------------------------
 *
 * uses.c
 *	  What code uses: functions, views, types, settings and the like.
 *
 * What code uses is read from its analysed form where there is one: the
 * expression, BEGIN ATOMIC bodies, views, checks of domains.  Of a body that is
 * a string, in SQL or PL/pgSQL, every name counts (names.c), under the
 * search_path it will run with.  Other languages, dynamic SQL and triggers are
 * not looked into.
 *
 * Each of these bodies depends on settings by the types that it works with (see
 * settings.c), if something in it is not immutable, and by those that it names
 * in a call of current_setting().  A setting that a function sets for itself
 * does not count in it, nor in what is used through nothing but it.
 *
 * IDENTIFICATION
 *	  src/uses.c
 *
 *-------------------------------------------------------------------------
 */
#include "checkpoint.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/nbtree.h"
#include "access/relation.h"
#include "access/table.h"
#include "body.h"
#include "catalog/namespace.h"
#include "catalog/pg_aggregate.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_language.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_ts_config.h"
#include "catalog/pg_type.h"
#include "compat.h"
#include "funcapi.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "names.h"
#include "nodes/nodeFuncs.h"
#include "rewrite/rewriteHandler.h"
#include "settings.h"
#include "sqltext.h"
#include "tsearch/ts_cache.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"
#include "utils/typcache.h"
#include "utils/varlena.h"
#include "uses.h"

/*
 * use_ordering notes the functions behind the operators that rows are sorted
 * or grouped with.
 */
static void
use_ordering(CkptBody *body, SortGroupClause *clause)
{
	Oid			opfamily;
	Oid			opcintype;
	CkptOrdering strategy;
	RegProcedure hash;
	RegProcedure hash_right;

	if (OidIsValid(clause->eqop))
	{
		(void) ckpt_body_use_function(get_opcode(clause->eqop), body);
		if (ckpt_is_users(clause->eqop) &&
			get_op_hash_functions(clause->eqop, &hash, &hash_right))
			(void) ckpt_body_use_function(hash, body);
	}
	if (!OidIsValid(clause->sortop))
		return;
	(void) ckpt_body_use_function(get_opcode(clause->sortop), body);
	if (get_ordering_op_properties(clause->sortop, &opfamily, &opcintype, &strategy))
		(void) ckpt_body_use_function(get_opfamily_proc(opfamily, opcintype, opcintype, BTORDER_PROC),
							body);
}

/*
 * use_const notes what a constant names.
 */
static void
use_const(CkptBody *body, Const *constant)
{
	if (constant->consttype == REGCONFIGOID && !constant->constisnull)
		ckpt_body_use_config(body, DatumGetObjectId(constant->constvalue));
}

/*
 * use_call notes what a call of a function depends on that the function alone
 * does not show: an argument that is left out, a setting that it asks for.
 */
static void
use_call(CkptBody *body, FuncExpr *call)
{
	Node	   *first = call->args == NIL ? NULL : (Node *) linitial(call->args);

	if (ckpt_is_users(call->funcid) &&
		list_length(call->args) < get_func_nargs(call->funcid))
		ckpt_body_use(body, CKPT_USED_DEFAULTS, call->funcid, 0);
	if ((call->funcid == F_CURRENT_SETTING_TEXT ||
		 call->funcid == F_CURRENT_SETTING_TEXT_BOOL) &&
		first && IsA(first, Const) && !((Const *) first)->constisnull)
		body->owner->settings =
			ckpt_settings_add(body->owner->settings,
							  TextDatumGetCString(((Const *) first)->constvalue));
}

/*
 * has_type returns whether a node of an analysed query is an expression, with
 * a type of its own.
 */
static bool
has_type(Node *node)
{
	switch (nodeTag(node))
	{
		case T_Var:
		case T_Const:
		case T_Param:
		case T_Aggref:
		case T_WindowFunc:
		case T_FuncExpr:
		case T_OpExpr:
		case T_CoerceViaIO:
		case T_CoerceToDomain:
		case T_ArrayCoerceExpr:
		case T_RelabelType:
		case T_RowExpr:
		case T_FieldSelect:
		case T_SQLValueFunction:
			return true;
		default:
			return false;
	}
}

/*
 * use_value notes the topics of an expression's values, and its collation.
 */
static void
use_value(CkptBody *body, Node *node)
{
	Oid			type = exprType(node);

	/* the row of the input itself is no type of users */
	if (type != RECORDOID && (get_typtype(type) != TYPTYPE_COMPOSITE || ckpt_is_row_type(type)))
		body->topics |= ckpt_topics_of_type(type);
	if (IsA(node, CoerceViaIO))
		body->texts |= ckpt_topics_of_type(exprType((Node *) ((CoerceViaIO *) node)->arg));
	if (ckpt_is_users(type) && (type_is_range(type) || type_is_multirange(type)))
		ckpt_body_use_support(body, type);
	ckpt_body_use_collation(body, exprCollation(node));
	ckpt_body_use_collation(body, exprInputCollation(node));
	if (IsA(node, CoerceToDomain) || IsA(node, CoerceViaIO) || IsA(node, FuncExpr) ||
		IsA(node, RowExpr) || IsA(node, Const))
		ckpt_body_use_type(body, type);
}

/*
 * use_nodes notes what an analysed expression or query uses.
 */
static bool
use_nodes(Node *node, void *context)
{
	CkptBody   *body = (CkptBody *) context;

	if (node == NULL)
		return false;
	(void) check_functions_in_node(node, ckpt_body_use_function, context);
	if (has_type(node))
		use_value(body, node);
	if (IsA(node, FuncExpr))
		use_call(body, (FuncExpr *) node);
	else if (IsA(node, Const))
		use_const(body, (Const *) node);
	else if (IsA(node, CollateExpr))
		ckpt_body_use_collation(body, ((CollateExpr *) node)->collOid);
	else if (IsA(node, MinMaxExpr))
		ckpt_body_use_support(body, exprType(node));
	else if (IsA(node, SortGroupClause))
		use_ordering(body, (SortGroupClause *) node);
	else if (IsA(node, SQLValueFunction) || IsA(node, XmlExpr) || ckpt_is_json_expr(node))
		body->not_immutable = true;
	else if (IsA(node, RangeTblEntry))
	{
		RangeTblEntry *rte = (RangeTblEntry *) node;

		if (rte->rtekind == RTE_RELATION)
			ckpt_body_use_relation(body, rte->relid);
		return false;			/* query_tree_walker looks into it */
	}
	if (IsA(node, Query))
		return query_tree_walker((Query *) node, use_nodes, context,
								 QTW_EXAMINE_RTES_BEFORE | QTW_EXAMINE_SORTGROUP);
	return expression_tree_walker(node, use_nodes, context);
}

/*
 * ckpt_source_text returns a function's source as far as it counts, and
 * whether it is in a language that we can read.
 *
 * The scanner knows SQL and PL/pgSQL.  It allocates and raises and does
 * nothing else, so what it cannot read is taken as it is.
 */
char *
ckpt_source_text(const char *source, Oid language, bool *readable)
{
	MemoryContext oldcxt = CurrentMemoryContext;
	char	   *langname = get_language_name(language, false);
	char	   *volatile text = NULL;

	*readable = false;
	if (strcmp(langname, "sql") != 0 && strcmp(langname, "plpgsql") != 0)
		return pstrdup(source);

	PG_TRY();
	{
		text = ckpt_sqltext_normalize(source, true, NULL);
		*readable = true;
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(oldcxt);
		FlushErrorState();
		text = pstrdup(source);
	}
	PG_END_TRY();
	return text;
}

/*
 * function_settings lists the settings that a function has for itself, as
 * name=value.
 */
static List *
function_settings(HeapTuple proc)
{
	bool		isnull;
	Datum		config = SysCacheGetAttr(PROCOID, proc, Anum_pg_proc_proconfig, &isnull);
	Datum	   *settings;
	int			nsettings;
	List	   *result = NIL;

	if (isnull)
		return NIL;
	deconstruct_array(DatumGetArrayTypeP(config), TEXTOID, -1, false, TYPALIGN_INT,
					  &settings, NULL, &nsettings);
	for (int i = 0; i < nsettings; i++)
		result = lappend(result, TextDatumGetCString(settings[i]));
	return result;
}

/*
 * function_search_path returns the search_path that a function sets for
 * itself, or NULL.
 */
static char *
function_search_path(HeapTuple proc)
{
	static const char prefix[] = "search_path=";
	ListCell   *lc;

	foreach(lc, function_settings(proc))
	{
		char	   *setting = (char *) lfirst(lc);

		if (strncmp(setting, prefix, strlen(prefix)) == 0)
			return setting + strlen(prefix);
	}
	return NULL;
}

/*
 * role_search_path returns a search_path in which the name of a role stands
 * for "$user".
 */
static char *
role_search_path(const char *path, Oid role)
{
	char	   *rolename = GetUserNameFromId(role, true);
	StringInfoData buf;
	List	   *schemas;
	ListCell   *lc;

	initStringInfo(&buf);
	if (!SplitIdentifierString(pstrdup(path), ',', &schemas))
		return pstrdup(path);	/* the server will find what is wrong */
	foreach(lc, schemas)
	{
		const char *schema = (const char *) lfirst(lc);

		if (strcmp(schema, "$user") == 0)
			schema = rolename;
		if (schema)
			appendStringInfo(&buf, "%s%s", buf.len > 0 ? ", " : "", quote_identifier(schema));
	}
	return buf.data;
}

/*
 * use_source notes what the names in a function's normalized source may stand
 * for, under the search_path that it will run with.
 *
 * They are looked up as a superuser.  That calls nobody's code: names are
 * looked for in the server's catalogs only.
 */
static void
use_source(CkptBody *body, HeapTuple proc, const char *normalized)
{
	Form_pg_proc form = (Form_pg_proc) GETSTRUCT(proc);
	char	   *path = function_search_path(proc);
	int			nestlevel = NewGUCNestLevel();
	Oid			save_userid;
	int			save_sec_context;

	GetUserIdAndSecContext(&save_userid, &save_sec_context);
	path = role_search_path(path ? path : namespace_search_path,
							form->prosecdef ? form->proowner : save_userid);
	SetUserIdAndSecContext(BOOTSTRAP_SUPERUSERID,
						   save_sec_context | SECURITY_LOCAL_USERID_CHANGE);
	(void) set_config_option("search_path", path, PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_SAVE, true, 0, false);
	ckpt_names_use(body, normalized);
	SetUserIdAndSecContext(save_userid, save_sec_context);
	AtEOXact_GUC(false, nestlevel);
}

/*
 * use_aggregate notes the functions that an aggregate consists of.
 */
static void
use_aggregate(CkptBody *body, Oid funcid)
{
	HeapTuple	aggtuple = SearchSysCache1(AGGFNOID, ObjectIdGetDatum(funcid));
	Form_pg_aggregate agg;

	if (!HeapTupleIsValid(aggtuple))
		elog(ERROR, "cache lookup failed for aggregate %u", funcid);
	agg = (Form_pg_aggregate) GETSTRUCT(aggtuple);
	(void) ckpt_body_use_function(agg->aggtransfn, body);
	(void) ckpt_body_use_function(agg->aggfinalfn, body);
	(void) ckpt_body_use_function(agg->aggcombinefn, body);
	(void) ckpt_body_use_function(agg->aggserialfn, body);
	(void) ckpt_body_use_function(agg->aggdeserialfn, body);
	(void) ckpt_body_use_function(agg->aggmtransfn, body);
	(void) ckpt_body_use_function(agg->aggminvtransfn, body);
	(void) ckpt_body_use_function(agg->aggmfinalfn, body);
	if (OidIsValid(agg->aggsortop))
		(void) ckpt_body_use_function(get_opcode(agg->aggsortop), body);
	ReleaseSysCache(aggtuple);
}

/*
 * use_signature notes the types of a function's arguments and result.
 */
static void
use_signature(CkptBody *body, HeapTuple proc)
{
	Form_pg_proc form = (Form_pg_proc) GETSTRUCT(proc);
	bool		isnull;
	Datum		value = SysCacheGetAttr(PROCOID, proc, Anum_pg_proc_proallargtypes, &isnull);
	int			n = form->pronargs;
	Oid		   *types = form->proargtypes.values;

	if (!isnull)
	{
		n = ARR_DIMS(DatumGetArrayTypeP(value))[0];
		types = (Oid *) ARR_DATA_PTR(DatumGetArrayTypeP(value));
	}
	for (int i = 0; i <= n; i++)
	{
		Oid			type = i < n ? types[i] : form->prorettype;

		ckpt_body_use_type(body, type);
		body->topics |= ckpt_topics_of_type(type);
	}
}

/*
 * use_function_body notes what a function uses, as far as it can be seen.
 */
static void
use_function_body(CkptBody *body, Oid funcid)
{
	HeapTuple	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(funcid));
	Form_pg_proc proc;
	bool		isnull;
	Datum		value;
	ListCell   *lc;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for function %u", funcid);
	proc = (Form_pg_proc) GETSTRUCT(tuple);

	foreach(lc, function_settings(tuple))
	{
		char	   *setting = (char *) lfirst(lc);

		body->owner->fixes = lappend(body->owner->fixes,
									 pnstrdup(setting, strcspn(setting, "=")));
	}
	use_signature(body, tuple);

	value = SysCacheGetAttr(PROCOID, tuple, Anum_pg_proc_prosqlbody, &isnull);
	if (!isnull)
	{
		body->topics = 0;		/* the body says which values it works with */
		(void) use_nodes(stringToNode(TextDatumGetCString(value)), body);
	}
	else if (proc->prokind == PROKIND_AGGREGATE)
		use_aggregate(body, funcid);
	else
	{
		char	   *source;
		bool		readable;
		bool		native = proc->prolang == INTERNALlanguageId || proc->prolang == ClanguageId;

		value = SysCacheGetAttr(PROCOID, tuple, Anum_pg_proc_prosrc, &isnull);
		source = ckpt_source_text(TextDatumGetCString(value), proc->prolang, &readable);
		body->not_immutable = proc->provolatile != PROVOLATILE_IMMUTABLE;
		if (readable)
			use_source(body, tuple, source);
		/* it may turn anything into text */
		if (!native)
			body->texts = body->topics;
	}
	ReleaseSysCache(tuple);
}

/*
 * use_defaults notes what the defaults of a function's arguments use.
 */
static void
use_defaults(CkptBody *body, Oid funcid)
{
	HeapTuple	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(funcid));
	bool		isnull;
	Datum		value;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for function %u", funcid);
	value = SysCacheGetAttr(PROCOID, tuple, Anum_pg_proc_proargdefaults, &isnull);
	if (!isnull)
		(void) use_nodes(stringToNode(TextDatumGetCString(value)), body);
	ReleaseSysCache(tuple);
}

/*
 * use_view_body notes what a view uses.
 */
static void
use_view_body(CkptBody *body, Oid relid)
{
	Relation	rel = relation_open(relid, AccessShareLock);

	(void) use_nodes((Node *) get_view_query(rel), body);
	relation_close(rel, NoLock);
}

static int
compare_checks(const ListCell *a, const ListCell *b)
{
	return strcmp(NameStr(((Form_pg_constraint) GETSTRUCT((HeapTuple) lfirst(a)))->conname),
				  NameStr(((Form_pg_constraint) GETSTRUCT((HeapTuple) lfirst(b)))->conname));
}

/*
 * ckpt_domain_checks lists (HeapTuple) the CHECK constraints of a domain, by
 * name: the order that they are checked in.
 */
List *
ckpt_domain_checks(Oid typid)
{
	Relation	rel = table_open(ConstraintRelationId, AccessShareLock);
	List	   *checks = NIL;
	SysScanDesc scan;
	ScanKeyData key;
	HeapTuple	tuple;

	ScanKeyInit(&key, Anum_pg_constraint_contypid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(typid));
	scan = systable_beginscan(rel, ConstraintTypidIndexId, true, NULL, 1, &key);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		if (((Form_pg_constraint) GETSTRUCT(tuple))->contype == CONSTRAINT_CHECK)
			checks = lappend(checks, heap_copytuple(tuple));
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	list_sort(checks, compare_checks);
	return checks;
}

/*
 * use_type_body notes what the checks of a domain use, and the type that it is
 * based on, or the types of a row type's fields.
 */
static void
use_type_body(CkptBody *body, Oid typid)
{
	HeapTuple	tuple;
	ListCell   *lc;

	if (get_typtype(typid) == TYPTYPE_ENUM)
		return;
	if (get_typtype(typid) == TYPTYPE_COMPOSITE)
	{
		TupleDesc	desc = lookup_rowtype_tupdesc_copy(typid, -1);

		for (int i = 0; i < desc->natts; i++)
		{
			if (!TupleDescAttr(desc, i)->attisdropped)
				ckpt_body_use_type(body, TupleDescAttr(desc, i)->atttypid);
		}
		return;
	}

	tuple = SearchSysCache1(TYPEOID, ObjectIdGetDatum(typid));
	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for type %u", typid);
	ckpt_body_use_type(body, ((Form_pg_type) GETSTRUCT(tuple))->typbasetype);
	ReleaseSysCache(tuple);

	foreach(lc, ckpt_domain_checks(typid))
	{
		bool		isnull;
		Datum		bin = SysCacheGetAttr(CONSTROID, (HeapTuple) lfirst(lc),
										  Anum_pg_constraint_conbin, &isnull);

		if (!isnull)
			(void) use_nodes(stringToNode(TextDatumGetCString(bin)), body);
	}
}

/*
 * body_settle notes which settings a body depends on, when it has been read.
 */
static void
body_settle(CkptBody *body)
{
	int			topics = (body->not_immutable ? body->topics : 0) |
		((body->texts | (body->not_immutable ? body->topics : 0)) & CKPT_TOPICS_TEXT);

	body->owner->settings = ckpt_settings_of_topics(body->owner->settings, topics);
	if (topics & CKPT_TOPIC_SEARCH)
		ckpt_body_use_config(body, getTSCurrentConfig(false));
}

/*
 * use_body notes what something that is used uses itself.
 */
static void
use_body(CkptUses *uses, CkptUsed *used)
{
	CkptBody	body = {.uses = uses,.owner = used};

	switch (used->kind)
	{
		case CKPT_USED_FUNCTION:
			use_function_body(&body, used->oid);
			break;
		case CKPT_USED_DEFAULTS:
			use_defaults(&body, used->oid);
			break;
		case CKPT_USED_VIEW:
			use_view_body(&body, used->oid);
			break;
		case CKPT_USED_TYPE:
			use_type_body(&body, used->oid);
			break;
		case CKPT_USED_COLUMN:
			ckpt_body_use_type(&body, get_atttype(used->oid, used->column));
			break;
		default:
			break;
	}
	body_settle(&body);
}

/*
 * reach notes, for something that is used and for what it uses, which settings
 * are fixed on the way to it; on all ways, if there are several.
 */
static void
reach(CkptUsed *used, List *fixed)
{
	List	   *here = NIL;
	ListCell   *lc;

	check_stack_depth();
	fixed = list_concat_copy(fixed, used->fixes);
	if (used->reached)
	{
		foreach(lc, used->fixed)
		{
			if (ckpt_settings_have(fixed, (const char *) lfirst(lc)))
				here = lappend(here, lfirst(lc));
		}
		if (list_length(here) == list_length(used->fixed))
			return;
	}
	else
		here = fixed;
	used->reached = true;
	used->fixed = here;
	foreach(lc, used->uses)
		reach((CkptUsed *) lfirst(lc), here);
}

/*
 * uses_close follows what is used to what that uses, and puts the settings
 * together.
 */
static CkptUses *
uses_close(CkptUses *uses, int n)
{
	ListCell   *lc;
	ListCell   *lc2;

	/* the list grows meanwhile; what is in it is not put there again */
	for (; n < list_length(uses->items); n++)
	{
		CHECK_FOR_INTERRUPTS();
		use_body(uses, (CkptUsed *) list_nth(uses->items, n));
	}
	reach((CkptUsed *) linitial(uses->items), NIL);
	foreach(lc, uses->items)
	{
		CkptUsed   *used = (CkptUsed *) lfirst(lc);

		foreach(lc2, used->settings)
		{
			if (used->reached && !ckpt_settings_have(used->fixed, (const char *) lfirst(lc2)))
				uses->settings = ckpt_settings_add(uses->settings, (const char *) lfirst(lc2));
		}
	}
	return uses;
}

/*
 * ckpt_uses_of_query finds what an analysed query uses, directly and through
 * what it uses.  The names in sources are looked up under the settings of the
 * session.
 */
CkptUses *
ckpt_uses_of_query(Query *query)
{
	CkptUses   *uses = palloc0(sizeof(CkptUses));
	CkptBody	body = {.uses = uses};

	body.owner = palloc0(sizeof(CkptUsed));
	uses->items = list_make1(body.owner);
	(void) use_nodes((Node *) query, &body);
	body_settle(&body);
	return uses_close(uses, 1);
}

/*
 * ckpt_uses_of_function finds what a function uses.  Asked for by name, it
 * counts even if it came with the server.
 */
CkptUses *
ckpt_uses_of_function(Oid funcid)
{
	CkptUses   *uses = palloc0(sizeof(CkptUses));
	CkptBody	body = {.uses = uses};

	body.owner = palloc0(sizeof(CkptUsed));
	uses->items = list_make1(body.owner);
	ckpt_body_use(&body, CKPT_USED_FUNCTION, funcid, 0);
	ckpt_body_use(&body, CKPT_USED_DEFAULTS, funcid, 0);
	return uses_close(uses, 1);
}
