/*-------------------------------------------------------------------------
 *
 * uses.c
 *	  What code uses: functions, views, types, settings and the like.
 *
 * What code uses is read from its analysed form where there is one: the
 * expression, BEGIN ATOMIC bodies, views, checks of domains.  Of a body that is
 * a string, in SQL or PL/pgSQL, every name counts that is the name of a
 * function, view, type, operator or collation under the search_path it will run
 * with, all overloads of it, whether or not the current role may use them: the
 * body may run with the rights of another one.  Operators and casts are many
 * under one name: they count if the types of users that they are for occur in
 * the body.  Other languages, dynamic SQL and triggers are not looked into.
 *
 * Each of these bodies depends on settings by the types that it works with (see
 * settings.c), if something in it is not immutable, and by those that it names
 * in a call of current_setting().  A setting that a function sets for itself
 * does not count in it, nor in what is used through nothing but it.
 *
 * What came with the server is followed only where users can change it.
 *
 * IDENTIFICATION
 *	  src/uses.c
 *
 *-------------------------------------------------------------------------
 */
#include "checkpoint.h"

#include <ctype.h>

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/nbtree.h"
#include "access/relation.h"
#include "access/table.h"
#include "catalog/namespace.h"
#include "catalog/pg_aggregate.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_cast.h"
#include "catalog/pg_class.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_language.h"
#include "catalog/pg_operator.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_ts_config.h"
#include "catalog/pg_ts_config_map.h"
#include "catalog/pg_type.h"
#include "compat.h"
#include "funcapi.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "parser/parse_type.h"
#include "rewrite/rewriteHandler.h"
#include "settings.h"
#include "sqltext.h"
#include "tsearch/ts_cache.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/catcache.h"
#include "utils/fmgroids.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"
#include "utils/typcache.h"
#include "utils/varlena.h"
#include "uses.h"

/* How many mappings a configuration has that came with the server. */
#define STANDARD_MAPPINGS	19

/* The code at hand, while it is read. */
typedef struct Body
{
	CkptUses   *uses;
	CkptUsed   *owner;			/* whose body it is */
	bool		not_immutable;
	int			topics;			/* of the values that it works with ... */
	int			texts;			/* ... and of those that it turns into text */
	List	   *met;			/* OIDs of types of users that a source names */
	List	   *named;			/* OIDs of types that it names */
	List	   *operators;		/* names that a source has (list of names) */
	List	   *literals;		/* text constants of a source */
} Body;

/* A cast of users. */
typedef struct UserCast
{
	Oid			source;
	Oid			target;
	Oid			function;
} UserCast;

static void use_type(Body *body, Oid type);

/*
 * use notes that a body uses something.
 */
static void
use(Body *body, CkptUsedKind kind, Oid oid, AttrNumber column)
{
	CkptUsed   *used = NULL;
	ListCell   *lc;

	foreach(lc, body->uses->items)
	{
		CkptUsed   *other = (CkptUsed *) lfirst(lc);

		if (other->kind == kind && other->oid == oid && other->column == column)
			used = other;
	}
	if (used == NULL)
	{
		used = palloc0(sizeof(CkptUsed));
		used->kind = kind;
		used->oid = oid;
		used->column = column;
		body->uses->items = lappend(body->uses->items, used);
	}
	body->owner->uses = list_append_unique_ptr(body->owner->uses, used);
}

/*
 * use_function notes a function of users; of one of the server's it notes what
 * its result may depend on.
 */
static bool
use_function(Oid funcid, void *context)
{
	Body	   *body = (Body *) context;

	if (!OidIsValid(funcid))
		return false;
	if (ckpt_is_users(funcid))
		use(body, CKPT_USED_FUNCTION, funcid, 0);
	else if (func_volatile(funcid) != PROVOLATILE_IMMUTABLE)
	{
		body->not_immutable = true;
		body->topics |= ckpt_topics_of_function(get_func_name(funcid));
	}
	return false;
}

/*
 * use_support notes the functions that values of a type are compared and hashed
 * with.
 */
static void
use_support(Body *body, Oid type)
{
	TypeCacheEntry *entry;
	Oid			element;

	check_stack_depth();
	type = getBaseType(type);
	element = get_element_type(type);
	if (OidIsValid(element))
		use_support(body, element);
	if (!ckpt_is_users(type))
		return;
	if (type_is_multirange(type))
		type = get_multirange_range(type);
	entry = lookup_type_cache(type, TYPECACHE_EQ_OPR | TYPECACHE_CMP_PROC |
							  TYPECACHE_HASH_PROC | TYPECACHE_RANGE_INFO);
	if (entry->rngelemtype)
	{
		(void) use_function(entry->rng_cmp_proc_finfo.fn_oid, body);
		(void) use_function(entry->rng_canonical_finfo.fn_oid, body);
		(void) use_function(entry->rng_subdiff_finfo.fn_oid, body);
		use_support(body, entry->rngelemtype->type_id);
	}
	else if (entry->typtype == TYPTYPE_BASE)
	{
		if (OidIsValid(entry->eq_opr))
			(void) use_function(get_opcode(entry->eq_opr), body);
		(void) use_function(entry->cmp_proc, body);
		(void) use_function(entry->hash_proc, body);
	}
}

/*
 * use_ordering notes the functions behind the operators that rows are sorted or
 * grouped with.
 */
static void
use_ordering(Body *body, SortGroupClause *clause)
{
	Oid			opfamily;
	Oid			opcintype;
	CkptOrdering strategy;
	RegProcedure hash;
	RegProcedure hash_right;

	if (OidIsValid(clause->eqop))
	{
		(void) use_function(get_opcode(clause->eqop), body);
		if (ckpt_is_users(clause->eqop) &&
			get_op_hash_functions(clause->eqop, &hash, &hash_right))
			(void) use_function(hash, body);
	}
	if (!OidIsValid(clause->sortop))
		return;
	(void) use_function(get_opcode(clause->sortop), body);
	if (get_ordering_op_properties(clause->sortop, &opfamily, &opcintype, &strategy))
		(void) use_function(get_opfamily_proc(opfamily, opcintype, opcintype, BTORDER_PROC),
							body);
}

/*
 * is_row_type returns whether a type is a composite type of its own, or the row
 * type of a relation that is not one of our tables.
 */
static bool
is_row_type(Oid type)
{
	Oid			relid = get_typ_typrelid(type);

	return OidIsValid(relid) &&
		get_rel_namespace(relid) != get_namespace_oid(CKPT_DATA_SCHEMA, true);
}

/*
 * use_type notes a domain, an enum or a row type, also as the element of an
 * array, and what values of a range are made with.
 */
static void
use_type(Body *body, Oid type)
{
	Oid			element = OidIsValid(type) ? get_element_type(type) : InvalidOid;

	if (OidIsValid(element))
		type = element;
	if (!ckpt_is_users(type))
		return;
	body->met = list_append_unique_oid(body->met, type);
	switch (get_typtype(type))
	{
		case TYPTYPE_DOMAIN:
		case TYPTYPE_ENUM:
			use(body, CKPT_USED_TYPE, type, 0);
			break;
		case TYPTYPE_COMPOSITE:
			if (is_row_type(type))
				use(body, CKPT_USED_TYPE, type, 0);
			break;
		case TYPTYPE_RANGE:
		case TYPTYPE_MULTIRANGE:
			use_support(body, type);
			break;
		default:
			break;
	}
}

static void
use_collation(Body *body, Oid collation)
{
	if (ckpt_is_users(collation))
		use(body, CKPT_USED_COLLATION, collation, 0);
}

/*
 * use_relation notes a view.
 */
static void
use_relation(Body *body, Oid relid)
{
	if (ckpt_is_users(relid) && get_rel_relkind(relid) == RELKIND_VIEW)
		use(body, CKPT_USED_VIEW, relid, 0);
}

/*
 * is_standard_config returns whether a text search configuration came with the
 * server and looks as if nobody had altered it.
 */
static bool
is_standard_config(Oid config)
{
	CatCList   *list;
	bool		result;

	if (ckpt_is_users(config))
		return false;
	list = SearchSysCacheList1(TSCONFIGMAP, ObjectIdGetDatum(config));
	result = list->n_members == STANDARD_MAPPINGS;
	for (int i = 0; i < list->n_members; i++)
		result &= !ckpt_is_users(((Form_pg_ts_config_map) GETSTRUCT(&list->members[i]->tuple))->mapdict);
	ReleaseSysCacheList(list);
	return result;
}

static void
use_config(Body *body, Oid config)
{
	if (OidIsValid(config) && !is_standard_config(config) &&
		SearchSysCacheExists1(TSCONFIGOID, ObjectIdGetDatum(config)))
		use(body, CKPT_USED_TSCONFIG, config, 0);
}

/*
 * use_const notes what a constant names.
 */
static void
use_const(Body *body, Const *constant)
{
	if (constant->consttype == REGCONFIGOID && !constant->constisnull)
		use_config(body, DatumGetObjectId(constant->constvalue));
}

/*
 * use_call notes what a call of a function depends on that the function alone
 * does not show: an argument that is left out, a setting that it asks for.
 */
static void
use_call(Body *body, FuncExpr *call)
{
	Node	   *first = call->args == NIL ? NULL : (Node *) linitial(call->args);

	if (ckpt_is_users(call->funcid) &&
		list_length(call->args) < get_func_nargs(call->funcid))
		use(body, CKPT_USED_DEFAULTS, call->funcid, 0);
	if ((call->funcid == F_CURRENT_SETTING_TEXT ||
		 call->funcid == F_CURRENT_SETTING_TEXT_BOOL) &&
		first && IsA(first, Const) && !((Const *) first)->constisnull)
		body->owner->settings =
			ckpt_settings_add(body->owner->settings,
							  TextDatumGetCString(((Const *) first)->constvalue));
}

/*
 * has_type returns whether a node of an analysed query is an expression, with a
 * type of its own.
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
use_value(Body *body, Node *node)
{
	Oid			type = exprType(node);

	/* the row of the input itself is no type of users */
	if (type != RECORDOID && (get_typtype(type) != TYPTYPE_COMPOSITE || is_row_type(type)))
		body->topics |= ckpt_topics_of_type(type);
	if (IsA(node, CoerceViaIO))
		body->texts |= ckpt_topics_of_type(exprType((Node *) ((CoerceViaIO *) node)->arg));
	if (ckpt_is_users(type) && (type_is_range(type) || type_is_multirange(type)))
		use_support(body, type);
	use_collation(body, exprCollation(node));
	use_collation(body, exprInputCollation(node));
	if (IsA(node, CoerceToDomain) || IsA(node, CoerceViaIO) || IsA(node, FuncExpr) ||
		IsA(node, RowExpr) || IsA(node, Const))
		use_type(body, type);
}

/*
 * use_nodes notes what an analysed expression or query uses.
 */
static bool
use_nodes(Node *node, void *context)
{
	Body	   *body = (Body *) context;

	if (node == NULL)
		return false;
	(void) check_functions_in_node(node, use_function, context);
	if (has_type(node))
		use_value(body, node);
	if (IsA(node, FuncExpr))
		use_call(body, (FuncExpr *) node);
	else if (IsA(node, Const))
		use_const(body, (Const *) node);
	else if (IsA(node, CollateExpr))
		use_collation(body, ((CollateExpr *) node)->collOid);
	else if (IsA(node, MinMaxExpr))
		use_support(body, exprType(node));
	else if (IsA(node, SortGroupClause))
		use_ordering(body, (SortGroupClause *) node);
	else if (IsA(node, SQLValueFunction) || IsA(node, XmlExpr) || ckpt_is_json_expr(node))
		body->not_immutable = true;
	else if (IsA(node, RangeTblEntry))
	{
		RangeTblEntry *rte = (RangeTblEntry *) node;

		if (rte->rtekind == RTE_RELATION)
			use_relation(body, rte->relid);
		return false;			/* query_tree_walker looks into it */
	}
	if (IsA(node, Query))
		return query_tree_walker((Query *) node, use_nodes, context,
								 QTW_EXAMINE_RTES_BEFORE | QTW_EXAMINE_SORTGROUP);
	return expression_tree_walker(node, use_nodes, context);
}

/*
 * use_named_function notes the functions that a name may stand for.
 */
static void
use_named_function(Body *body, List *names)
{
	int			topics = -1;	/* of the results of all that the server has */

	for (FuncCandidateList function = FuncnameGetCandidates(names, -1, NIL, false, false,
															 false, true);
		 function != NULL; function = function->next)
	{
		(void) use_function(function->oid, body);
		if (!ckpt_is_users(function->oid))
			topics &= ckpt_topics_of_type(get_func_rettype(function->oid));
		else if (get_func_nargs(function->oid) > 0)
			use(body, CKPT_USED_DEFAULTS, function->oid, 0);
	}
	if (topics != -1)
		body->topics |= topics;
}

/*
 * use_named_relation notes what relation a name stands for, and what the values
 * of its columns are.
 */
static void
use_named_relation(Body *body, List *names)
{
	RangeVar   *rv = list_length(names) == 1 ? makeRangeVar(NULL, strVal(linitial(names)), -1) :
		makeRangeVar(strVal(linitial(names)), strVal(lsecond(names)), -1);
	Oid			relid = RangeVarGetRelid(rv, NoLock, true);
	Oid			type;

	if (!OidIsValid(relid))
		return;
	use_relation(body, relid);
	body->owner->reads = true;
	type = get_rel_type_id(relid);
	if (ckpt_is_users(relid) && OidIsValid(type))
	{
		TupleDesc	desc = lookup_rowtype_tupdesc_copy(type, -1);

		for (int i = 0; i < desc->natts; i++)
		{
			Form_pg_attribute att = TupleDescAttr(desc, i);

			if (att->attisdropped)
				continue;
			body->topics |= ckpt_topics_of_type(att->atttypid);
			if (ckpt_is_users(att->atttypid))
				body->met = list_append_unique_oid(body->met, att->atttypid);
		}
	}
}

/*
 * use_named_type notes what type a name stands for, and the functions that make
 * a value of a text and a text of a value.
 */
static void
use_named_type(Body *body, List *names)
{
	Oid			type = LookupTypeNameOid(NULL, makeTypeNameFromNameList(names), true);
	Oid			function;
	Oid			ioparam;
	bool		isvarlena;

	/* the name of a table is mostly meant as that */
	if (!OidIsValid(type) || get_rel_relkind(get_typ_typrelid(type)) == RELKIND_RELATION ||
		(OidIsValid(get_typ_typrelid(type)) &&
		 get_rel_relkind(get_typ_typrelid(type)) != RELKIND_COMPOSITE_TYPE))
		return;
	body->topics |= ckpt_topics_of_type(type);
	body->named = list_append_unique_oid(body->named, type);
	use_type(body, type);
	if (!ckpt_is_users(type) || get_typtype(type) != TYPTYPE_BASE)
		return;
	getTypeInputInfo(type, &function, &ioparam);
	(void) use_function(function, body);
	getTypeOutputInfo(type, &function, &isvarlena);
	(void) use_function(function, body);
	use_support(body, type);
}

/*
 * use_name notes what a name may stand for.
 *
 * The current role must be allowed to use all schemas: see use_source_of().
 */
static void
use_name(Body *body, List *names)
{
	use_named_function(body, names);
	use_named_relation(body, names);
	use_named_type(body, names);
}

/*
 * use_percent notes what a name before %TYPE or %ROWTYPE stands for.
 */
static void
use_percent(Body *body, List *names, const char *word)
{
	bool		of_column = strcmp(word, "type") == 0;
	int			n = list_length(names) - (of_column ? 1 : 0);
	Oid			relid;
	AttrNumber	column;

	if (n < 1 || n > 2 || (!of_column && strcmp(word, "rowtype") != 0))
		return;
	relid = RangeVarGetRelid(n == 1 ? makeRangeVar(NULL, strVal(linitial(names)), -1) :
							 makeRangeVar(strVal(linitial(names)), strVal(lsecond(names)), -1),
							 NoLock, true);
	if (!ckpt_is_users(relid))
		return;
	if (!of_column)
	{
		use_type(body, get_rel_type_id(relid));
		return;
	}
	column = get_attnum(relid, strVal(llast(names)));
	if (column > 0)
		use(body, CKPT_USED_COLUMN, relid, column);
}

/*
 * operators_of returns (OIDs) the operators of users that a name may stand for.
 */
static List *
operators_of(List *names)
{
	char	   *schema;
	char	   *name;
	List	   *path = NIL;
	List	   *result = NIL;
	CatCList   *list;

	DeconstructQualifiedName(names, &schema, &name);
	path = schema ? list_make1_oid(get_namespace_oid(schema, true)) : fetch_search_path(true);
	list = SearchSysCacheList1(OPERNAMENSP, CStringGetDatum(name));
	for (int i = 0; i < list->n_members; i++)
	{
		Form_pg_operator form = (Form_pg_operator) GETSTRUCT(&list->members[i]->tuple);

		if (ckpt_is_users(form->oid) && list_member_oid(path, form->oprnamespace))
			result = lappend_oid(result, form->oid);
	}
	ReleaseSysCacheList(list);
	return result;
}

/*
 * is_met returns whether a type that users did not make, or that a source has
 * met.
 */
static bool
is_met(const Body *body, Oid type)
{
	Oid			element = OidIsValid(type) ? get_element_type(type) : InvalidOid;

	if (OidIsValid(element))
		type = element;
	return !ckpt_is_users(type) || list_member_oid(body->met, type);
}

/*
 * use_operators notes the operators that a source may use.
 */
static void
use_operators(Body *body)
{
	ListCell   *lc;
	ListCell   *lc2;

	foreach(lc, body->operators)
	{
		foreach(lc2, operators_of((List *) lfirst(lc)))
		{
			Oid			left;
			Oid			right;

			op_input_types(lfirst_oid(lc2), &left, &right);
			if (is_met(body, left) && is_met(body, right))
				(void) use_function(get_opcode(lfirst_oid(lc2)), body);
		}
	}
}

/*
 * find_casts looks for the casts of users.
 */
static void
find_casts(CkptUses *uses)
{
	Relation	rel = table_open(CastRelationId, AccessShareLock);
	SysScanDesc scan = systable_beginscan(rel, InvalidOid, false, NULL, 0, NULL);
	HeapTuple	tuple;

	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_cast form = (Form_pg_cast) GETSTRUCT(tuple);
		UserCast   *cast;

		if (!ckpt_is_users(form->castfunc))
			continue;
		cast = palloc(sizeof(UserCast));
		cast->source = form->castsource;
		cast->target = form->casttarget;
		cast->function = form->castfunc;
		uses->casts = lappend(uses->casts, cast);
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	uses->casts_known = true;
}

/*
 * use_casts notes the casts that a source may use.
 */
static void
use_casts(Body *body)
{
	ListCell   *lc;

	if (!body->uses->casts_known)
		find_casts(body->uses);
	foreach(lc, body->uses->casts)
	{
		UserCast   *cast = (UserCast *) lfirst(lc);
		bool		plain = !ckpt_is_users(cast->source) && !ckpt_is_users(cast->target);

		if (is_met(body, cast->source) && is_met(body, cast->target) &&
			(!plain || list_member_oid(body->named, cast->target)))
			(void) use_function(cast->function, body);
	}
}

/*
 * use_configs notes the text search configurations that a source may use.
 */
static void
use_configs(Body *body)
{
	ListCell   *lc;

	if (!(body->topics & CKPT_TOPIC_SEARCH))
		return;
	foreach(lc, body->literals)
	{
		List	   *names = NIL;
		char	   *literal = (char *) lfirst(lc);

		if (SplitIdentifierString(literal, '.', &names) && list_length(names) <= 2 &&
			names != NIL)
			use_config(body, get_ts_config_oid(list_length(names) == 1 ?
											   list_make1(makeString(linitial(names))) :
											   list_make2(makeString(linitial(names)),
														  makeString(lsecond(names))),
											   true));
	}
}

/*
 * hex_value reads n hex digits, or returns -1.
 */
static int64
hex_value(const char *digits, int n)
{
	int64		value = 0;

	for (int i = 0; i < n; i++)
	{
		char		c = (char) tolower((unsigned char) digits[i]);

		if (!isxdigit((unsigned char) c))
			return -1;
		value = value * 16 + (c <= '9' ? c - '0' : c - 'a' + 10);
	}
	return value;
}

/*
 * unquote_name returns what a quoted name stands for; with unicode, backslashes
 * open the numbers of characters.  NULL if it is no name.
 */
static char *
unquote_name(const char *quoted, bool unicode)
{
	StringInfoData buf;
	const char *p = quoted + 1;

	initStringInfo(&buf);
	while (*p != '\0' && (*p != '"' || p[1] == '"'))
	{
		if (unicode && *p == '\\' && p[1] != '\\')
		{
			int			ndigits = p[1] == '+' ? 6 : 4;
			const char *digits = p + (p[1] == '+' ? 2 : 1);
			int64		c = hex_value(digits, ndigits);
			unsigned char encoded[MAX_UNICODE_EQUIVALENT_STRING + 1];

			if (c <= 0 || !is_valid_unicode_codepoint((pg_wchar) c) ||
				(c > 127 && GetDatabaseEncoding() != PG_UTF8))
				return NULL;
			if (c > 127)
			{
				(void) unicode_to_utf8((pg_wchar) c, encoded);
				appendBinaryStringInfo(&buf, (char *) encoded, pg_utf_mblen(encoded));
			}
			else
				appendStringInfoChar(&buf, (char) c);
			p = digits + ndigits;
			continue;
		}
		if (*p == '"' || (unicode && *p == '\\'))
			p++;
		appendStringInfoChar(&buf, *p++);
	}
	return buf.len > 0 && buf.len < NAMEDATALEN ? buf.data : NULL;
}

/*
 * token_name returns the name that a token of a normalized source is, or NULL.
 */
static char *
token_name(const char *token)
{
	if (token[0] == '"')
		return unquote_name(token, false);
	if (pg_strncasecmp(token, "u&\"", 3) == 0)
		return unquote_name(token + 2, true);
	if ((isalpha((unsigned char) token[0]) || token[0] == '_' || IS_HIGHBIT_SET(token[0])) &&
		strchr(token, '\'') == NULL && strlen(token) < NAMEDATALEN)
		return pstrdup(token);
	return NULL;
}

/*
 * use_literal notes a text constant of a source; behind current_setting( it is
 * the name of a setting, unless more is to come before it is complete.
 */
static void
use_literal(Body *body, const char *token, bool asked, const char *rest)
{
	char	   *text = pnstrdup(token + 1, Max((int) strlen(token) - 2, 0));

	if (asked && (*rest == ',' || *rest == ')'))
		body->owner->settings = ckpt_settings_add(body->owner->settings, text);
	else if (strlen(text) < 2 * NAMEDATALEN)
		body->literals = lappend(body->literals, text);
}

/*
 * use_source notes what the names in a normalized source may stand for.
 */
static void
use_source(Body *body, const char *normalized)
{
	List	   *names = NIL;	/* joined by dots, up to the token before */
	bool		dot = false;	/* which is a dot */
	bool		percent = false;	/* or a percent sign behind names */
	int			asks = 0;		/* 1 or 2: "current_setting", "(" come before */
	bool		collate = false;

	while (*normalized != '\0')
	{
		const char *end = strchr(normalized, '\1');
		char	   *token = pnstrdup(normalized, end - normalized);
		char	   *name = token_name(token);

		normalized = end + 1;
		if (strcmp(token, ".") == 0)
		{
			dot = names != NIL;
			continue;
		}
		if (name == NULL)
		{
			if (token[0] == '\'')
				use_literal(body, token, asks == 2, normalized);
			if (strchr("+-*/<>=~!@#%^&|`?", token[0]) != NULL)
			{
				List	   *operator = dot && list_length(names) == 1 ?
					list_make2(linitial(names), makeString(token)) : list_make1(makeString(token));

				if (!list_member(body->operators, operator))
					body->operators = lappend(body->operators, operator);
			}
			percent = names != NIL && strcmp(token, "%") == 0;
			if (!percent)
				names = NIL;
			asks = asks == 1 && strcmp(token, "(") == 0 ? 2 : 0;
			dot = collate = false;
			continue;
		}

		if (percent)
			use_percent(body, names, name);
		names = dot ? lappend(list_copy(names), makeString(name)) : list_make1(makeString(name));
		if (collate)
			use_collation(body, get_collation_oid(names, true));
		use_name(body, list_make1(makeString(name)));
		if (list_length(names) == 2 && OidIsValid(get_namespace_oid(strVal(linitial(names)), true)))
		{
			use_name(body, names);
			if (collate || dot)
				use_collation(body, get_collation_oid(names, true));
		}
		body->topics |= ckpt_topics_of_word(name);
		asks = strcmp(name, "current_setting") == 0 ? 1 : 0;
		collate = strcmp(token, "collate") == 0 || (collate && *normalized == '.');
		dot = percent = false;
	}
	use_operators(body);
	use_casts(body);
	use_configs(body);
}

/*
 * ckpt_source_text returns a function's source as far as it counts, and whether
 * it is in a language that we can read.
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
 * function_search_path returns the search_path that a function sets for itself,
 * or NULL.
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
 * role_search_path returns a search_path in which the name of a role stands for
 * "$user".
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
 * use_source_of notes what the names in a function's normalized source may stand
 * for, under the search_path that it will run with.
 *
 * They are looked up as a superuser.  That calls nobody's code: names are looked
 * for in the server's catalogs only.
 */
static void
use_source_of(Body *body, HeapTuple proc, const char *normalized)
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
	use_source(body, normalized);
	SetUserIdAndSecContext(save_userid, save_sec_context);
	AtEOXact_GUC(false, nestlevel);
}

/*
 * use_aggregate notes the functions that an aggregate consists of.
 */
static void
use_aggregate(Body *body, Oid funcid)
{
	HeapTuple	aggtuple = SearchSysCache1(AGGFNOID, ObjectIdGetDatum(funcid));
	Form_pg_aggregate agg;

	if (!HeapTupleIsValid(aggtuple))
		elog(ERROR, "cache lookup failed for aggregate %u", funcid);
	agg = (Form_pg_aggregate) GETSTRUCT(aggtuple);
	(void) use_function(agg->aggtransfn, body);
	(void) use_function(agg->aggfinalfn, body);
	(void) use_function(agg->aggcombinefn, body);
	(void) use_function(agg->aggserialfn, body);
	(void) use_function(agg->aggdeserialfn, body);
	(void) use_function(agg->aggmtransfn, body);
	(void) use_function(agg->aggminvtransfn, body);
	(void) use_function(agg->aggmfinalfn, body);
	if (OidIsValid(agg->aggsortop))
		(void) use_function(get_opcode(agg->aggsortop), body);
	ReleaseSysCache(aggtuple);
}

/*
 * use_signature notes the types of a function's arguments and result.
 */
static void
use_signature(Body *body, HeapTuple proc)
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

		use_type(body, type);
		body->topics |= ckpt_topics_of_type(type);
	}
}

/*
 * use_function_body notes what a function uses, as far as it can be seen.
 */
static void
use_function_body(Body *body, Oid funcid)
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
			use_source_of(body, tuple, source);
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
use_defaults(Body *body, Oid funcid)
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
use_view_body(Body *body, Oid relid)
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
use_type_body(Body *body, Oid typid)
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
				use_type(body, TupleDescAttr(desc, i)->atttypid);
		}
		return;
	}

	tuple = SearchSysCache1(TYPEOID, ObjectIdGetDatum(typid));
	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for type %u", typid);
	use_type(body, ((Form_pg_type) GETSTRUCT(tuple))->typbasetype);
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
body_settle(Body *body)
{
	int			topics = (body->not_immutable ? body->topics : 0) |
		((body->texts | (body->not_immutable ? body->topics : 0)) & CKPT_TOPICS_TEXT);

	body->owner->settings = ckpt_settings_of_topics(body->owner->settings, topics);
	if (topics & CKPT_TOPIC_SEARCH)
		use_config(body, getTSCurrentConfig(false));
}

/*
 * use_body notes what something that is used uses itself.
 */
static void
use_body(CkptUses *uses, CkptUsed *used)
{
	Body		body = {.uses = uses,.owner = used};

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
			use_type(&body, get_atttype(used->oid, used->column));
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
	Body		body = {.uses = uses};

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
	Body		body = {.uses = uses};

	body.owner = palloc0(sizeof(CkptUsed));
	uses->items = list_make1(body.owner);
	use(&body, CKPT_USED_FUNCTION, funcid, 0);
	use(&body, CKPT_USED_DEFAULTS, funcid, 0);
	return uses_close(uses, 1);
}
