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

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/relation.h"
#include "access/table.h"
#include "catalog/dependency.h"
#include "catalog/indexing.h"
#include "catalog/pg_aggregate.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_extension.h"
#include "catalog/pg_language.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_ts_config.h"
#include "catalog/pg_ts_config_map.h"
#include "catalog/pg_ts_dict.h"
#include "catalog/pg_type.h"
#include "compat.h"
#include "fingerprint.h"
#include "fmgr.h"
#include "funcapi.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "pagestate.h"
#include "pinned.h"
#include "rowhash.h"
#include "settings.h"
#include "utils/builtins.h"
#include "utils/catcache.h"
#include "utils/fmgroids.h"
#include "utils/fmgrprotos.h"
#include "utils/guc.h"
#include "utils/json.h"
#include "utils/lsyscache.h"
#include "utils/regproc.h"
#include "utils/rel.h"
#include "utils/ruleutils.h"
#include "utils/snapmgr.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
#include "utils/typcache.h"
#include "uses.h"

PG_FUNCTION_INFO_V1(checkpoint_fingerprint);
PG_FUNCTION_INFO_V1(checkpoint_fingerprint_components);

/*
 * add_proc_attribute writes a column of pg_proc in its text form.
 */
static void
add_proc_attribute(StringInfo buf, HeapTuple proc, int attno)
{
	bool		isnull;
	Datum		value = SysCacheGetAttr(PROCOID, proc, attno, &isnull);
	Oid			output;
	bool		isvarlena;

	if (!isnull)
	{
		getTypeOutputInfo(get_atttype(ProcedureRelationId, attno), &output, &isvarlena);
		appendStringInfoString(buf, OidOutputFunctionCall(output, value));
	}
	appendStringInfoChar(buf, '\1');
}

/*
 * add_extension writes the name and version of the extension that an object is
 * a member of: the code of a C function comes with it.
 */
static void
add_extension(StringInfo buf, Oid funcid)
{
	Oid			extension = getExtensionOfObject(ProcedureRelationId, funcid);
	Relation	rel;
	SysScanDesc scan;
	ScanKeyData key;
	HeapTuple	tuple;

	if (!OidIsValid(extension))
		return;
	rel = table_open(ExtensionRelationId, AccessShareLock);
	ScanKeyInit(&key, Anum_pg_extension_oid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(extension));
	scan = systable_beginscan(rel, ExtensionOidIndexId, true, NULL, 1, &key);
	tuple = systable_getnext(scan);
	if (HeapTupleIsValid(tuple))
	{
		bool		isnull;
		Datum		version = heap_getattr(tuple, Anum_pg_extension_extversion,
										   RelationGetDescr(rel), &isnull);

		appendStringInfo(buf, "%s %s\1",
						 NameStr(((Form_pg_extension) GETSTRUCT(tuple))->extname),
						 isnull ? "" : TextDatumGetCString(version));
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
}

/*
 * function_name writes the qualified name of a function and the types of its
 * arguments.
 */
static char *
function_name(Oid funcid)
{
	HeapTuple	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(funcid));
	Form_pg_proc proc;
	StringInfoData buf;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for function %u", funcid);
	proc = (Form_pg_proc) GETSTRUCT(tuple);
	initStringInfo(&buf);
	appendStringInfo(&buf, "%s(", quote_qualified_identifier(get_namespace_name(proc->pronamespace),
															NameStr(proc->proname)));
	for (int i = 0; i < proc->pronargs; i++)
		appendStringInfo(&buf, "%s%s", i > 0 ? "," : "",
						 ckpt_type_text(proc->proargtypes.values[i], -1, 0));
	appendStringInfoChar(&buf, ')');
	ReleaseSysCache(tuple);
	return buf.data;
}

/*
 * add_execution writes how a function is executed: as whom, and which changes of
 * tables it sees.  Nothing is written for what is usual, or makes no difference.
 */
static void
add_execution(StringInfo buf, Form_pg_proc proc, bool reads)
{
	if (proc->prosecdef)
		appendStringInfo(buf, "definer %s\1", GetUserNameFromId(proc->proowner, false));
	if (proc->provolatile == PROVOLATILE_STABLE)
		appendStringInfoString(buf, "stable\1");
	else if (proc->provolatile == PROVOLATILE_IMMUTABLE && reads)
		appendStringInfoString(buf, "immutable\1");
}

/*
 * function_component describes a function or an aggregate.  Settings are
 * pinned.
 */
static CkptComponent *
function_component(const CkptUsed *used)
{
	Oid			funcid = used->oid;
	HeapTuple	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(funcid));
	CkptComponent *component = palloc0(sizeof(CkptComponent));
	Form_pg_proc proc;
	StringInfoData buf;
	bool		isnull;
	bool		readable;
	Datum		value;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for function %u", funcid);
	proc = (Form_pg_proc) GETSTRUCT(tuple);

	initStringInfo(&buf);
	appendStringInfo(&buf, "%s\1%d%d%c\1", get_language_name(proc->prolang, false),
					 proc->proisstrict, proc->proretset, proc->prokind);
	/* without their defaults, which count where a call uses them */
	appendStringInfo(&buf, "%s\1", TextDatumGetCString(DirectFunctionCall1(pg_get_function_identity_arguments,
																		  ObjectIdGetDatum(funcid))));
	appendStringInfo(&buf, "%s\1", ckpt_type_text(proc->prorettype, -1, 0));
	add_proc_attribute(&buf, tuple, Anum_pg_proc_proconfig);
	add_proc_attribute(&buf, tuple, Anum_pg_proc_probin);
	add_extension(&buf, funcid);
	add_execution(&buf, proc, used->reads);

	(void) SysCacheGetAttr(PROCOID, tuple, Anum_pg_proc_prosqlbody, &isnull);
	if (!isnull)
		appendStringInfoString(&buf, TextDatumGetCString(DirectFunctionCall1(pg_get_function_sqlbody,
																			ObjectIdGetDatum(funcid))));
	else if (proc->prokind == PROKIND_AGGREGATE)
	{
		HeapTuple	aggtuple = SearchSysCache1(AGGFNOID, ObjectIdGetDatum(funcid));
		Form_pg_aggregate agg = (Form_pg_aggregate) GETSTRUCT(aggtuple);

		value = SysCacheGetAttr(AGGFNOID, aggtuple, Anum_pg_aggregate_agginitval, &isnull);
		appendStringInfo(&buf, "%s\1%s\1%s\1%s", function_name(agg->aggtransfn),
						 OidIsValid(agg->aggfinalfn) ? function_name(agg->aggfinalfn) : "",
						 ckpt_type_text(agg->aggtranstype, -1, 0),
						 isnull ? "" : TextDatumGetCString(value));
		ReleaseSysCache(aggtuple);
	}
	else
	{
		value = SysCacheGetAttr(PROCOID, tuple, Anum_pg_proc_prosrc, &isnull);
		appendStringInfoString(&buf, ckpt_source_text(TextDatumGetCString(value), proc->prolang,
													  &readable));
	}

	component->kind = proc->prokind == PROKIND_AGGREGATE ? "aggregate" : "function";
	component->object = function_name(funcid);
	component->hash = ckpt_hash_text(buf.data);
	ReleaseSysCache(tuple);
	return component;
}

/*
 * ckpt_relation_name returns the qualified name of a relation.
 */
char *
ckpt_relation_name(Oid relid)
{
	return quote_qualified_identifier(get_namespace_name(get_rel_namespace(relid)),
									  get_rel_name(relid));
}

/*
 * defaults_component describes the defaults of a function's arguments; NULL if
 * there are none.
 */
static CkptComponent *
defaults_component(Oid funcid)
{
	HeapTuple	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(funcid));
	CkptComponent *component = NULL;
	StringInfoData buf;
	bool		isnull;
	Datum		value;
	ListCell   *lc;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for function %u", funcid);
	value = SysCacheGetAttr(PROCOID, tuple, Anum_pg_proc_proargdefaults, &isnull);
	if (!isnull && ckpt_is_users(funcid))
	{
		initStringInfo(&buf);
		foreach(lc, castNode(List, stringToNode(TextDatumGetCString(value))))
			appendStringInfo(&buf, "%s\1", deparse_expression((Node *) lfirst(lc), NIL, false, false));
		component = palloc0(sizeof(CkptComponent));
		component->kind = "defaults";
		component->object = function_name(funcid);
		component->hash = ckpt_hash_text(buf.data);
	}
	ReleaseSysCache(tuple);
	return component;
}

static CkptComponent *
view_component(Oid relid)
{
	CkptComponent *component = palloc0(sizeof(CkptComponent));
	Relation	rel = relation_open(relid, AccessShareLock);
	char	   *definition;

	/* it reads the catalog by a snapshot: the view may be newer than the active one */
	PushActiveSnapshot(GetLatestSnapshot());
	definition = TextDatumGetCString(DirectFunctionCall1(pg_get_viewdef, ObjectIdGetDatum(relid)));
	PopActiveSnapshot();
	if (RelationHasSecurityInvoker(rel))
		definition = psprintf("%s\1invoker", definition);
	relation_close(rel, NoLock);
	component->kind = "view";
	component->object = ckpt_relation_name(relid);
	component->hash = ckpt_hash_text(definition);
	return component;
}

static CkptComponent *
domain_component(Oid typid)
{
	CkptComponent *component = palloc0(sizeof(CkptComponent));
	HeapTuple	tuple = SearchSysCache1(TYPEOID, ObjectIdGetDatum(typid));
	Form_pg_type type;
	StringInfoData buf;
	ListCell   *lc;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for type %u", typid);
	type = (Form_pg_type) GETSTRUCT(tuple);
	initStringInfo(&buf);
	appendStringInfo(&buf, "%s\1%d\1",
					 ckpt_type_text(type->typbasetype, type->typtypmod, FORMAT_TYPE_TYPEMOD_GIVEN),
					 type->typnotnull);
	ReleaseSysCache(tuple);
	foreach(lc, ckpt_domain_checks(typid))
	{
		Oid			check = ((Form_pg_constraint) GETSTRUCT((HeapTuple) lfirst(lc)))->oid;

		appendStringInfo(&buf, "%s\1", TextDatumGetCString(DirectFunctionCall1(pg_get_constraintdef,
																			   ObjectIdGetDatum(check))));
	}
	component->kind = "domain";
	component->object = ckpt_type_text(typid, -1, 0);
	component->hash = ckpt_hash_text(buf.data);
	return component;
}

static CkptComponent *
composite_component(Oid typid)
{
	CkptComponent *component = palloc0(sizeof(CkptComponent));
	TupleDesc	desc = lookup_rowtype_tupdesc_copy(typid, -1);
	StringInfoData buf;

	initStringInfo(&buf);
	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);

		if (!att->attisdropped)
			appendStringInfo(&buf, "%s\1%s\1", NameStr(att->attname),
							 ckpt_column_type_text(att));
	}
	component->kind = "type";
	component->object = ckpt_type_text(typid, -1, 0);
	component->hash = ckpt_hash_text(buf.data);
	return component;
}

/*
 * enum_component describes an enum: its labels in their order.
 */
static CkptComponent *
enum_component(Oid typid)
{
	CkptComponent *component = palloc0(sizeof(CkptComponent));
	StringInfoData buf;
	ListCell   *lc;

	initStringInfo(&buf);
	foreach(lc, ckpt_enum_labels(typid))
		appendStringInfo(&buf, "%s\1", (const char *) lfirst(lc));
	component->kind = "type";
	component->object = ckpt_type_text(typid, -1, 0);
	component->hash = ckpt_hash_text(buf.data);
	return component;
}

static CkptComponent *
type_component(Oid typid)
{
	switch (get_typtype(typid))
	{
		case TYPTYPE_DOMAIN:
			return domain_component(typid);
		case TYPTYPE_ENUM:
			return enum_component(typid);
		default:
			return composite_component(typid);
	}
}

/*
 * column_component describes the type of a table's column.
 */
static CkptComponent *
column_component(Oid relid, AttrNumber attno)
{
	CkptComponent *component = palloc0(sizeof(CkptComponent));
	Oid			type;
	int32		typmod;
	Oid			collation;

	get_atttypetypmodcoll(relid, attno, &type, &typmod, &collation);
	component->kind = "column";
	component->object = psprintf("%s.%s", ckpt_relation_name(relid),
								 quote_identifier(get_attname(relid, attno, false)));
	component->hash = ckpt_hash_text(ckpt_type_text(type, typmod, FORMAT_TYPE_TYPEMOD_GIVEN));
	return component;
}

/*
 * add_text writes a column of a catalog that may be null.
 */
static void
add_text(StringInfo buf, int cache, HeapTuple tuple, AttrNumber attno)
{
	bool		isnull;
	Datum		value = SysCacheGetAttr(cache, tuple, attno, &isnull);

	appendStringInfo(buf, "%s\1", isnull ? "" : TextDatumGetCString(value));
}

static CkptComponent *
collation_component(Oid collation)
{
	CkptComponent *component = palloc0(sizeof(CkptComponent));
	HeapTuple	tuple = SearchSysCache1(COLLOID, ObjectIdGetDatum(collation));
	Form_pg_collation form;
	StringInfoData buf;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for collation %u", collation);
	form = (Form_pg_collation) GETSTRUCT(tuple);
	initStringInfo(&buf);
	appendStringInfo(&buf, "%c%d\1", form->collprovider, form->collisdeterministic);
	add_text(&buf, COLLOID, tuple, Anum_pg_collation_collcollate);
	add_text(&buf, COLLOID, tuple, Anum_pg_collation_collctype);
	add_text(&buf, COLLOID, tuple, ckpt_collation_locale);
#ifdef Anum_pg_collation_collicurules
	add_text(&buf, COLLOID, tuple, Anum_pg_collation_collicurules);
#endif
	component->kind = "collation";
	component->object = quote_qualified_identifier(get_namespace_name(form->collnamespace),
												   NameStr(form->collname));
	component->hash = ckpt_hash_text(buf.data);
	ReleaseSysCache(tuple);
	return component;
}

/*
 * add_dictionary writes a text search dictionary: its name, and what it consists
 * of if it did not come with the server.
 */
static void
add_dictionary(StringInfo buf, Oid dictionary)
{
	HeapTuple	tuple = SearchSysCache1(TSDICTOID, ObjectIdGetDatum(dictionary));
	Form_pg_ts_dict form;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for text search dictionary %u", dictionary);
	form = (Form_pg_ts_dict) GETSTRUCT(tuple);
	appendStringInfo(buf, "%s.%s", get_namespace_name(form->dictnamespace),
					 NameStr(form->dictname));
	if (ckpt_is_users(dictionary))
	{
		appendStringInfo(buf, " %u ", form->dicttemplate);
		add_text(buf, TSDICTOID, tuple, Anum_pg_ts_dict_dictinitoption);
	}
	ReleaseSysCache(tuple);
}

/*
 * config_component describes a text search configuration: which dictionaries
 * look at which kind of token.
 */
static CkptComponent *
config_component(Oid config)
{
	CkptComponent *component = palloc0(sizeof(CkptComponent));
	HeapTuple	tuple = SearchSysCache1(TSCONFIGOID, ObjectIdGetDatum(config));
	Form_pg_ts_config form;
	StringInfoData buf;
	Relation	rel;
	Relation	index;
	SysScanDesc scan;
	ScanKeyData key;
	HeapTuple	map;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for text search configuration %u", config);
	form = (Form_pg_ts_config) GETSTRUCT(tuple);
	initStringInfo(&buf);
	appendStringInfo(&buf, "%u\1", form->cfgparser);

	rel = table_open(TSConfigMapRelationId, AccessShareLock);
	index = index_open(TSConfigMapIndexId, AccessShareLock);
	ScanKeyInit(&key, Anum_pg_ts_config_map_mapcfg, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(config));
	scan = systable_beginscan_ordered(rel, index, NULL, 1, &key);
	while (HeapTupleIsValid(map = systable_getnext_ordered(scan, ForwardScanDirection)))
	{
		Form_pg_ts_config_map mapping = (Form_pg_ts_config_map) GETSTRUCT(map);

		appendStringInfo(&buf, "%d ", mapping->maptokentype);
		add_dictionary(&buf, mapping->mapdict);
		appendStringInfoChar(&buf, '\1');
	}
	systable_endscan_ordered(scan);
	index_close(index, AccessShareLock);
	table_close(rel, AccessShareLock);

	component->kind = "text search configuration";
	component->object = quote_qualified_identifier(get_namespace_name(form->cfgnamespace),
												   NameStr(form->cfgname));
	component->hash = ckpt_hash_text(buf.data);
	ReleaseSysCache(tuple);
	return component;
}

/*
 * used_component describes something that code uses; NULL if there is nothing to
 * say of it.  Settings are pinned.
 */
static CkptComponent *
used_component(const CkptUsed *used)
{
	switch (used->kind)
	{
		case CKPT_USED_EXPRESSION:
			break;				/* its text is a component of its own */
		case CKPT_USED_FUNCTION:
			return function_component(used);
		case CKPT_USED_DEFAULTS:
			return defaults_component(used->oid);
		case CKPT_USED_VIEW:
			return view_component(used->oid);
		case CKPT_USED_TYPE:
			return type_component(used->oid);
		case CKPT_USED_COLUMN:
			return column_component(used->oid, used->column);
		case CKPT_USED_COLLATION:
			return collation_component(used->oid);
		case CKPT_USED_TSCONFIG:
			return config_component(used->oid);
	}
	return NULL;
}

/*
 * setting_component describes the value that a setting has in the session, or
 * had when it was looked at before: what changes one in the course of a step is
 * the code itself.
 */
static CkptComponent *
setting_component(const char *name, List *before)
{
	CkptComponent *component;
	const char *value = GetConfigOption(name, true, false);
	ListCell   *lc;

	foreach(lc, before)
	{
		if (pg_strcasecmp(((CkptComponent *) lfirst(lc))->object, name) == 0)
			return (CkptComponent *) lfirst(lc);
	}
	component = palloc0(sizeof(CkptComponent));

	component->kind = "setting";
	component->object = pstrdup(name);
	component->hash = ckpt_hash_text(value ? value : "\1");
	component->untraced = ckpt_setting_is_default(name);
	return component;
}

/*
 * uses_components describes all that code uses.  Settings that have been looked
 * at before are given.
 */
static List *
uses_components(const CkptUses *uses, List *settings)
{
	List	   *components = NIL;
	int			nestlevel;
	ListCell   *lc;

	foreach(lc, uses->settings)
		components = lappend(components, setting_component((const char *) lfirst(lc), settings));
	nestlevel = ckpt_pinned_begin();
	foreach(lc, uses->items)
	{
		CkptComponent *component = used_component((const CkptUsed *) lfirst(lc));

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
 * components_text writes components as a JSON object; all of them, or those that
 * count in a fingerprint.
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
 * those at the end that are its defaults are left out again: so most calls stay
 * as they are written.
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
 * ckpt_fingerprint_query fingerprints an analysed query: its text, the code that
 * it uses, and more components if there are any.  Of settings, the values of an
 * earlier fingerprint count.  The query is not changed.  The result is in
 * CurrentMemoryContext.
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
		CkptComponent *defaults = defaults_component(lfirst_oid(lc));

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
 * ckpt_fingerprint_given lists (CkptComponent *) what the code depends on as its
 * call says.
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
 * ckpt_fingerprint_version is the fingerprint of code that the user answers for,
 * or of a step that has no code of its own.
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
 * ckpt_fingerprint_hide_relation makes a relation of an analysed query, which is
 * changed, one that has nothing but a name: the given one.
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
 * read_identifier reads an identifier of a text that the server has written, and
 * moves on to what follows it.
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

		if (strcmp(function_name(funcid), object) == 0)
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
