/*-------------------------------------------------------------------------
 *
 * publish.c
 *	  Results under stable names.
 *
 * A published name is a view over an output table.  Publishing again replaces
 * the view's query, in one transaction; what depends on the view and who may
 * read it stay, which is why the columns must stay too (more may follow).
 *
 * Only a view that the job's owner owns, and that was published before, is
 * replaced.  The catalog has the names that were; a view of such a name still
 * has to show all rows of an output, or it has been made something else since.
 *
 * IDENTIFICATION
 *	  src/publish.c
 *
 *-------------------------------------------------------------------------
 */
#include "checkpoint.h"

#include "access/relation.h"
#include "access/reloptions.h"
#include "access/table.h"
#include "asuser.h"
#include "catalog.h"
#include "catalog/catalog.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "publish.h"
#include "rewrite/rewriteHandler.h"
#include "rowhash.h"
#include "typetext.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"
#include "utils/varlena.h"

PG_FUNCTION_INFO_V1(checkpoint_shown_table);

/*
 * is_plain returns whether a query returns rows of one relation as they are,
 * and all of them, and puts the relation's number in *varno.
 */
static bool
is_plain(const Query *query, int *varno)
{
	List	   *from = query->jointree->fromlist;
	ListCell   *lc;

	if (query->jointree->quals || list_length(from) != 1 || !IsA(linitial(from), RangeTblRef) ||
		query->hasAggs || query->hasWindowFuncs || query->cteList || query->groupClause ||
		query->groupingSets || query->havingQual || query->distinctClause ||
		query->sortClause || query->limitOffset || query->limitCount || query->rowMarks ||
		query->setOperations)
		return false;
	*varno = linitial_node(RangeTblRef, from)->rtindex;
	foreach(lc, query->targetList)
	{
		if (!IsA(lfirst_node(TargetEntry, lc)->expr, Var))
			return false;
	}
	return true;
}

/*
 * shown_table returns the table whose rows a view shows as they are, or
 * InvalidOid.
 */
static Oid
shown_table(Oid relid)
{
	Relation	rel = try_relation_open(relid, AccessShareLock);
	Oid			shown = InvalidOid;
	int			varno;

	if (rel == NULL)
		return InvalidOid;
	if (rel->rd_rel->relkind == RELKIND_VIEW)
	{
		Query	   *query = get_view_query(rel);

		if (is_plain(query, &varno))
		{
			RangeTblEntry *rte = list_nth_node(RangeTblEntry, query->rtable, varno - 1);

			if (rte->rtekind == RTE_RELATION && rte->tablesample == NULL)
				shown = rte->relid;
		}
	}
	relation_close(rel, AccessShareLock);
	return shown;
}

/*
 * _shown_table(view) returns the table whose rows a view shows as they are, or
 * NULL.
 */
Datum
checkpoint_shown_table(PG_FUNCTION_ARGS)
{
	Oid			shown = shown_table(PG_GETARG_OID(0));

	if (!OidIsValid(shown))
		PG_RETURN_NULL();
	PG_RETURN_OID(shown);
}

/*
 * check_published raises unless a view, known to be the job's owner's, was
 * published and is what it was then.
 */
static void
check_published(Oid relid, const char *name, RangeVar *rv)
{
	bool		recorded = ckpt_catalog_is_target(rv->schemaname, rv->relname);
	Oid			shown = recorded ? shown_table(relid) : InvalidOid;
	CkptCheckpoint cp;

	if (OidIsValid(shown) &&
		get_rel_namespace(shown) == get_namespace_oid(CKPT_DATA_SCHEMA, false) &&
		ckpt_catalog_find_by_output_table(get_rel_name(shown), &cp))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_WRONG_OBJECT_TYPE),
			 recorded ? errmsg("view %s is not what was published", name) :
			 errmsg("view %s was not published by a step", name),
			 recorded ? errdetail("It does not show the rows of a checkpoint any more.") :
			 errdetail("Only what was published before is replaced."),
			 errhint("Choose another name, or drop the view first.")));
}

/*
 * check_replaceable raises unless a view's columns are the first of the given
 * ones.
 */
static void
check_replaceable(Oid relid, const char *name, TupleDesc desc)
{
	Relation	rel = table_open(relid, AccessShareLock);
	TupleDesc	old = RelationGetDescr(rel);

	for (int i = 0; i < old->natts; i++)
	{
		Form_pg_attribute was = TupleDescAttr(old, i);
		Form_pg_attribute is = i < desc->natts ? TupleDescAttr(desc, i) : NULL;

		if (is && strcmp(NameStr(was->attname), NameStr(is->attname)) == 0 &&
			was->atttypid == is->atttypid && was->atttypmod == is->atttypmod &&
			was->attcollation == is->attcollation)
			continue;
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_TABLE_DEFINITION),
				 errmsg("cannot publish other columns under the name %s", name),
				 errdetail("The view's column %d is \"%s\" of type %s.", i + 1,
						   NameStr(was->attname),
						   is && was->atttypid == is->atttypid && was->atttypmod == is->atttypmod ?
						   ckpt_column_type_text(was) :
						   format_type_with_typemod(was->atttypid, was->atttypmod)),
				 errhint("Keep its columns and add new ones behind them, or drop the view first.")));
	}
	table_close(rel, AccessShareLock);
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
 * ckpt_publish_check returns the target's qualified name, and raises if rows of
 * the given columns could not be published under it by the given role.
 */
char *
ckpt_publish_check(const char *target, TupleDesc desc, Oid owner)
{
	RangeVar   *rv = makeRangeVarFromNameList(target_names(target));
	Oid			namespace = RangeVarGetCreationNamespace(rv);
	Oid			relid = get_relname_relid(rv->relname, namespace);
	char	   *name;

	rv->schemaname = get_namespace_name(namespace);
	name = quote_qualified_identifier(rv->schemaname, rv->relname);
	check_namespace(namespace, owner);
	if (!OidIsValid(relid))
		return name;

	/* a member of the owning role could replace it, but the view then reads as its owner */
	if (owner_of(relid) != owner)
		aclcheck_error(ACLCHECK_NOT_OWNER, get_relkind_objtype(get_rel_relkind(relid)), name);
	if (get_rel_relkind(relid) != RELKIND_VIEW)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("%s is not a view", name),
				 errdetail("Results are published as views."),
				 errhint("Choose another name, or drop it first.")));
	check_published(relid, name, rv);
	check_replaceable(relid, name, desc);
	return name;
}

/*
 * view_options returns the WITH clause that keeps the options of a view, if it
 * exists and has any: replacing it would reset them.
 */
static char *
view_options(const char *name)
{
	RangeVar   *rv = makeRangeVarFromNameList(textToQualifiedNameList(cstring_to_text(name)));
	Oid			relid = RangeVarGetRelid(rv, NoLock, true);
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
	StringInfoData buf;
	Datum		options;
	bool		isnull;
	ListCell   *lc;

	initStringInfo(&buf);
	if (!HeapTupleIsValid(tuple))
		return buf.data;
	options = SysCacheGetAttr(RELOID, tuple, Anum_pg_class_reloptions, &isnull);
	if (!isnull)
	{
		foreach(lc, untransformRelOptions(options))
		{
			DefElem    *option = lfirst_node(DefElem, lc);

			appendStringInfo(&buf, "%s%s = %s", buf.len == 0 ? "WITH (" : ", ",
							 quote_identifier(option->defname),
							 quote_literal_cstr(strVal(option->arg)));
		}
		appendStringInfoChar(&buf, ')');
	}
	ReleaseSysCache(tuple);
	return buf.data;
}

/*
 * ckpt_publish_view makes the view, or makes it show the output of another
 * checkpoint, and puts its name on record.
 *
 * name is what ckpt_publish_check() returned, which is asked again; desc has
 * the columns to show; the view is the given role's.
 */
void
ckpt_publish_view(const char *name, const char *step, int64 job_id,
				  const CkptCheckpoint *cp, TupleDesc desc, Oid owner)
{
	RangeVar   *rv = makeRangeVarFromNameList(target_names(name));
	StringInfoData sql;
	CkptUser	saved;

	(void) ckpt_publish_check(name, desc, owner);
	initStringInfo(&sql);
	appendStringInfo(&sql, "CREATE OR REPLACE VIEW %s %s AS SELECT ", name,
					 view_options(name));
	for (int i = 0; i < desc->natts; i++)
		appendStringInfo(&sql, "%s%s", i > 0 ? ", " : "",
						 quote_identifier(NameStr(TupleDescAttr(desc, i)->attname)));
	appendStringInfo(&sql, " FROM ONLY %s",
					 quote_qualified_identifier(CKPT_DATA_SCHEMA, cp->output_table));

	saved = ckpt_user_become(owner);
	SPI_connect();
	if (SPI_execute(sql.data, false, 0) != SPI_OK_UTILITY)
		elog(ERROR, "could not execute \"%s\"", sql.data);
	SPI_finish();
	ckpt_user_restore(saved);
	ckpt_catalog_record_target(rv->schemaname, rv->relname, step, job_id, cp->id);
}
