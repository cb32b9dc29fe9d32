/*-------------------------------------------------------------------------
 *
 * fingerprint.c
 *	  Code fingerprint: is this the same code as last time?
 *
 * The fingerprint of a UDF is made of components: the expression, and all that
 * it can be seen to use (uses.c), directly or through something else.  Each has a
 * name and a hash, so that a change can be named.  What came with the server is
 * not a component; its name is in the text of what uses it.
 *
 * Settings that the code depends on are components, too, and so is what its text
 * reads: see content.c.  Calls of one function that pass the same arguments, by
 * position, by name or by default, are written in one way.
 *
 * Everything is written with names, qualified ones, under pinned settings:
 * fingerprints are stored and must be the same in another session, and after
 * dump and restore.
 *
 * IDENTIFICATION
 *	  src/fingerprint.c
 *
 *-------------------------------------------------------------------------
 */
#include "checkpoint.h"

#include "access/htup_details.h"
#include "catalog/pg_proc.h"
#include "compat.h"
#include "component.h"
#include "fingerprint.h"
#include "fmgr.h"
#include "funcapi.h"
#include "lib/stringinfo.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "pinned.h"
#include "rowhash.h"
#include "utils/builtins.h"
#include "utils/catcache.h"
#include "utils/json.h"
#include "utils/lsyscache.h"
#include "utils/regproc.h"
#include "utils/ruleutils.h"
#include "utils/syscache.h"

PG_FUNCTION_INFO_V1(checkpoint_fingerprint);
PG_FUNCTION_INFO_V1(checkpoint_fingerprint_components);

/*
 * uses_components describes all that code uses.  Settings that have been
 * looked at before are given.
 */
static List *
uses_components(const CkptUses *uses, List *settings)
{
	List	   *components = NIL;
	int			nestlevel;
	ListCell   *lc;

	foreach(lc, uses->settings)
		components = lappend(components, ckpt_component_of_setting((const char *) lfirst(lc), settings));
	nestlevel = ckpt_pinned_begin();
	foreach(lc, uses->items)
	{
		CkptComponent *component = ckpt_component_of_used((const CkptUsed *) lfirst(lc));

		if (component)
			components = lappend(components, component);
	}
	ckpt_pinned_end(nestlevel);
	return components;
}

static char *
component_name(const CkptComponent *component)
{
	return component->object ? psprintf("%s %s", component->kind, component->object) :
		pstrdup(component->kind);
}

static int
compare_components(const ListCell *a, const ListCell *b)
{
	return strcmp(component_name(lfirst(a)), component_name(lfirst(b)));
}

/*
 * components_text writes components as a JSON object; all of them, or those
 * that count in a fingerprint.
 */
static char *
components_text(List *components, bool all)
{
	StringInfoData json;
	ListCell   *lc;

	initStringInfo(&json);
	appendStringInfoChar(&json, '{');
	foreach(lc, components)
	{
		CkptComponent *component = (CkptComponent *) lfirst(lc);

		if (component->untraced && !all)
			continue;
		if (json.len > 1)
			appendStringInfoString(&json, ", ");
		escape_json(&json, component_name(component));
		appendStringInfoString(&json, ": ");
		escape_json(&json, component->hash);
	}
	appendStringInfoChar(&json, '}');
	return json.data;
}

/*
 * fingerprint_make puts components together.
 */
static CkptCode
fingerprint_make(List *components)
{
	CkptCode	code = {NULL};
	ListCell   *lc;

	foreach(lc, components)
	{
		if (strcmp(((CkptComponent *) lfirst(lc))->kind, "setting") == 0)
			code.settings = lappend(code.settings, lfirst(lc));
	}
	list_sort(components, compare_components);
	code.components = components_text(components, true);
	code.hash = ckpt_hash_text(components_text(components, false));
	return code;
}

/*
 * ckpt_fingerprint_keep makes *code what it is now, in CurrentMemoryContext.
 */
void
ckpt_fingerprint_keep(CkptCode *code, const CkptCode *now)
{
	ListCell   *lc;

	code->hash = pstrdup(now->hash);
	code->components = pstrdup(now->components);
	code->settings = NIL;
	foreach(lc, now->settings)
	{
		CkptComponent *component = palloc(sizeof(CkptComponent));

		*component = *(const CkptComponent *) lfirst(lc);
		component->object = pstrdup(component->object);
		component->hash = pstrdup(component->hash);
		code->settings = lappend(code->settings, component);
	}
}

/*
 * whole_call returns the arguments of a call of which some are named or left
 * out.  For a function that came with the server, whose defaults never change,
 * those at the end that are its defaults are left out again: so most calls
 * stay as they are written.
 */
static List *
whole_call(const FuncExpr *call)
{
	HeapTuple	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(call->funcid));
	Form_pg_proc proc;
	List	   *args;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for function %u", call->funcid);
	proc = (Form_pg_proc) GETSTRUCT(tuple);
	args = expand_function_arguments(copyObject(call->args), false, call->funcresulttype, tuple);
	for (int n = proc->pronargs - 1;
		 !ckpt_is_users(call->funcid) && n >= proc->pronargs - proc->pronargdefaults &&
		 n < list_length(args); n--)
	{
		List	   *fewer = list_truncate(list_copy(args), n);

		if (!equal(expand_function_arguments(copyObject(fewer), false, call->funcresulttype,
											 tuple),
				   expand_function_arguments(copyObject(args), false, call->funcresulttype, tuple)))
			break;
		args = fewer;
	}
	ReleaseSysCache(tuple);
	return args;
}

/*
 * whole_calls writes each call of a function in one way, however its arguments
 * are passed.  The list of OIDs that context points to gets the functions of
 * calls that left arguments out.
 */
static Node *
whole_calls(Node *node, void *context)
{
	List	  **completed = (List **) context;

	if (node == NULL)
		return NULL;
	if (IsA(node, Query))
		return (Node *) query_tree_mutator((Query *) node, whole_calls, context, 0);
	node = expression_tree_mutator(node, whole_calls, context);
	if (IsA(node, FuncExpr) && !((FuncExpr *) node)->funcvariadic)
	{
		FuncExpr   *call = (FuncExpr *) node;

		if (call->funcformat != COERCE_EXPLICIT_CALL)
			return node;
		if (list_length(call->args) < get_func_nargs(call->funcid))
			*completed = list_append_unique_oid(*completed, call->funcid);
		call->args = whole_call(call);
	}
	return node;
}

/*
 * ckpt_fingerprint_query fingerprints an analysed query: its text, the code
 * that it uses, and more components if there are any.  Of settings, the values
 * of an earlier fingerprint count.  The query is not changed.  The result is
 * in CurrentMemoryContext.
 */
CkptCode
ckpt_fingerprint_query(Query *query, List *settings, List *more)
{
	List	   *completed = NIL;
	Query	   *whole = query_tree_mutator(query, whole_calls, &completed, 0);
	CkptComponent *expression = palloc0(sizeof(CkptComponent));
	int			nestlevel = ckpt_pinned_begin();
	List	   *components = list_make1(expression);
	ListCell   *lc;

	expression->kind = "expression";
	expression->hash = ckpt_hash_text(pg_get_querydef(copyObject(whole), false));
	foreach(lc, completed)
	{
		CkptComponent *defaults = ckpt_component_of_defaults(lfirst_oid(lc));

		/* they are in the text now, but a change is to be named */
		if (defaults)
		{
			defaults->untraced = true;
			components = lappend(components, defaults);
		}
	}
	ckpt_pinned_end(nestlevel);

	components = list_concat(components, uses_components(ckpt_uses_of_query(whole), settings));
	return fingerprint_make(list_concat(components, list_copy(more)));
}

/*
 * ckpt_fingerprint_given lists (CkptComponent *) what the code depends on as
 * its call says.
 */
List *
ckpt_fingerprint_given(const CkptCodeGiven *given)
{
	CkptComponent *component;

	if (given->depends_on == NULL)
		return NIL;
	component = palloc0(sizeof(CkptComponent));
	component->kind = "depends_on";
	component->hash = pstrdup(given->depends_on);
	return list_make1(component);
}

/*
 * ckpt_fingerprint_version is the fingerprint of code that the user answers
 * for, or of a step that has no code of its own.
 */
CkptCode
ckpt_fingerprint_version(const CkptCodeGiven *given)
{
	List	   *components = ckpt_fingerprint_given(given);
	CkptCode	code;

	if (given->code_version)
	{
		CkptComponent *component = palloc0(sizeof(CkptComponent));

		component->kind = "code_version";
		component->hash = ckpt_hash_text(given->code_version);
		components = lappend(components, component);
	}
	code = fingerprint_make(components);
	code.cache_version = given->cache_version;
	return code;
}

/*
 * ckpt_fingerprint_hide_relation makes a relation of an analysed query, which
 * is changed, one that has nothing but a name: the given one.
 */
void
ckpt_fingerprint_hide_relation(RangeTblEntry *rte, const char *name)
{
	/* written as the use of a CTE */
	rte->rtekind = RTE_CTE;
	rte->relid = InvalidOid;
	rte->ctename = pstrdup(name);
	rte->ctelevelsup = 0;
	if (rte->alias == NULL)
		rte->eref->aliasname = pstrdup(name);
}

/*
 * read_identifier reads an identifier of a text that the server has written,
 * and moves on to what follows it.
 */
static char *
read_identifier(const char **text)
{
	const char *p = *text;
	StringInfoData buf;

	initStringInfo(&buf);
	if (*p == '"')
	{
		for (p++; *p != '\0' && (*p != '"' || p[1] == '"'); p++)
		{
			if (*p == '"')
				p++;
			appendStringInfoChar(&buf, *p);
		}
		if (*p == '"')
			p++;
	}
	else
	{
		for (; *p != '\0' && strchr(".( ", *p) == NULL; p++)
			appendStringInfoChar(&buf, *p);
	}
	*text = p;
	return buf.data;
}

/*
 * find_function returns the function that a component is named after, or
 * InvalidOid if there is none any more.
 */
static Oid
find_function(const char *object)
{
	const char *p = object;
	char	   *name = read_identifier(&p);
	int			nestlevel = ckpt_pinned_begin();
	Oid			result = InvalidOid;
	CatCList   *list;

	if (*p == '.')
	{
		p++;
		name = read_identifier(&p);
	}
	list = SearchSysCacheList1(PROCNAMEARGSNSP, CStringGetDatum(name));
	for (int i = 0; i < list->n_members && !OidIsValid(result); i++)
	{
		Oid			funcid = ((Form_pg_proc) GETSTRUCT(&list->members[i]->tuple))->oid;

		if (strcmp(ckpt_function_name(funcid), object) == 0)
			result = funcid;
	}
	ReleaseSysCacheList(list);
	ckpt_pinned_end(nestlevel);
	return result;
}

/*
 * ckpt_fingerprint_describe turns "function public.f(integer) changed" into
 * what the session would call that function.
 */
char *
ckpt_fingerprint_describe(const char *difference)
{
	const char *object = strchr(difference, ' ');
	const char *end = strrchr(difference, ')');
	Oid			funcid;

	if ((strncmp(difference, "function ", strlen("function ")) != 0 &&
		 strncmp(difference, "defaults ", strlen("defaults ")) != 0 &&
		 strncmp(difference, "aggregate ", strlen("aggregate ")) != 0) || end == NULL)
		return pstrdup(difference);
	object++;
	end++;
	funcid = find_function(pnstrdup(object, end - object));
	if (!OidIsValid(funcid))
		return pstrdup(difference);
	return psprintf("%.*s%s%s", (int) (object - difference), difference,
					format_procedure(funcid), end);
}

/*
 * fingerprint_function lists the components of a function.
 */
static List *
fingerprint_function(Oid funcid)
{
	if (!SearchSysCacheExists1(PROCOID, ObjectIdGetDatum(funcid)))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_FUNCTION),
				 errmsg("function with OID %u does not exist", funcid)));
	return uses_components(ckpt_uses_of_function(funcid), NIL);
}

/*
 * fingerprint(regprocedure) returns the code fingerprint of a function.
 */
Datum
checkpoint_fingerprint(PG_FUNCTION_ARGS)
{
	CkptCode	code = fingerprint_make(fingerprint_function(PG_GETARG_OID(0)));

	PG_RETURN_TEXT_P(cstring_to_text(code.hash));
}

/*
 * fingerprint_components(regprocedure) returns what went into it: object, kind
 * and hash.
 */
Datum
checkpoint_fingerprint_components(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	List	   *components = fingerprint_function(PG_GETARG_OID(0));
	ListCell   *lc;

	InitMaterializedSRF(fcinfo, 0);
	list_sort(components, compare_components);
	foreach(lc, components)
	{
		CkptComponent *component = (CkptComponent *) lfirst(lc);
		Datum		values[3];
		bool		nulls[3] = {false, false, false};

		values[0] = CStringGetTextDatum(component->object);
		values[1] = CStringGetTextDatum(component->kind);
		values[2] = CStringGetTextDatum(component->hash);
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
	return (Datum) 0;
}
