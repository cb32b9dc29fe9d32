/*-------------------------------------------------------------------------
 *
 * batch.c
 *	  Calls of the user's function with several rows at once.
 *
 * The select list is analysed over an input whose columns are arrays.  For the run
 * query, that input is a subquery that gives one row of parameters, so that a
 * call is one execution of the query.
 *
 * A call that fails is repeated with its first half, then with its second.  A
 * half that fails is halved likewise, until the row that fails is alone.  What is
 * noted is where each half ends in the input table: the rows before that place
 * that are not done yet are its rows.
 *
 * IDENTIFICATION
 *	  src/batch.c
 *
 *-------------------------------------------------------------------------
 */
#include "checkpoint.h"

#include "access/htup_details.h"
#include "batch.h"
#include "nodes/makefuncs.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

/* More than the times that CKPT_MAX_BATCH can be halved, twice. */
#define MAX_ENDS	64

/* The results of one expression of the select list, if they are an array. */
typedef struct Elements
{
	Datum	   *values;
	bool	   *isnull;
} Elements;

struct CkptBatch
{
	const CkptUdf *udf;
	TupleDesc	desc;			/* of the arrays */
	MemoryContext cxt;			/* what is of the call at hand */
	bool		returns_set;
	int			nrows;
	HeapTuple  *rows;			/* of the input, in the order of the table */
	int			nresults;		/* rows whose results have come */
	Elements   *elements;		/* by expression */
	Datum	   *set_values;		/* of the result row that came last */
	bool	   *set_isnull;

	/* one row */
	TupleTableSlot *row;
	Datum	   *values;			/* its results, by expression */
	bool	   *isnull;

	/* where calls are to end, the next one last */
	int			nends;
	ItemPointerData ends[MAX_ENDS];
};

/*
 * array_of returns the type of an array of a column's values, or InvalidOid if
 * there is none.
 */
static Oid
array_of(Form_pg_attribute att)
{
	if (OidIsValid(get_base_element_type(att->atttypid)))
		return InvalidOid;
	return get_array_type(att->atttypid);
}

/*
 * ckpt_batch_desc returns what several rows of the input look like to the UDF.
 * A column of which there is no array is as it is: it is not to be read.
 */
TupleDesc
ckpt_batch_desc(TupleDesc input_desc)
{
	TupleDesc	desc = CreateTemplateTupleDesc(input_desc->natts);

	for (int i = 1; i <= desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(input_desc, i - 1);
		Oid			array = array_of(att);

		TupleDescInitEntry(desc, i, pstrdup(NameStr(att->attname)),
						   OidIsValid(array) ? array : att->atttypid, att->atttypmod, 0);
		TupleDescInitEntryCollation(desc, i, att->attcollation);
	}
	return desc;
}

/*
 * ckpt_batch_check_reads raises if the UDF reads what it cannot have as an array.
 */
void
ckpt_batch_check_reads(TupleDesc input_desc, const Bitmapset *reads, bool whole_row)
{
	int			attno = -1;

	if (whole_row)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("a UDF that is called for several rows cannot read whole rows"),
				 errhint("Name the columns one by one, or leave out argument \"batch\".")));
	while ((attno = bms_next_member(reads, attno)) >= 0)
	{
		Form_pg_attribute att = TupleDescAttr(input_desc, attno - 1);

		if (!OidIsValid(array_of(att)))
			ereport(ERROR,
					(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
					 errmsg("a UDF that is called for several rows cannot read a column of type %s",
							format_type_be(att->atttypid)),
					 errdetail("Column \"%s\" is of that type, and there are no arrays of it.",
							   NameStr(att->attname)),
					 errhint("Cast it to text or jsonb in argument \"input\", or leave out argument \"batch\".")));
	}
}

/*
 * ckpt_batch_run_query makes the query for a call of a select list that was
 * analysed over a relation with the given columns: its first relation becomes
 * one row, which has the parameter $n in column n.
 */
Query *
ckpt_batch_run_query(Query *query, TupleDesc desc)
{
	Query	   *arguments = makeNode(Query);
	RangeTblEntry *rte = linitial_node(RangeTblEntry, query->rtable);

	arguments->commandType = CMD_SELECT;
	arguments->canSetTag = true;
	arguments->jointree = makeFromExpr(NIL, NULL);
	for (int i = 1; i <= desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i - 1);
		Param	   *param = makeNode(Param);

		param->paramkind = PARAM_EXTERN;
		param->paramid = i;
		param->paramtype = att->atttypid;
		param->paramtypmod = att->atttypmod;
		param->paramcollid = att->attcollation;
		param->location = -1;
		arguments->targetList = lappend(arguments->targetList,
										makeTargetEntry((Expr *) param, i,
														pstrdup(NameStr(att->attname)), false));
	}

	rte->rtekind = RTE_SUBQUERY;
	rte->subquery = arguments;
	rte->enrname = NULL;
	rte->enrtuples = 0;
	rte->coltypes = rte->coltypmods = rte->colcollations = NIL;
	return query;
}

/*
 * ckpt_batch_create makes room for the rows of a call, in CurrentMemoryContext,
 * which udf must outlive.
 */
CkptBatch *
ckpt_batch_create(const CkptUdf *udf)
{
	CkptBatch  *batch = palloc0(sizeof(CkptBatch));

	batch->udf = udf;
	batch->desc = ckpt_batch_desc(udf->input_desc);
	batch->cxt = AllocSetContextCreate(CurrentMemoryContext, "checkpoint call",
									   ALLOCSET_DEFAULT_SIZES);
	batch->rows = palloc(udf->batch * sizeof(HeapTuple));
	batch->elements = palloc0(udf->ntargets * sizeof(Elements));
	for (int i = 0; i < udf->ntargets; i++)
		batch->returns_set |= udf->targets[i].is_set;
	batch->row = MakeSingleTupleTableSlot(udf->input_desc, &TTSOpsHeapTuple);
	batch->values = palloc(udf->ntargets * sizeof(Datum));
	batch->isnull = palloc(udf->ntargets * sizeof(bool));
	return batch;
}

/*
 * ckpt_batch_clear begins a call.
 */
void
ckpt_batch_clear(CkptBatch *batch)
{
	ExecClearTuple(batch->row);
	MemoryContextReset(batch->cxt);
	batch->nrows = 0;
	batch->nresults = 0;
}

/*
 * ckpt_batch_pass says that the next call begins with the row at tid.
 */
void
ckpt_batch_pass(CkptBatch *batch, ItemPointer tid)
{
	while (batch->nends > 0 && ItemPointerCompare(&batch->ends[batch->nends - 1], tid) < 0)
		batch->nends--;
}

/*
 * ckpt_batch_add adds a row to the call, and returns whether there is to be
 * another one.
 */
bool
ckpt_batch_add(CkptBatch *batch, TupleTableSlot *row)
{
	MemoryContext oldcxt = MemoryContextSwitchTo(batch->cxt);

	batch->rows[batch->nrows++] = ExecCopySlotHeapTuple(row);
	MemoryContextSwitchTo(oldcxt);
	return batch->nrows < batch->udf->batch &&
		!(batch->nends > 0 && ItemPointerEquals(&batch->ends[batch->nends - 1], &row->tts_tid));
}

/*
 * ckpt_batch_count returns how many rows the call has.
 */
int
ckpt_batch_count(const CkptBatch *batch)
{
	return batch->nrows;
}

/*
 * column_array makes an array of a column's values.
 */
static Datum
column_array(const CkptBatch *batch, int attno)
{
	TupleDesc	desc = batch->udf->input_desc;
	Oid			type = TupleDescAttr(desc, attno - 1)->atttypid;
	Datum	   *values = palloc(batch->nrows * sizeof(Datum));
	bool	   *isnull = palloc(batch->nrows * sizeof(bool));
	int			first = 1;
	int16		length;
	bool		by_value;
	char		align;

	for (int i = 0; i < batch->nrows; i++)
		values[i] = heap_getattr(batch->rows[i], attno, desc, &isnull[i]);
	get_typlenbyvalalign(type, &length, &by_value, &align);
	return PointerGetDatum(construct_md_array(values, isnull, 1, unconstify(int *, &batch->nrows),
											  &first, type, length, by_value, align));
}

/*
 * ckpt_batch_arguments makes the parameters of the run query, one for each column,
 * from the call's rows.  They live until the next call.
 */
void
ckpt_batch_arguments(CkptBatch *batch, ParamListInfo params)
{
	MemoryContext oldcxt = MemoryContextSwitchTo(batch->cxt);

	for (int i = 0; i < batch->desc->natts; i++)
	{
		ParamExternData *param = &params->params[i];

		param->ptype = TupleDescAttr(batch->desc, i)->atttypid;
		param->pflags = 0;
		param->isnull = !bms_is_member(i + 1, batch->udf->reads);
		param->value = param->isnull ? (Datum) 0 : column_array(batch, i + 1);
	}
	MemoryContextSwitchTo(oldcxt);
}

/*
 * raise_wrong_number raises that a call has not as many results as rows.
 */
static void
raise_wrong_number(const CkptBatch *batch, int nresults, bool or_more)
{
	ereport(ERROR,
			(errcode(ERRCODE_CARDINALITY_VIOLATION),
			 or_more ?
			 errmsg_plural("UDF returned %d or more results for %d row",
						   "UDF returned %d or more results for %d rows",
						   batch->nrows, nresults, batch->nrows) :
			 errmsg_plural("UDF returned %d results for %d row", "UDF returned %d results for %d rows",
						   batch->nrows, nresults, batch->nrows),
			 errdetail("It is called for several rows at once, as argument \"batch\" says."),
			 errhint("Return an array with one element for each row, or a set with one row for each, in the same order.")));
}

/*
 * take_elements takes an array apart.
 */
static Elements
take_elements(const CkptBatch *batch, Datum value, bool isnull)
{
	Elements	elements;
	ArrayType  *array;
	int			n;
	int16		length;
	bool		by_value;
	char		align;

	if (isnull)
		raise_wrong_number(batch, 0, false);
	/* the rows of a set come later than this one, which has the array */
	array = batch->returns_set ? DatumGetArrayTypePCopy(value) : DatumGetArrayTypeP(value);
	if (ARR_NDIM(array) > 1)
		ereport(ERROR,
				(errcode(ERRCODE_CARDINALITY_VIOLATION),
				 errmsg("UDF returned an array of %d dimensions", ARR_NDIM(array)),
				 errdetail("It is called for several rows at once, as argument \"batch\" says."),
				 errhint("Return a set with one array for each row, in the same order.")));
	get_typlenbyvalalign(ARR_ELEMTYPE(array), &length, &by_value, &align);
	deconstruct_array(array, ARR_ELEMTYPE(array), length, by_value, align,
					  &elements.values, &elements.isnull, &n);
	if (n != batch->nrows)
		raise_wrong_number(batch, n, false);
	return elements;
}

/*
 * ckpt_batch_receive takes a row of the run query, whose slot must stay as it is
 * while its results are asked for.  Returns the first of the call's rows that it has
 * results of, and sets *nrows to their number.
 */
int
ckpt_batch_receive(CkptBatch *batch, TupleTableSlot *result, int *nrows)
{
	const CkptUdf *udf = batch->udf;
	MemoryContext oldcxt;
	int			first = batch->nresults;

	if (batch->returns_set && first == batch->nrows)
		raise_wrong_number(batch, first + 1, true);
	slot_getallattrs(result);
	batch->set_values = result->tts_values;
	batch->set_isnull = result->tts_isnull;

	/* an array stands beside each row of a set */
	oldcxt = MemoryContextSwitchTo(batch->cxt);
	for (int i = 0; first == 0 && i < udf->ntargets; i++)
	{
		if (udf->targets[i].is_array)
			batch->elements[i] = take_elements(batch, result->tts_values[i],
											   result->tts_isnull[i]);
	}
	MemoryContextSwitchTo(oldcxt);

	*nrows = batch->returns_set ? 1 : batch->nrows;
	batch->nresults += *nrows;
	return first;
}

/*
 * ckpt_batch_row returns one of the call's rows, and sets *values and *isnull to its
 * results, by expression.  All are good until the next one is asked for.
 */
TupleTableSlot *
ckpt_batch_row(CkptBatch *batch, int row, Datum **values, bool **isnull)
{
	const CkptUdf *udf = batch->udf;

	for (int i = 0; i < udf->ntargets; i++)
	{
		bool		is_array = udf->targets[i].is_array;

		batch->values[i] = is_array ? batch->elements[i].values[row] : batch->set_values[i];
		batch->isnull[i] = is_array ? batch->elements[i].isnull[row] : batch->set_isnull[i];
	}
	*values = batch->values;
	*isnull = batch->isnull;
	return ExecStoreHeapTuple(batch->rows[row], batch->row, false);
}

/*
 * ckpt_batch_check_count raises unless each of the call's rows has its results.
 */
void
ckpt_batch_check_count(const CkptBatch *batch)
{
	if (batch->nresults != batch->nrows)
		raise_wrong_number(batch, batch->nresults, false);
}

static void
add_end(CkptBatch *batch, ItemPointer tid)
{
	if (batch->nends > 0 && ItemPointerEquals(&batch->ends[batch->nends - 1], tid))
		return;
	if (batch->nends < MAX_ENDS)
		batch->ends[batch->nends++] = *tid;
}

/*
 * ckpt_batch_halve has the rows of the call, which has failed, called again: in
 * halves, which it returns, or the only one alone.
 */
bool
ckpt_batch_halve(CkptBatch *batch)
{
	add_end(batch, &batch->rows[batch->nrows - 1]->t_self);
	if (batch->nrows > 1)
		add_end(batch, &batch->rows[(batch->nrows - 1) / 2]->t_self);
	return batch->nrows > 1;
}
