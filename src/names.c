/*-------------------------------------------------------------------------
 *
 * names.c
 *	  What the names in a source may stand for.
 *
 * Every name counts that is the name of a function, view, type, operator or
 * collation under the current search_path, all overloads of it, whether or not
 * the current role may use them: the source may run with the rights of another
 * one.  Operators and casts are many under one name: they count if the types of
 * users that they are for occur in the source.
 *
 *
 * IDENTIFICATION
 *	  src/names.c
 *
 *-------------------------------------------------------------------------
 */
#include "checkpoint.h"

#include <ctype.h>

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/namespace.h"
#include "catalog/pg_cast.h"
#include "catalog/pg_class.h"
#include "catalog/pg_operator.h"
#include "catalog/pg_type.h"
#include "compat.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "names.h"
#include "nodes/makefuncs.h"
#include "parser/parse_type.h"
#include "settings.h"
#include "utils/builtins.h"
#include "utils/catcache.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"
#include "utils/typcache.h"
#include "utils/varlena.h"

/* A cast of users. */
typedef struct UserCast
{
	Oid			source;
	Oid			target;
	Oid			function;
} UserCast;

/*
 * use_named_function notes the functions that a name may stand for.
 */
static void
use_named_function(CkptBody *body, List *names)
{
	int			topics = -1;	/* of the results of all that the server has */

	for (FuncCandidateList function = FuncnameGetCandidates(names, -1, NIL, false, false,
															 false, true);
		 function != NULL; function = function->next)
	{
		(void) ckpt_body_use_function(function->oid, body);
		if (!ckpt_is_users(function->oid))
			topics &= ckpt_topics_of_type(get_func_rettype(function->oid));
		else if (get_func_nargs(function->oid) > 0)
			ckpt_body_use(body, CKPT_USED_DEFAULTS, function->oid, 0);
	}
	if (topics != -1)
		body->topics |= topics;
}

/*
 * use_named_relation notes what relation a name stands for, and what the
 * values of its columns are.
 */
static void
use_named_relation(CkptBody *body, List *names)
{
	RangeVar   *rv = list_length(names) == 1 ? makeRangeVar(NULL, strVal(linitial(names)), -1) :
		makeRangeVar(strVal(linitial(names)), strVal(lsecond(names)), -1);
	Oid			relid = RangeVarGetRelid(rv, NoLock, true);
	Oid			type;

	if (!OidIsValid(relid))
		return;
	ckpt_body_use_relation(body, relid);
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
 * use_named_type notes what type a name stands for, and the functions that
 * make a value of a text and a text of a value.
 */
static void
use_named_type(CkptBody *body, List *names)
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
	ckpt_body_use_type(body, type);
	if (!ckpt_is_users(type) || get_typtype(type) != TYPTYPE_BASE)
		return;
	getTypeInputInfo(type, &function, &ioparam);
	(void) ckpt_body_use_function(function, body);
	getTypeOutputInfo(type, &function, &isvarlena);
	(void) ckpt_body_use_function(function, body);
	ckpt_body_use_support(body, type);
}

/*
 * use_name notes what a name may stand for.
 *
 * The current role must be allowed to use all schemas: see ckpt_names_use().
 */
static void
use_name(CkptBody *body, List *names)
{
	use_named_function(body, names);
	use_named_relation(body, names);
	use_named_type(body, names);
}

/*
 * use_percent notes what a name before %TYPE or %ROWTYPE stands for.
 */
static void
use_percent(CkptBody *body, List *names, const char *word)
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
		ckpt_body_use_type(body, get_rel_type_id(relid));
		return;
	}
	column = get_attnum(relid, strVal(llast(names)));
	if (column > 0)
		ckpt_body_use(body, CKPT_USED_COLUMN, relid, column);
}

/*
 * operators_of returns (OIDs) the operators of users that a name may stand
 * for.
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
is_met(const CkptBody *body, Oid type)
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
use_operators(CkptBody *body)
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
				(void) ckpt_body_use_function(get_opcode(lfirst_oid(lc2)), body);
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
use_casts(CkptBody *body)
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
			(void) ckpt_body_use_function(cast->function, body);
	}
}

/*
 * use_configs notes the text search configurations that a source may use.
 */
static void
use_configs(CkptBody *body)
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
			ckpt_body_use_config(body, get_ts_config_oid(list_length(names) == 1 ?
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
 * unquote_name returns what a quoted name stands for; with unicode,
 * backslashes open the numbers of characters.  NULL if it is no name.
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
use_literal(CkptBody *body, const char *token, bool asked, const char *rest)
{
	char	   *text = pnstrdup(token + 1, Max((int) strlen(token) - 2, 0));

	if (asked && (*rest == ',' || *rest == ')'))
		body->owner->settings = ckpt_settings_add(body->owner->settings, text);
	else if (strlen(text) < 2 * NAMEDATALEN)
		body->literals = lappend(body->literals, text);
}

/*
 * ckpt_names_use notes what the names in a normalized source may stand for, under
 * the current search_path.
 *
 * The current role must be allowed to use all schemas.
 */
void
ckpt_names_use(CkptBody *body, const char *normalized)
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
			ckpt_body_use_collation(body, get_collation_oid(names, true));
		use_name(body, list_make1(makeString(name)));
		if (list_length(names) == 2 && OidIsValid(get_namespace_oid(strVal(linitial(names)), true)))
		{
			use_name(body, names);
			if (collate || dot)
				ckpt_body_use_collation(body, get_collation_oid(names, true));
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
