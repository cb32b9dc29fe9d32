/*-------------------------------------------------------------------------
 *
 * publish.c
 *	  Results under stable names.
 *
 * A published name is a view over an output table.  Publishing again replaces
 * the view's query, in one transaction; what depends on the view and who may
 * read it stay, which is why the columns must stay too (more may follow).
 *
 * IDENTIFICATION
 *	  src/publish.c
 *
 *-------------------------------------------------------------------------
 */
#include "checkpoint.h"

#include "access/reloptions.h"
#include "access/table.h"
#include "asuser.h"
#include "catalog/catalog.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "publish.h"
#include "rowhash.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"
#include "utils/varlena.h"

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
 * ckpt_publish_check returns the target's qualified name, and raises if rows of
 * the given columns could not be published under it by the given role.
 */
char *
ckpt_publish_check(const char *target, TupleDesc desc, Oid owner)
{
	RangeVar   *rv = makeRangeVarFromNameList(target_names(target));
	Oid			namespace = RangeVarGetCreationNamespace(rv);
	Oid			relid = get_relname_relid(rv->relname, namespace);
	char	   *name = quote_qualified_identifier(get_namespace_name(namespace),
												  rv->relname);
	AclResult	aclresult;

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
	if (!OidIsValid(relid))
		return name;

	if (get_rel_relkind(relid) != RELKIND_VIEW)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("%s is not a view", name),
				 errdetail("Results are published as views."),
				 errhint("Choose another name, or drop it first.")));
	if (!ckpt_owns_relation(relid, owner))
		aclcheck_error(ACLCHECK_NOT_OWNER, OBJECT_VIEW, name);
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
 * ckpt_publish_view makes the view, or makes it show another output table.
 *
 * name is what ckpt_publish_check() returned; desc has the columns to show;
 * the view is the given role's.
 */
void
ckpt_publish_view(const char *name, const char *table, TupleDesc desc, Oid owner)
{
	StringInfoData sql;
	CkptUser	saved;

	initStringInfo(&sql);
	appendStringInfo(&sql, "CREATE OR REPLACE VIEW %s %s AS SELECT ", name,
					 view_options(name));
	for (int i = 0; i < desc->natts; i++)
		appendStringInfo(&sql, "%s%s", i > 0 ? ", " : "",
						 quote_identifier(NameStr(TupleDescAttr(desc, i)->attname)));
	appendStringInfo(&sql, " FROM %s",
					 quote_qualified_identifier(CKPT_DATA_SCHEMA, table));

	saved = ckpt_user_become(owner);
	SPI_connect();
	if (SPI_execute(sql.data, false, 0) != SPI_OK_UTILITY)
		elog(ERROR, "could not execute \"%s\"", sql.data);
	SPI_finish();
	ckpt_user_restore(saved);
}
