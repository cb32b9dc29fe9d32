/*-------------------------------------------------------------------------
 *
 * fingerprint.c
 *	  Code fingerprint: is this the same code as last time?
 *
 * The fingerprint of a UDF is made of components: the expression, and every
 * function that it can be seen to call.  Each has a name and a hash, so that a
 * change can be named.  Functions that came with the server are not
 * components; their names are in the expression.
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
#include "access/transam.h"
#include "catalog/pg_language.h"
#include "catalog/pg_proc.h"
#include "fingerprint.h"
#include "fmgr.h"
#include "lib/stringinfo.h"
#include "nodes/nodeFuncs.h"
#include "rowhash.h"
#include "sqltext.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/guc.h"
#include "utils/json.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/regproc.h"
#include "utils/ruleutils.h"
#include "utils/syscache.h"

#define FUNCTION_PREFIX		"function "

typedef struct Component
{
	char	   *name;
	char	   *hash;
} Component;

/*
 * fingerprint_pin_settings sets what the text forms of expressions depend on;
 * AtEOXact_GUC(false, <result>) undoes it.
 */
static int
fingerprint_pin_settings(void)
{
	static const char *const settings[][2] = {
		{"search_path", "pg_catalog"},
		{"quote_all_identifiers", "off"},
		{"DateStyle", "ISO, YMD"},
		{"IntervalStyle", "postgres"},
		{"TimeZone", "UTC"},
		{"extra_float_digits", "1"},
		{"bytea_output", "hex"},
		{"standard_conforming_strings", "on"},
	};
	int			nestlevel = NewGUCNestLevel();

	for (int i = 0; i < lengthof(settings); i++)
		(void) set_config_option(settings[i][0], settings[i][1],
								 PGC_USERSET, PGC_S_SESSION,
								 GUC_ACTION_SAVE, true, 0, false);
	return nestlevel;
}

/*
 * source_text returns a function's source as far as it counts.
 *
 * The scanner knows SQL and PL/pgSQL.  It allocates and raises and does
 * nothing else, so what it cannot read is taken as it is.
 */
static char *
source_text(const char *source, Oid language)
{
	MemoryContext oldcxt = CurrentMemoryContext;
	char	   *langname = get_language_name(language, false);
	char	   *volatile text = NULL;

	if (strcmp(langname, "sql") != 0 && strcmp(langname, "plpgsql") != 0)
		return pstrdup(source);

	PG_TRY();
	{
		text = ckpt_sqltext_normalize(source, NULL);
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
 * add_proc_attribute writes a column of pg_proc in its text form.
 */
static void
add_proc_attribute(StringInfo buf, HeapTuple proc, int attno)
{
	bool		isnull;
	Datum		value = SysCacheGetAttr(PROCOID, proc, attno, &isnull);
	Oid			type;
	Oid			output;
	bool		isvarlena;

	if (!isnull)
	{
		type = get_atttype(ProcedureRelationId, attno);
		getTypeOutputInfo(type, &output, &isvarlena);
		appendStringInfoString(buf, OidOutputFunctionCall(output, value));
	}
	appendStringInfoChar(buf, '\1');
}

/*
 * function_component describes a function.  Settings are pinned.
 */
static Component *
function_component(Oid funcid)
{
	HeapTuple	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(funcid));
	Component  *component = palloc(sizeof(Component));
	Form_pg_proc proc;
	StringInfoData buf;
	bool		isnull;
	Datum		value;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for function %u", funcid);
	proc = (Form_pg_proc) GETSTRUCT(tuple);

	initStringInfo(&buf);
	appendStringInfo(&buf, "%s\1%d%d%c\1", get_language_name(proc->prolang, false),
					 proc->proisstrict, proc->proretset, proc->prokind);
	appendStringInfo(&buf, "%s\1", TextDatumGetCString(DirectFunctionCall1(pg_get_function_arguments,
																		  ObjectIdGetDatum(funcid))));
	appendStringInfo(&buf, "%s\1", format_type_extended(proc->prorettype, -1,
													   FORMAT_TYPE_FORCE_QUALIFY));
	add_proc_attribute(&buf, tuple, Anum_pg_proc_proconfig);
	add_proc_attribute(&buf, tuple, Anum_pg_proc_probin);

	(void) SysCacheGetAttr(PROCOID, tuple, Anum_pg_proc_prosqlbody, &isnull);
	if (!isnull)
		appendStringInfoString(&buf, TextDatumGetCString(DirectFunctionCall1(pg_get_function_sqlbody,
																			ObjectIdGetDatum(funcid))));
	else
	{
		value = SysCacheGetAttr(PROCOID, tuple, Anum_pg_proc_prosrc, &isnull);
		appendStringInfoString(&buf, source_text(TextDatumGetCString(value), proc->prolang));
	}
	ReleaseSysCache(tuple);

	component->name = psprintf(FUNCTION_PREFIX "%s",
							   format_procedure_qualified(funcid));
	component->hash = ckpt_hash_text(buf.data);
	return component;
}

static bool
collect_function(Oid funcid, void *context)
{
	List	  **functions = (List **) context;

	if (funcid >= FirstNormalObjectId)
		*functions = list_append_unique_oid(*functions, funcid);
	return false;
}

/*
 * collect_functions lists the functions that the nodes of a query call.
 */
static bool
collect_functions(Node *node, void *context)
{
	if (node == NULL)
		return false;
	(void) check_functions_in_node(node, collect_function, context);
	if (IsA(node, Query))
		return query_tree_walker((Query *) node, collect_functions, context, 0);
	return expression_tree_walker(node, collect_functions, context);
}

static int
compare_components(const ListCell *a, const ListCell *b)
{
	return strcmp(((Component *) lfirst(a))->name, ((Component *) lfirst(b))->name);
}

/*
 * fingerprint_make puts components together.
 */
static CkptFingerprint *
fingerprint_make(List *components)
{
	CkptFingerprint *fingerprint = palloc(sizeof(CkptFingerprint));
	StringInfoData json;
	ListCell   *lc;

	list_sort(components, compare_components);
	initStringInfo(&json);
	appendStringInfoChar(&json, '{');
	foreach(lc, components)
	{
		Component  *component = (Component *) lfirst(lc);

		if (json.len > 1)
			appendStringInfoString(&json, ", ");
		escape_json(&json, component->name);
		appendStringInfoString(&json, ": ");
		escape_json(&json, component->hash);
	}
	appendStringInfoChar(&json, '}');

	fingerprint->components = json.data;
	fingerprint->hash = ckpt_hash_text(json.data);
	return fingerprint;
}

/*
 * ckpt_fingerprint_query fingerprints the code in the select list of an
 * analysed query whose one relation is its input.  The query is not changed.
 * The result is in CurrentMemoryContext.
 */
CkptFingerprint *
ckpt_fingerprint_query(Query *query)
{
	Query	   *copy = copyObject(query);
	RangeTblEntry *input = linitial_node(RangeTblEntry, copy->rtable);
	Component  *expression = palloc(sizeof(Component));
	List	   *components;
	List	   *functions = NIL;
	int			nestlevel = fingerprint_pin_settings();
	ListCell   *lc;

	/* written as a CTE, the input has nothing but a name */
	input->rtekind = RTE_CTE;
	input->ctename = pstrdup("input");
	input->alias = NULL;

	expression->name = pstrdup("expression");
	expression->hash = ckpt_hash_text(pg_get_querydef(copy, false));
	components = list_make1(expression);

	(void) collect_functions((Node *) copy, &functions);
	foreach(lc, functions)
		components = lappend(components, function_component(lfirst_oid(lc)));

	AtEOXact_GUC(false, nestlevel);
	return fingerprint_make(components);
}

/*
 * ckpt_fingerprint_none is the fingerprint of a step that has no code of its
 * own.
 */
CkptFingerprint *
ckpt_fingerprint_none(void)
{
	return fingerprint_make(NIL);
}

/*
 * ckpt_fingerprint_describe turns "function public.f(integer) changed" into
 * what the session would call that function.
 */
char *
ckpt_fingerprint_describe(const char *difference)
{
	const char *end;
	char	   *name;
	Datum		oid;
	LOCAL_FCINFO(fcinfo, 1);

	if (strncmp(difference, FUNCTION_PREFIX, strlen(FUNCTION_PREFIX)) != 0)
		return pstrdup(difference);
	end = strrchr(difference, ')');
	if (end == NULL)
		return pstrdup(difference);

	difference += strlen(FUNCTION_PREFIX);
	name = pnstrdup(difference, end + 1 - difference);
	InitFunctionCallInfoData(*fcinfo, NULL, 1, InvalidOid, NULL, NULL);
	fcinfo->args[0].value = CStringGetTextDatum(name);
	fcinfo->args[0].isnull = false;
	oid = to_regprocedure(fcinfo);
	if (!fcinfo->isnull)
		name = format_procedure(DatumGetObjectId(oid));
	return psprintf(FUNCTION_PREFIX "%s%s", name, end + 1);
}
