/*-------------------------------------------------------------------------
 *
 * target.c
 *	  Names that results are published under: what stands there now, and may it be
 *	  replaced?
 *
 * Only what the job's owner owns is replaced.  A view must have been published
 * before: the catalog has the names that were, and a view of such a name still has to
 * show all rows of an output, or it has been made something else since.  A table may
 * be made by hand.
 *
 * What a view shows and which columns it has is read from the server's catalogs
 * without opening it: a lock on it might have to wait for others.
 *
 * IDENTIFICATION
 *	  src/target.c
 *
 *-------------------------------------------------------------------------
 */
#include "checkpoint.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xlog.h"
#include "catalog/catalog.h"
#include "catalog/dependency.h"
#include "catalog/indexing.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_depend.h"
#include "catalog/pg_rewrite.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "parser/parse_coerce.h"
#include "plain_query.h"
#include "rewrite/rewriteSupport.h"
#include "target.h"
#include "typetext.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

/* How many dependent objects an error names. */
#define NAMED_DEPENDENTS	5

PG_FUNCTION_INFO_V1(checkpoint_shown_table);

/*
 * view_query returns the query of a view, and the number of its rule in *rule; NULL
 * if the relation is none.
 */
static Query *
view_query(Oid relid, Oid *rule)
{
	HeapTuple	tuple = SearchSysCache2(RULERELNAME, ObjectIdGetDatum(relid),
										CStringGetDatum(ViewSelectRuleName));
	Query	   *query = NULL;
	bool		isnull;

	if (!HeapTupleIsValid(tuple))
		return NULL;
	*rule = ((Form_pg_rewrite) GETSTRUCT(tuple))->oid;
	query = linitial_node(Query, (List *)
						  stringToNode(TextDatumGetCString(SysCacheGetAttr(RULERELNAME, tuple,
																		   Anum_pg_rewrite_ev_action,
																		   &isnull))));
	ReleaseSysCache(tuple);
	return query;
}

/*
 * ckpt_target_shown_table returns the table whose rows a view shows as they are, or
 * InvalidOid.
 */
Oid
ckpt_target_shown_table(Oid relid)
{
	Oid			rule;
	Query	   *query = view_query(relid, &rule);
	RangeTblEntry *rte = query ? ckpt_plain_query(query) : NULL;

	return rte && rte->rtekind == RTE_RELATION ? rte->relid : InvalidOid;
}

/*
 * _shown_table(view) returns the table whose rows a view shows as they are, or
 * NULL.
 */
Datum
checkpoint_shown_table(PG_FUNCTION_ARGS)
{
	Oid			shown = ckpt_target_shown_table(PG_GETARG_OID(0));

	if (!OidIsValid(shown))
		PG_RETURN_NULL();
	PG_RETURN_OID(shown);
}

/*
 * ckpt_target_shows_result returns whether a view shows a checkpoint's output as it
 * is.
 */
bool
ckpt_target_shows_result(Oid relid)
{
	Oid			shown = ckpt_target_shown_table(relid);
	CkptCheckpoint cp;

	return OidIsValid(shown) &&
		get_rel_namespace(shown) == get_namespace_oid(CKPT_DATA_SCHEMA, false) &&
		ckpt_catalog_find_by_output_table(get_rel_name(shown), &cp);
}

/*
 * target_names splits a qualified name as the server would, but cuts nothing.
 */
static List *
target_names(const char *target)
{
	ArrayType  *array = DatumGetArrayTypeP(DirectFunctionCall2(parse_ident,
															   CStringGetTextDatum(target),
															   BoolGetDatum(true)));
	List	   *names = NIL;
	Datum	   *parts;
	int			nparts;

	deconstruct_array(array, TEXTOID, -1, false, TYPALIGN_INT, &parts, NULL, &nparts);
	for (int i = 0; i < nparts; i++)
	{
		char	   *part = TextDatumGetCString(parts[i]);

		if (part[0] == '\0' || strlen(part) >= NAMEDATALEN)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("name \"%s\" in argument \"target\" must have 1 to %d bytes",
							part, NAMEDATALEN - 1),
					 errhint("Write the name of a view, with its schema if need be.")));
		names = lappend(names, makeString(part));
	}
	return names;
}

/*
 * check_namespace raises unless a role may publish in a schema.
 */
static void
check_namespace(Oid namespace, Oid owner)
{
	AclResult	aclresult;

	if (isAnyTempNamespace(namespace))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("cannot publish in a temporary schema"),
				 errdetail("Its views are gone when the session ends."),
				 errhint("Qualify the target with the name of a permanent schema.")));
	if (namespace == get_namespace_oid(CKPT_DATA_SCHEMA, false) ||
		namespace == get_namespace_oid(CKPT_SCHEMA, false) ||
		IsCatalogNamespace(namespace) || IsToastNamespace(namespace))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("cannot publish in schema \"%s\"", get_namespace_name(namespace)),
				 errhint("It belongs to the server or the extension: choose a schema of your own.")));
	aclresult = ckpt_namespace_aclcheck(namespace, owner);
	if (aclresult != ACLCHECK_OK)
		aclcheck_error(aclresult, OBJECT_SCHEMA, get_namespace_name(namespace));
}

/*
 * owner_of returns the owner of a relation.
 */
static Oid
owner_of(Oid relid)
{
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
	Oid			owner;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for relation %u", relid);
	owner = ((Form_pg_class) GETSTRUCT(tuple))->relowner;
	ReleaseSysCache(tuple);
	return owner;
}

/*
 * make_target makes a target of names, the schema of which is known.
 */
static CkptTarget *
make_target(const RangeVar *rv, Oid namespace, bool as_table)
{
	CkptTarget *target = palloc0(sizeof(CkptTarget));

	target->schema = get_namespace_name(namespace);
	target->name = rv->relname;
	target->qualified = quote_qualified_identifier(target->schema, target->name);
	target->as_table = as_table;
	return target;
}

/*
 * ckpt_target_make returns the target that save's argument stands for: without a
 * schema, in the one that CREATE would choose.
 */
CkptTarget *
ckpt_target_make(const char *name, bool as_table)
{
	RangeVar   *rv = makeRangeVarFromNameList(target_names(name));

	return make_target(rv, RangeVarGetCreationNamespace(rv), as_table);
}

/*
 * ckpt_target_find returns the target whose name a query would write so, or NULL if
 * there is no relation of that name.
 */
CkptTarget *
ckpt_target_find(const char *name)
{
	RangeVar   *rv = makeRangeVarFromNameList(target_names(name));
	Oid			relid = RangeVarGetRelid(rv, NoLock, true);

	if (!OidIsValid(relid))
		return NULL;
	return make_target(rv, get_rel_namespace(relid), get_rel_relkind(relid) == RELKIND_RELATION);
}

/*
 * ckpt_target_relid returns what stands under the target's name now, or InvalidOid.
 */
Oid
ckpt_target_relid(const CkptTarget *target)
{
	Oid			namespace = get_namespace_oid(target->schema, true);

	return OidIsValid(namespace) ? get_relname_relid(target->name, namespace) : InvalidOid;
}

/*
 * place returns in which database of which cluster the session is, for the
 * identity of a table.
 */
static char *
place(void)
{
	return psprintf("/%u/" UINT64_FORMAT, MyDatabaseId, GetSystemIdentifier());
}

/*
 * ckpt_target_identity returns what tells the table that stands under the target's name
 * from one that is made later under the same name.
 */
char *
ckpt_target_identity(const CkptTarget *target)
{
	return psprintf("%u%s", ckpt_target_relid(target), place());
}

/*
 * ckpt_target_is_made returns whether the table under the target's name is one that a
 * step has made.  One that comes from a dump is what the record says: the record of
 * another database, or cluster, does not tell it from others.
 */
bool
ckpt_target_is_made(const CkptTarget *target, const CkptTargetRecord *record)
{
	char	   *here = place();
	char	   *was_there = record->made_as ? strchr(record->made_as, '/') : NULL;

	if (!record->as_table || !record->made)
		return false;
	return was_there == NULL || strcmp(was_there, here) != 0 ||
		strcmp(record->made_as, ckpt_target_identity(target)) == 0;
}

/*
 * ckpt_target_check_owner raises unless what stands under the target's name is the
 * current user's, or that of a role that the user is a member of.
 */
void
ckpt_target_check_owner(const CkptTarget *target)
{
	Oid			relid = ckpt_target_relid(target);

	if (!has_privs_of_role(GetUserId(), owner_of(relid)))
		aclcheck_error(ACLCHECK_NOT_OWNER, get_relkind_objtype(get_rel_relkind(relid)),
					   target->qualified);
}

/*
 * raise_other_kind raises 42809: what stands there is not of the kind that is to be
 * published.
 */
static void
raise_other_kind(const CkptTarget *target, bool recorded)
{
	ereport(ERROR,
			(errcode(ERRCODE_WRONG_OBJECT_TYPE),
			 target->as_table ? errmsg("%s is not a table", target->qualified) :
			 errmsg("%s is not a view", target->qualified),
			 recorded ? errdetail("Results were published under that name as a %s before.",
								  target->as_table ? "view" : "table") :
			 target->as_table ? errdetail("Results are published as tables with as_table => true.") :
			 errdetail("Results are published as views, unless as_table => true is passed."),
			 recorded ? errhint("Call checkpoint.unpublish(%s) first, or choose another name.",
								quote_literal_cstr(target->qualified)) :
			 errhint("Choose another name, or drop it first.")));
}

/*
 * raise_not_published raises 42809: a view is not what a step has published.
 */
static void
raise_not_published(const CkptTarget *target, bool recorded)
{
	ereport(ERROR,
			(errcode(ERRCODE_WRONG_OBJECT_TYPE),
			 recorded ? errmsg("view %s is not what was published", target->qualified) :
			 errmsg("view %s was not published by a step", target->qualified),
			 recorded ? errdetail("It does not show the rows of a checkpoint any more.") :
			 errdetail("Only what was published before is replaced."),
			 errhint("Choose another name, or drop the view first.")));
}

/*
 * find_column returns a copy of the tuple of pg_attribute of a relation's column, or
 * NULL.
 */
static Form_pg_attribute
find_column(Oid relid, AttrNumber attnum)
{
	HeapTuple	tuple = SearchSysCacheCopy2(ATTNUM, ObjectIdGetDatum(relid),
											Int16GetDatum(attnum));

	return HeapTupleIsValid(tuple) ? (Form_pg_attribute) GETSTRUCT(tuple) : NULL;
}

static bool
same_column(Form_pg_attribute a, Form_pg_attribute b)
{
	return strcmp(NameStr(a->attname), NameStr(b->attname)) == 0 &&
		a->atttypid == b->atttypid && a->atttypmod == b->atttypmod &&
		a->attcollation == b->attcollation;
}

/*
 * first_changed returns a view's first column that is not the same in the given
 * ones, and its place there or NULL in *is; NULL if they begin with the view's.
 */
static Form_pg_attribute
first_changed(Oid relid, TupleDesc desc, Form_pg_attribute *is)
{
	Form_pg_attribute was;

	for (int i = 0; (was = find_column(relid, i + 1)) != NULL; i++)
	{
		*is = i < desc->natts ? TupleDescAttr(desc, i) : NULL;
		if (*is == NULL || !same_column(was, *is))
			return was;
	}
	return NULL;
}

/*
 * ckpt_target_keeps_columns returns whether the given columns are a view's, with more
 * behind them or not: then the server can replace it.
 */
bool
ckpt_target_keeps_columns(Oid relid, TupleDesc desc)
{
	Form_pg_attribute is;

	return first_changed(relid, desc, &is) == NULL;
}

/*
 * object_of_rule returns the view that a rule is the query of; other rules stand for
 * themselves.
 */
static ObjectAddress
object_of_rule(Oid rule)
{
	ObjectAddress object = {RewriteRelationId, rule, 0};
	Relation	rewrite = table_open(RewriteRelationId, AccessShareLock);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;

	ScanKeyInit(&key, Anum_pg_rewrite_oid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(rule));
	scan = systable_beginscan(rewrite, RewriteOidIndexId, true, NULL, 1, &key);
	tuple = systable_getnext(scan);
	if (HeapTupleIsValid(tuple))
	{
		Form_pg_rewrite form = (Form_pg_rewrite) GETSTRUCT(tuple);

		if (strcmp(NameStr(form->rulename), ViewSelectRuleName) == 0)
			object = (ObjectAddress) {RelationRelationId, form->ev_class, 0};
	}
	systable_endscan(scan);
	table_close(rewrite, AccessShareLock);
	return object;
}

/*
 * add_dependents adds to a list of names the objects that depend on another, but for
 * what is part of it, as the rule of a view is.
 */
static List *
add_dependents(List *names, Oid class, Oid objid, Oid own_rule)
{
	Relation	depend = table_open(DependRelationId, AccessShareLock);
	ScanKeyData key[2];
	SysScanDesc scan;
	HeapTuple	tuple;

	ScanKeyInit(&key[0], Anum_pg_depend_refclassid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(class));
	ScanKeyInit(&key[1], Anum_pg_depend_refobjid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(objid));
	scan = systable_beginscan(depend, DependReferenceIndexId, true, NULL, 2, key);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_depend form = (Form_pg_depend) GETSTRUCT(tuple);
		ObjectAddress object = {form->classid, form->objid, form->objsubid};

		if (form->objid == own_rule ||
			(form->classid == TypeRelationId && form->deptype == DEPENDENCY_INTERNAL))
			continue;
		if (form->classid == RewriteRelationId)
			object = object_of_rule(form->objid);
		names = list_append_unique(names, makeString(getObjectDescription(&object, false)));
	}
	systable_endscan(scan);
	table_close(depend, AccessShareLock);
	return names;
}

/*
 * dependents returns the names of what depends on a view, or NULL.
 */
static char *
dependents(Oid relid)
{
	Oid			type = get_rel_type_id(relid);
	StringInfoData buf;
	List	   *names;
	ListCell   *lc;
	Oid			rule;

	if (view_query(relid, &rule) == NULL)
		return NULL;
	names = add_dependents(NIL, RelationRelationId, relid, rule);
	names = add_dependents(names, TypeRelationId, type, rule);
	names = add_dependents(names, TypeRelationId, get_array_type(type), rule);
	if (names == NIL)
		return NULL;
	initStringInfo(&buf);
	foreach(lc, names)
	{
		if (foreach_current_index(lc) == NAMED_DEPENDENTS)
		{
			appendStringInfo(&buf, " and %d more", list_length(names) - NAMED_DEPENDENTS);
			break;
		}
		appendStringInfo(&buf, "%s%s", buf.len > 0 ? ", " : "", strVal(lfirst(lc)));
	}
	return buf.data;
}

/*
 * check_view_columns raises if a view cannot get the given columns: others than its
 * own, and what depends on it would have to go.
 */
static void
check_view_columns(const CkptTarget *target, Oid relid, TupleDesc desc)
{
	Form_pg_attribute is;
	Form_pg_attribute was = first_changed(relid, desc, &is);
	char	   *names = was ? dependents(relid) : NULL;
	bool		same_type;

	if (names == NULL)
		return;
	same_type = is && was->atttypid == is->atttypid && was->atttypmod == is->atttypmod;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_TABLE_DEFINITION),
			 errmsg("cannot publish other columns under the name %s", target->qualified),
			 errdetail("The view's column %d is \"%s\" of type %s. On the view depends: %s.",
					   was->attnum, NameStr(was->attname),
					   same_type ? ckpt_column_type_text(was) :
					   format_type_with_typemod(was->atttypid, was->atttypmod), names),
			 errhint("Keep its columns and add new ones behind them, or drop what depends on the view first.")));
}

/*
 * check_table_column raises if a table cannot get values of a column.
 */
static void
check_table_column(const CkptTarget *target, Oid relid, Form_pg_attribute is)
{
	const char *name = NameStr(is->attname);
	AttrNumber	attnum = get_attnum(relid, name);
	Form_pg_attribute was = attnum > 0 ? find_column(relid, attnum) : NULL;

	if (was == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("table %s has no column \"%s\"", target->qualified, name),
				 errhint("Add it to the table, or leave it out of the query.")));
	if (was->attgenerated || was->attidentity == ATTRIBUTE_IDENTITY_ALWAYS)
		ereport(ERROR,
				(errcode(ERRCODE_GENERATED_ALWAYS),
				 errmsg("column \"%s\" of table %s can only get values from the server", name,
						target->qualified),
				 was->attgenerated ? errdetail("It is a generated column.") :
				 errdetail("It is an identity column defined as GENERATED ALWAYS."),
				 errhint("Leave it out of the query.")));
	if (!can_coerce_type(1, &is->atttypid, &was->atttypid, COERCION_ASSIGNMENT))
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("column \"%s\" of table %s is of type %s, but the query's is of type %s", name,
						target->qualified, format_type_be(was->atttypid),
						format_type_be(is->atttypid)),
				 errhint("Cast it in the query.")));
}

/*
 * ckpt_target_check raises if rows of the given columns could not be published under
 * the target's name by the given role.
 */
void
ckpt_target_check(const CkptTarget *target, TupleDesc desc, Oid owner)
{
	Oid			relid = ckpt_target_relid(target);
	CkptTargetRecord record;
	bool		recorded;
	char		relkind;

	check_namespace(get_namespace_oid(target->schema, false), owner);
	if (!OidIsValid(relid))
		return;

	/* a member of the owning role could replace it, but the view then reads as its owner */
	relkind = get_rel_relkind(relid);
	if (owner_of(relid) != owner)
		aclcheck_error(ACLCHECK_NOT_OWNER, get_relkind_objtype(relkind), target->qualified);
	recorded = ckpt_catalog_get_target(target->schema, target->name, &record);
	if (relkind != (target->as_table ? RELKIND_RELATION : RELKIND_VIEW))
		raise_other_kind(target, recorded && record.as_table != target->as_table &&
						 (record.as_table ? relkind == RELKIND_RELATION :
						  ckpt_target_shows_result(relid)));
	if (target->as_table)
	{
		for (int i = 0; i < desc->natts; i++)
			check_table_column(target, relid, TupleDescAttr(desc, i));
		return;
	}
	if (!recorded || record.as_table || !ckpt_target_shows_result(relid))
		raise_not_published(target, recorded && !record.as_table);
	check_view_columns(target, relid, desc);
}
