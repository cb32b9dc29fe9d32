/*-------------------------------------------------------------------------
 *
 * component.c
 *	  One thing that code consists of, by name and hash.
 *
 * Everything is written with names, qualified ones, under pinned settings:
 * hashes are stored and must be the same in another session, and after dump and
 * restore.
 *
 *
 * IDENTIFICATION
 *	  src/component.c
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
#include "component.h"
#include "fmgr.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "pagestate.h"
#include "rowhash.h"
#include "settings.h"
#include "typetext.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/fmgrprotos.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/ruleutils.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
#include "utils/typcache.h"

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
 * ckpt_function_name writes the qualified name of a function and the types of
 * its arguments.
 */
char *
ckpt_function_name(Oid funcid)
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
 * add_execution writes how a function is executed: as whom, and which changes
 * of tables it sees.  Nothing is written for what is usual, or makes no
 * difference.
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
		appendStringInfo(&buf, "%s\1%s\1%s\1%s", ckpt_function_name(agg->aggtransfn),
						 OidIsValid(agg->aggfinalfn) ? ckpt_function_name(agg->aggfinalfn) : "",
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
	component->object = ckpt_function_name(funcid);
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
 * ckpt_component_of_defaults describes the defaults of a function's arguments;
 * NULL if there are none.
 */
CkptComponent *
ckpt_component_of_defaults(Oid funcid)
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
		component->object = ckpt_function_name(funcid);
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
 * add_dictionary writes a text search dictionary: its name, and what it
 * consists of if it did not come with the server.
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
 * ckpt_component_of_used describes something that code uses; NULL if there is
 * nothing to say of it.  Settings are pinned.
 */
CkptComponent *
ckpt_component_of_used(const CkptUsed *used)
{
	switch (used->kind)
	{
		case CKPT_USED_EXPRESSION:
			break;				/* its text is a component of its own */
		case CKPT_USED_FUNCTION:
			return function_component(used);
		case CKPT_USED_DEFAULTS:
			return ckpt_component_of_defaults(used->oid);
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
 * ckpt_component_of_setting describes the value that a setting has in the
 * session, or had when it was looked at before: what changes one in the course
 * of a step is the code itself.
 */
CkptComponent *
ckpt_component_of_setting(const char *name, List *before)
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
