/*-------------------------------------------------------------------------
 *
 * fingerprint.c
 *	  Code fingerprint: is this the same code as last time?
 *
 * The fingerprint of a UDF is made of components: the expression, and every
 * function, aggregate, view, domain and composite type that it can be seen to
 * use, directly or through another one.  Each has a name and a hash, so that a
 * change can be named.  What came with the server is not a component; its name
 * is in the text of what uses it.
 *
 * What code uses is read from its analysed form where there is one: the
 * expression, BEGIN ATOMIC bodies, views, checks of domains.  Of a body that is
 * a string, in SQL or PL/pgSQL, every name counts that is the name of a
 * function, view, domain or composite type under the search_path it will run
 * with, all overloads of it, whether or not the current role may use them: the
 * body may run with the rights of another one.  Other languages, dynamic SQL and
 * triggers are not looked into.
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

#include <ctype.h>

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/relation.h"
#include "access/table.h"
#include "access/transam.h"
#include "catalog/dependency.h"
#include "catalog/namespace.h"
#include "catalog/pg_aggregate.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_class.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_extension.h"
#include "catalog/pg_language.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "fingerprint.h"
#include "fmgr.h"
#include "funcapi.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "parser/parse_type.h"
#include "pinned.h"
#include "rewrite/rewriteHandler.h"
#include "rowhash.h"
#include "sqltext.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/catcache.h"
#include "utils/fmgroids.h"
#include "utils/fmgrprotos.h"
#include "utils/guc.h"
#include "utils/json.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/regproc.h"
#include "utils/rel.h"
#include "utils/ruleutils.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
#include "utils/typcache.h"
#include "utils/varlena.h"

PG_FUNCTION_INFO_V1(checkpoint_fingerprint);
PG_FUNCTION_INFO_V1(checkpoint_fingerprint_components);

/* What a component is; its name begins with the word for it. */
typedef struct Component
{
	const char *kind;
	char	   *object;
	char	   *hash;
} Component;

/* Things that code uses, found so far; lists of OIDs that grow while looked at. */
typedef struct Uses
{
	List	   *functions;
	List	   *views;
	List	   *types;			/* domains and composite types */
} Uses;

static bool
is_users(Oid oid)
{
	return oid >= FirstNormalObjectId;
}

static bool
use_function(Oid funcid, void *context)
{
	Uses	   *uses = (Uses *) context;

	if (is_users(funcid))
		uses->functions = list_append_unique_oid(uses->functions, funcid);
	return false;
}

static void
use_relation(Uses *uses, Oid relid)
{
	if (is_users(relid) && get_rel_relkind(relid) == RELKIND_VIEW)
		uses->views = list_append_unique_oid(uses->views, relid);
}

/*
 * is_composite returns whether a type is a composite type of its own, not the
 * row type of a table.
 */
static bool
is_composite(Oid type)
{
	Oid			relid = get_typ_typrelid(type);

	return OidIsValid(relid) && get_rel_relkind(relid) == RELKIND_COMPOSITE_TYPE;
}

/*
 * use_type notes a domain or a composite type, also as the element of an array.
 */
static void
use_type(Uses *uses, Oid type)
{
	Oid			element = OidIsValid(type) ? get_element_type(type) : InvalidOid;

	if (OidIsValid(element))
		type = element;
	if (is_users(type) && (get_typtype(type) == TYPTYPE_DOMAIN || is_composite(type)))
		uses->types = list_append_unique_oid(uses->types, type);
}

/*
 * use_nodes notes what an analysed expression or query uses.
 */
static bool
use_nodes(Node *node, void *context)
{
	Uses	   *uses = (Uses *) context;

	if (node == NULL)
		return false;
	(void) check_functions_in_node(node, use_function, context);
	if (IsA(node, CoerceToDomain) || IsA(node, CoerceViaIO) || IsA(node, FuncExpr) ||
		IsA(node, RowExpr) || IsA(node, Const))
		use_type(uses, exprType(node));
	else if (IsA(node, RangeTblEntry))
	{
		RangeTblEntry *rte = (RangeTblEntry *) node;

		if (rte->rtekind == RTE_RELATION)
			use_relation(uses, rte->relid);
		return false;			/* query_tree_walker looks into it */
	}
	if (IsA(node, Query))
		return query_tree_walker((Query *) node, use_nodes, context,
								 QTW_EXAMINE_RTES_BEFORE);
	return expression_tree_walker(node, use_nodes, context);
}

/*
 * use_name notes the functions, views and domains that a name may stand for.
 *
 * The current role must be allowed to use all schemas: see use_source_of().
 */
static void
use_name(Uses *uses, List *names)
{
	RangeVar   *rv;
	TypeName   *type = makeTypeNameFromNameList(names);

	for (FuncCandidateList function = FuncnameGetCandidates(names, -1, NIL, false, false,
															 false, true);
		 function != NULL; function = function->next)
		(void) use_function(function->oid, uses);

	rv = list_length(names) == 1 ? makeRangeVar(NULL, strVal(linitial(names)), -1) :
		makeRangeVar(strVal(linitial(names)), strVal(lsecond(names)), -1);
	use_relation(uses, RangeVarGetRelid(rv, NoLock, true));
	use_type(uses, LookupTypeNameOid(NULL, type, true));
}

/*
 * use_source notes what the names in a normalized source may stand for.
 */
static void
use_source(Uses *uses, const char *normalized)
{
	char	   *previous = NULL;	/* a name, if a dot follows it */
	char	   *name = NULL;	/* the token before this one, if it is a name */
	bool		dot = false;

	while (*normalized != '\0')
	{
		const char *end = strchr(normalized, '\1');
		char	   *token = pnstrdup(normalized, end - normalized);
		Size		len = end - normalized;

		normalized = end + 1;
		if (strcmp(token, ".") == 0)
		{
			dot = name != NULL;
			previous = name;
			name = NULL;
			continue;
		}
		if (token[0] == '"' && len > 2)
		{
			token[len - 1] = '\0';
			token++;			/* doubled quotes inside are not undone */
		}
		else if (!isalpha((unsigned char) token[0]) && token[0] != '_' &&
				 !IS_HIGHBIT_SET(token[0]))
		{
			name = NULL;
			dot = false;
			continue;
		}
		name = token;
		if (strlen(name) < NAMEDATALEN)
		{
			use_name(uses, list_make1(makeString(name)));
			if (dot && strlen(previous) < NAMEDATALEN &&
				OidIsValid(get_namespace_oid(previous, true)))
				use_name(uses, list_make2(makeString(previous), makeString(name)));
		}
		dot = false;
	}
}

/*
 * source_text returns a function's source as far as it counts, and notes what
 * it uses, if it is in a language that we can read.
 *
 * The scanner knows SQL and PL/pgSQL.  It allocates and raises and does
 * nothing else, so what it cannot read is taken as it is.
 */
static char *
source_text(const char *source, Oid language, bool *readable)
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
 * function_search_path returns the search_path that a function sets for itself,
 * or NULL.
 */
static char *
function_search_path(HeapTuple proc)
{
	static const char prefix[] = "search_path=";
	bool		isnull;
	Datum		config = SysCacheGetAttr(PROCOID, proc, Anum_pg_proc_proconfig, &isnull);
	Datum	   *settings;
	int			nsettings;

	if (isnull)
		return NULL;
	deconstruct_array(DatumGetArrayTypeP(config), TEXTOID, -1, false, TYPALIGN_INT,
					  &settings, NULL, &nsettings);
	for (int i = 0; i < nsettings; i++)
	{
		char	   *setting = TextDatumGetCString(settings[i]);

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
use_source_of(Uses *uses, HeapTuple proc, const char *normalized)
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
	use_source(uses, normalized);
	SetUserIdAndSecContext(save_userid, save_sec_context);
	AtEOXact_GUC(false, nestlevel);
}

/*
 * use_function_body notes what a function uses, as far as it can be seen.
 */
static void
use_function_body(Uses *uses, Oid funcid)
{
	HeapTuple	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(funcid));
	Form_pg_proc proc;
	bool		isnull;
	Datum		value;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for function %u", funcid);
	proc = (Form_pg_proc) GETSTRUCT(tuple);

	use_type(uses, proc->prorettype);
	value = SysCacheGetAttr(PROCOID, tuple, Anum_pg_proc_proallargtypes, &isnull);
	if (isnull)
	{
		for (int i = 0; i < proc->pronargs; i++)
			use_type(uses, proc->proargtypes.values[i]);
	}
	else
	{
		ArrayType  *types = DatumGetArrayTypeP(value);

		for (int i = 0; i < ARR_DIMS(types)[0]; i++)
			use_type(uses, ((Oid *) ARR_DATA_PTR(types))[i]);
	}

	/* a call that leaves an argument out does not show what stands for it */
	value = SysCacheGetAttr(PROCOID, tuple, Anum_pg_proc_proargdefaults, &isnull);
	if (!isnull)
		(void) use_nodes(stringToNode(TextDatumGetCString(value)), uses);

	value = SysCacheGetAttr(PROCOID, tuple, Anum_pg_proc_prosqlbody, &isnull);
	if (!isnull)
		(void) use_nodes(stringToNode(TextDatumGetCString(value)), uses);
	else if (proc->prokind == PROKIND_AGGREGATE)
	{
		HeapTuple	aggtuple = SearchSysCache1(AGGFNOID, ObjectIdGetDatum(funcid));
		Form_pg_aggregate agg;

		if (!HeapTupleIsValid(aggtuple))
			elog(ERROR, "cache lookup failed for aggregate %u", funcid);
		agg = (Form_pg_aggregate) GETSTRUCT(aggtuple);
		(void) use_function(agg->aggtransfn, uses);
		(void) use_function(agg->aggfinalfn, uses);
		(void) use_function(agg->aggcombinefn, uses);
		(void) use_function(agg->aggserialfn, uses);
		(void) use_function(agg->aggdeserialfn, uses);
		(void) use_function(agg->aggmtransfn, uses);
		(void) use_function(agg->aggminvtransfn, uses);
		(void) use_function(agg->aggmfinalfn, uses);
		ReleaseSysCache(aggtuple);
	}
	else
	{
		char	   *source;
		bool		readable;

		value = SysCacheGetAttr(PROCOID, tuple, Anum_pg_proc_prosrc, &isnull);
		source = source_text(TextDatumGetCString(value), proc->prolang, &readable);
		if (readable)
			use_source_of(uses, tuple, source);
	}
	ReleaseSysCache(tuple);
}

/*
 * use_view_body notes what a view uses.
 */
static void
use_view_body(Uses *uses, Oid relid)
{
	Relation	rel = relation_open(relid, AccessShareLock);

	(void) use_nodes((Node *) get_view_query(rel), uses);
	relation_close(rel, NoLock);
}

static int
compare_checks(const ListCell *a, const ListCell *b)
{
	return strcmp(NameStr(((Form_pg_constraint) GETSTRUCT((HeapTuple) lfirst(a)))->conname),
				  NameStr(((Form_pg_constraint) GETSTRUCT((HeapTuple) lfirst(b)))->conname));
}

/*
 * domain_checks lists (HeapTuple) the CHECK constraints of a domain, by name:
 * the order that they are checked in.
 */
static List *
domain_checks(Oid typid)
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
 * based on, or the types of a composite type's fields.
 */
static void
use_type_body(Uses *uses, Oid typid)
{
	HeapTuple	tuple;
	ListCell   *lc;

	if (is_composite(typid))
	{
		TupleDesc	desc = lookup_rowtype_tupdesc_copy(typid, -1);

		for (int i = 0; i < desc->natts; i++)
		{
			if (!TupleDescAttr(desc, i)->attisdropped)
				use_type(uses, TupleDescAttr(desc, i)->atttypid);
		}
		return;
	}

	tuple = SearchSysCache1(TYPEOID, ObjectIdGetDatum(typid));
	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for type %u", typid);
	use_type(uses, ((Form_pg_type) GETSTRUCT(tuple))->typbasetype);
	ReleaseSysCache(tuple);

	foreach(lc, domain_checks(typid))
	{
		bool		isnull;
		Datum		bin = SysCacheGetAttr(CONSTROID, (HeapTuple) lfirst(lc),
										  Anum_pg_constraint_conbin, &isnull);

		if (!isnull)
			(void) use_nodes(stringToNode(TextDatumGetCString(bin)), uses);
	}
}

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
 * function_component describes a function or an aggregate.  Settings are
 * pinned.
 */
static Component *
function_component(Oid funcid)
{
	HeapTuple	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(funcid));
	Component  *component = palloc(sizeof(Component));
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
	appendStringInfo(&buf, "%s\1", TextDatumGetCString(DirectFunctionCall1(pg_get_function_arguments,
																		  ObjectIdGetDatum(funcid))));
	appendStringInfo(&buf, "%s\1", ckpt_type_text(proc->prorettype, -1, 0));
	add_proc_attribute(&buf, tuple, Anum_pg_proc_proconfig);
	add_proc_attribute(&buf, tuple, Anum_pg_proc_probin);
	add_extension(&buf, funcid);

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
		appendStringInfoString(&buf, source_text(TextDatumGetCString(value), proc->prolang,
												 &readable));
	}

	component->kind = proc->prokind == PROKIND_AGGREGATE ? "aggregate" : "function";
	component->object = function_name(funcid);
	component->hash = ckpt_hash_text(buf.data);
	ReleaseSysCache(tuple);
	return component;
}

static Component *
view_component(Oid relid)
{
	Component  *component = palloc(sizeof(Component));
	Datum		definition;

	/* it reads the catalog by a snapshot: the view may be newer than the active one */
	PushActiveSnapshot(GetLatestSnapshot());
	definition = DirectFunctionCall1(pg_get_viewdef, ObjectIdGetDatum(relid));
	PopActiveSnapshot();
	component->kind = "view";
	component->object = quote_qualified_identifier(get_namespace_name(get_rel_namespace(relid)),
												   get_rel_name(relid));
	component->hash = ckpt_hash_text(TextDatumGetCString(definition));
	return component;
}

static Component *
domain_component(Oid typid)
{
	Component  *component = palloc(sizeof(Component));
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
	foreach(lc, domain_checks(typid))
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

static Component *
composite_component(Oid typid)
{
	Component  *component = palloc(sizeof(Component));
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
 * uses_components describes all that code uses, directly and through what it
 * uses.  The names in sources are looked up under the settings of the session,
 * everything is written under pinned ones.
 */
static List *
uses_components(Uses *uses)
{
	List	   *components = NIL;
	int			nfunctions = 0;
	int			nviews = 0;
	int			ntypes = 0;
	int			nestlevel;
	ListCell   *lc;

	/* the lists grow meanwhile; what is in one is not put there again */
	while (nfunctions < list_length(uses->functions) ||
		   nviews < list_length(uses->views) || ntypes < list_length(uses->types))
	{
		CHECK_FOR_INTERRUPTS();
		if (nfunctions < list_length(uses->functions))
			use_function_body(uses, list_nth_oid(uses->functions, nfunctions++));
		if (nviews < list_length(uses->views))
			use_view_body(uses, list_nth_oid(uses->views, nviews++));
		if (ntypes < list_length(uses->types))
			use_type_body(uses, list_nth_oid(uses->types, ntypes++));
	}

	nestlevel = ckpt_pinned_begin();
	foreach(lc, uses->functions)
		components = lappend(components, function_component(lfirst_oid(lc)));
	foreach(lc, uses->views)
		components = lappend(components, view_component(lfirst_oid(lc)));
	foreach(lc, uses->types)
		components = lappend(components, is_composite(lfirst_oid(lc)) ?
							 composite_component(lfirst_oid(lc)) :
							 domain_component(lfirst_oid(lc)));
	ckpt_pinned_end(nestlevel);
	return components;
}

static char *
component_name(const Component *component)
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
 * fingerprint_make puts components together.
 */
static CkptCode
fingerprint_make(List *components)
{
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
		escape_json(&json, component_name(component));
		appendStringInfoString(&json, ": ");
		escape_json(&json, component->hash);
	}
	appendStringInfoChar(&json, '}');

	return (CkptCode) {.hash = ckpt_hash_text(json.data),.components = json.data};
}

/*
 * ckpt_fingerprint_query fingerprints an analysed query: its text, and the code
 * that it uses.  The query is not changed.  The result is in
 * CurrentMemoryContext.
 */
CkptCode
ckpt_fingerprint_query(Query *query)
{
	Component  *expression = palloc(sizeof(Component));
	Uses		uses = {NIL, NIL, NIL};
	int			nestlevel = ckpt_pinned_begin();

	expression->kind = "expression";
	expression->object = NULL;
	expression->hash = ckpt_hash_text(pg_get_querydef(copyObject(query), false));
	ckpt_pinned_end(nestlevel);

	(void) use_nodes((Node *) query, &uses);
	return fingerprint_make(lcons(expression, uses_components(&uses)));
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
 * ckpt_fingerprint_none is the fingerprint of a step that has no code of its
 * own.
 */
CkptCode
ckpt_fingerprint_none(void)
{
	return fingerprint_make(NIL);
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
	Uses		uses = {NIL, NIL, NIL};

	if (!SearchSysCacheExists1(PROCOID, ObjectIdGetDatum(funcid)))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_FUNCTION),
				 errmsg("function with OID %u does not exist", funcid)));
	/* asked for by name, it counts even if it came with the server */
	uses.functions = list_make1_oid(funcid);
	return uses_components(&uses);
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
		Component  *component = (Component *) lfirst(lc);
		Datum		values[3];
		bool		nulls[3] = {false, false, false};

		values[0] = CStringGetTextDatum(component->object);
		values[1] = CStringGetTextDatum(component->kind);
		values[2] = CStringGetTextDatum(component->hash);
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
	return (Datum) 0;
}
