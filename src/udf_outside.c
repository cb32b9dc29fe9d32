/*-------------------------------------------------------------------------
 *
 * udf_outside.c
 *	  The UDF of a step that clients compute: columns, and what they follow from.
 *
 * IDENTIFICATION
 *	  src/udf_outside.c
 *
 *-------------------------------------------------------------------------
 */
#include "checkpoint.h"

#include "catalog/heap.h"
#include "catalog/pg_class.h"
#include "parser/parse_type.h"
#include "parser/parser.h"
#include "query.h"
#include "udf_outside.h"
#include "utils/varlena.h"

#define CREATE_PREFIX	"CREATE TABLE sys__output ("

/*
 * is_plain_column returns whether an element of a table is a name and a type, with
 * or without a collation, and nothing else.
 */
static bool
is_plain_column(Node *element)
{
	ColumnDef  *column = (ColumnDef *) element;

	return IsA(element, ColumnDef) && column->typeName && !column->typeName->setof &&
		!column->typeName->pct_type && column->constraints == NIL &&
		column->compression == NULL && column->fdwoptions == NIL;
}

/*
 * outside_parse turns argument "output" into a list of ColumnDefs.
 */
static List *
outside_parse(const char *text)
{
	char	   *sql = psprintf(CREATE_PREFIX "%s\n)", text);
	List	   *parsetrees = raw_parser(sql, RAW_PARSE_DEFAULT);
	CreateStmt *create = (CreateStmt *) linitial_node(RawStmt, parsetrees)->stmt;
	bool		plain = list_length(parsetrees) == 1 && IsA(create, CreateStmt) &&
		create->inhRelations == NIL && create->partspec == NULL &&
		create->partbound == NULL && create->ofTypename == NULL &&
		create->options == NIL && create->oncommit == ONCOMMIT_NOOP &&
		create->tablespacename == NULL && create->accessMethod == NULL;
	ListCell   *lc;

	if (plain)
	{
		foreach(lc, create->tableElts)
			plain &= is_plain_column((Node *) lfirst(lc));
	}
	if (!plain)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"output\" must be a list of columns and nothing else"),
				 errhint("Write names and types, such as \"vec real[], tokens int\".")));
	return create->tableElts;
}

/*
 * outside_columns gives the output its columns.
 */
static void
outside_columns(CkptUdf *udf, const char *text)
{
	CkptSource	source = {"output", text, strlen(CREATE_PREFIX)};
	ErrorContextCallback callback;
	List	   *columns;
	AttrNumber	attno;
	ListCell   *lc;

	ckpt_source_push(&source, &callback);
	columns = outside_parse(text);
	attno = ckpt_udf_begin_output(udf, udf->nplain + list_length(columns));
	foreach(lc, columns)
	{
		ColumnDef  *column = lfirst_node(ColumnDef, lc);
		Oid			type;
		int32		typmod;

		typenameTypeIdAndMod(NULL, column->typeName, &type, &typmod);
		ckpt_udf_add_column(udf, attno++, column->colname, type, typmod,
							GetColumnDefCollation(NULL, column, type), false);
	}
	CheckAttributeNamesTypes(udf->output_desc, RELKIND_RELATION, 0);
	ckpt_source_pop(&callback);
}

/*
 * outside_read_column returns the number of a column of the input that argument
 * "reads" names.
 */
static int
outside_read_column(const CkptUdf *udf, const char *name)
{
	for (int i = 1; i < udf->input_desc->natts; i++)
	{
		if (strcmp(NameStr(TupleDescAttr(udf->input_desc, i)->attname), name) == 0)
			return i + 1;
	}
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_COLUMN),
			 errmsg("column \"%s\" of argument \"reads\" does not exist", name),
			 errhint("Name columns of argument \"input\", separated by commas.")));
	return 0;					/* not reached */
}

/*
 * outside_reads returns the columns of the input that are read: those named, or
 * all.
 */
static Bitmapset *
outside_reads(const CkptUdf *udf, const char *reads)
{
	Bitmapset  *columns = NULL;
	List	   *names;
	ListCell   *lc;

	if (reads == NULL)
		return bms_add_range(NULL, 2, udf->input_desc->natts);
	if (!SplitIdentifierString(pstrdup(reads), ',', &names))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"reads\" must be a list of columns"),
				 errhint("Name columns of argument \"input\", separated by commas.")));
	foreach(lc, names)
		columns = bms_add_member(columns, outside_read_column(udf, (const char *) lfirst(lc)));
	return columns;
}

/*
 * ckpt_udf_outside returns the UDF of a step that clients compute, over an input
 * with the given columns, sys__id first, in CurrentMemoryContext.  It has no query.
 */
CkptUdf *
ckpt_udf_outside(const CkptSpec *spec, const CkptCodeGiven *given, TupleDesc input_desc)
{
	CkptUdf    *udf = palloc0(sizeof(CkptUdf));

	udf->kind = spec->kind;
	udf->text = spec->output;
	udf->input_desc = input_desc;
	udf->nplain = spec->kind == CKPT_MAP ? input_desc->natts : 2;
	outside_columns(udf, spec->output);
	udf->reads = outside_reads(udf, spec->reads);
	udf->given = *given;
	udf->code = ckpt_fingerprint_version(given);
	return udf;
}
