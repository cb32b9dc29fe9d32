/*-------------------------------------------------------------------------
 *
 * idempotency.c
 *	  Keys of rows, for services that charge for calls.
 *
 * A key is the same for each attempt at a row in a run group, whatever becomes of the
 * attempt, the input and the code: it is made of the job's and step's names and the
 * values that the UDF reads.  Of equal rows each has a key of its own, by its number
 * among them.
 *
 * The SQL functions ask the runner, or the record of a step that clients compute, for
 * the row.  No other file calls anything here.
 *
 * What number a row has among equal ones is found out by a sort of the whole input,
 * when a session first asks for a key of it.  Mostly no two rows are equal, and
 * nothing is kept; else the numbers above 1 go to a temporary file, by id.
 *
 * IDENTIFICATION
 *	  src/idempotency.c
 *
 *-------------------------------------------------------------------------
 */
#include "checkpoint.h"

#include "access/table.h"
#include "catalog/pg_operator_d.h"
#include "catalog/pg_type.h"
#include "client.h"
#include "fmgr.h"
#include "input_rows.h"
#include "match_source.h"
#include "miscadmin.h"
#include "result_table.h"
#include "runner.h"
#include "storage/buffile.h"
#include "udf_outside.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/tuplesort.h"

PG_FUNCTION_INFO_V1(checkpoint_idempotency_key);
PG_FUNCTION_INFO_V1(checkpoint_idempotency_key_of);

/* A row's number among equal ones, as it is in the file. */
typedef struct Ordinal
{
	int64		id;
	int64		number;
} Ordinal;

/* The numbers of an input's rows that are not 1; kept for the input asked of last. */
static struct
{
	int64		checkpoint_id;	/* 0 is none */
	int64		n;
	BufFile    *file;			/* Ordinals, by id, or NULL if n is 0 */
}			kept;

/* A row that is looked for. */
typedef struct WantedRow
{
	CkptKeyHasher *key;
	bool		found;
	CkptRowSum	sum;
} WantedRow;

static TupleTableSlot *
make_slot(int natts)
{
	TupleDesc	desc = CreateTemplateTupleDesc(natts);

	for (int i = 1; i <= natts; i++)
		TupleDescInitEntry(desc, i, NULL, INT8OID, -1, 0);
	return MakeSingleTupleTableSlot(desc, &TTSOpsMinimalTuple);
}

/*
 * begin_sort begins to sort rows of natts numbers, by all of them.
 */
static Tuplesortstate *
begin_sort(TupleTableSlot *slot)
{
	AttrNumber	attnos[] = {1, 2, 3};
	Oid			operators[] = {Int8LessOperator, Int8LessOperator, Int8LessOperator};
	Oid			collations[] = {InvalidOid, InvalidOid, InvalidOid};
	bool		nulls_first[] = {false, false, false};

	return tuplesort_begin_heap(slot->tts_tupleDescriptor, slot->tts_tupleDescriptor->natts,
								attnos, operators, collations, nulls_first, work_mem, NULL,
								TUPLESORT_NONE);
}

static void
put_row(Tuplesortstate *sort, TupleTableSlot *slot, int64 a, int64 b, int64 c)
{
	int64		values[] = {a, b, c};

	ExecClearTuple(slot);
	for (int i = 0; i < slot->tts_tupleDescriptor->natts; i++)
	{
		slot->tts_values[i] = Int64GetDatum(values[i]);
		slot->tts_isnull[i] = false;
	}
	ExecStoreVirtualTuple(slot);
	tuplesort_puttupleslot(sort, slot);
}

static bool
get_row(Tuplesortstate *sort, TupleTableSlot *slot)
{
	if (!tuplesort_gettupleslot(sort, true, false, slot, NULL))
		return false;
	slot_getallattrs(slot);
	return true;
}

/*
 * sort_keys returns the hashes of what the UDF reads of all rows, with their ids, in
 * order.
 */
static Tuplesortstate *
sort_keys(const CkptCheckpoint *cp, CkptUdf *udf, TupleTableSlot *slot)
{
	Tuplesortstate *sort = begin_sort(slot);
	TupleTableSlot *row = MakeSingleTupleTableSlot(slot->tts_tupleDescriptor, &TTSOpsVirtual);
	CkptTableSource *source = ckpt_table_source_open(cp->input_table, ckpt_key_hasher_create(udf),
													 false, NULL, NULL);

	while (source->pub.next(&source->pub))
	{
		CHECK_FOR_INTERRUPTS();
		put_row(sort, row, (int64) source->pub.row.lo, (int64) source->pub.row.hi,
				source->pub.row.id);
	}
	ckpt_table_source_close(source);
	ExecDropSingleTupleTableSlot(row);
	tuplesort_performsort(sort);
	return sort;
}

/*
 * number_equal sorts by id what follows from the sorted keys: the rows that are not
 * the first among equal ones, with their numbers.  Returns NULL if there are none.
 */
static Tuplesortstate *
number_equal(Tuplesortstate *keys, TupleTableSlot *slot, TupleTableSlot *by_id)
{
	Tuplesortstate *sort = NULL;
	TupleTableSlot *row = MakeSingleTupleTableSlot(by_id->tts_tupleDescriptor, &TTSOpsVirtual);
	int64		lo = 0;
	int64		hi = 0;
	int64		number = 0;

	while (get_row(keys, slot))
	{
		int64		row_lo = DatumGetInt64(slot->tts_values[0]);
		int64		row_hi = DatumGetInt64(slot->tts_values[1]);

		CHECK_FOR_INTERRUPTS();
		number = number > 0 && row_lo == lo && row_hi == hi ? number + 1 : 1;
		lo = row_lo;
		hi = row_hi;
		if (number == 1)
			continue;
		if (sort == NULL)
			sort = begin_sort(by_id);
		put_row(sort, row, DatumGetInt64(slot->tts_values[2]), number, 0);
	}
	ExecDropSingleTupleTableSlot(row);
	if (sort)
		tuplesort_performsort(sort);
	return sort;
}

/*
 * keep_numbers finds out the numbers of an input's rows, and keeps them.
 */
static void
keep_numbers(const CkptCheckpoint *cp, CkptUdf *udf)
{
	TupleTableSlot *slot = make_slot(3);
	TupleTableSlot *by_id = make_slot(2);
	Tuplesortstate *keys = sort_keys(cp, udf, slot);
	Tuplesortstate *numbers;
	MemoryContext oldcxt;

	if (kept.file)
		BufFileClose(kept.file);
	kept.file = NULL;
	kept.checkpoint_id = 0;
	kept.n = 0;
	numbers = number_equal(keys, slot, by_id);
	if (numbers)
	{
		/* it outlives the transaction */
		oldcxt = MemoryContextSwitchTo(TopMemoryContext);
		kept.file = BufFileCreateTemp(true);
		MemoryContextSwitchTo(oldcxt);
		while (get_row(numbers, by_id))
		{
			Ordinal		ordinal = {DatumGetInt64(by_id->tts_values[0]), DatumGetInt64(by_id->tts_values[1])};

			BufFileWrite(kept.file, &ordinal, sizeof(Ordinal));
			kept.n++;
		}
		tuplesort_end(numbers);
	}
	tuplesort_end(keys);
	ExecDropSingleTupleTableSlot(slot);
	ExecDropSingleTupleTableSlot(by_id);
	kept.checkpoint_id = cp->id;
}

/*
 * kept_number returns the number of a row among equal ones.
 */
static int64
kept_number(int64 id)
{
	int64		lo = 0;
	int64		hi = kept.n;

	while (lo < hi)
	{
		int64		middle = lo + (hi - lo) / 2;
		Ordinal		ordinal;

		if (BufFileSeek(kept.file, 0, (off_t) (middle * sizeof(Ordinal)), SEEK_SET) != 0 ||
			BufFileRead(kept.file, &ordinal, sizeof(Ordinal)) != sizeof(Ordinal))
			elog(ERROR, "could not read temporary file of rows");
		if (ordinal.id == id)
			return ordinal.number;
		if (ordinal.id < id)
			lo = middle + 1;
		else
			hi = middle;
	}
	return 1;
}

/*
 * hash_row hashes what the UDF reads of a row.
 */
static void
hash_row(void *arg, TupleTableSlot *row)
{
	WantedRow  *wanted = (WantedRow *) arg;
	CkptKeyHasher *key = wanted->key;

	for (int i = 0; i < key->desc->natts; i++)
	{
		AttrNumber	attno = get_attnum(row->tts_tableOid, NameStr(TupleDescAttr(key->desc, i)->attname));

		key->values[i] = slot_getattr(row, attno, &key->isnull[i]);
	}
	ckpt_rowhash_add(key->hasher, &wanted->sum, key->values, key->isnull);
	wanted->found = true;
}

/*
 * idempotency_key returns the key of a row of a checkpoint's input.  Needs an
 * active snapshot.
 */
static char *
idempotency_key(const CkptCheckpoint *cp, CkptUdf *udf, int64 id)
{
	WantedRow	wanted = {.key = ckpt_key_hasher_create(udf)};
	/* the function at hand may have put something else in its place */
	Relation	input = ckpt_result_table_open(cp->input_table, "input", cp->step, cp->owner,
											   cp->input_columns, AccessShareLock);
	char	   *owner = GetUserNameFromId(cp->owner, false);

	ckpt_input_rows(input, &id, 1, hash_row, &wanted);
	table_close(input, NoLock);
	if (!wanted.found)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("checkpoint %lld has no row %lld", (long long) cp->id, (long long) id),
				 errhint("Its rows are 1 to %lld.", (long long) cp->rows_total)));
	if (kept.checkpoint_id != cp->id)
		keep_numbers(cp, udf);
	return ckpt_hash_text(psprintf("%s\1%s\1%s\1" UINT64_FORMAT "\1" UINT64_FORMAT "\1" INT64_FORMAT,
								   owner, cp->job_name, cp->step, wanted.sum.hi, wanted.sum.lo,
								   kept_number(id)));
}

/*
 * idempotency_key() is the key of the row that the function at hand is called for.
 */
Datum
checkpoint_idempotency_key(PG_FUNCTION_ARGS)
{
	const CkptCheckpoint *cp;
	CkptUdf    *udf;
	int64		id = ckpt_runner_at_hand(&cp, &udf);

	if (id == 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("no step calls a function for a row"),
				 errhint("Call checkpoint.idempotency_key() in a function that a step runs; clients pass checkpoint_id and id.")));
	if (udf->batch > 0)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("a call for several rows has no idempotency key"),
				 errhint("Leave out argument \"batch\".")));
	PG_RETURN_TEXT_P(cstring_to_text(idempotency_key(cp, udf, id)));
}

/*
 * idempotency_key(checkpoint_id, id) is the key of a row that a client computes.
 */
Datum
checkpoint_idempotency_key_of(PG_FUNCTION_ARGS)
{
	CkptCheckpoint cp;
	CkptClientStep opened;
	CkptCodeGiven given = {0};
	Relation	input;
	TupleDesc	desc;

	ckpt_client_get(PG_GETARG_INT64(0), &cp);
	ckpt_client_check_open(&cp);
	if (!ckpt_catalog_get_client_step(cp.open_step, &opened))
		elog(ERROR, "step %lld is gone", (long long) cp.open_step);
	input = ckpt_result_table_open(cp.input_table, "input", cp.step, cp.owner, cp.input_columns,
								   AccessShareLock);
	desc = CreateTupleDescCopy(RelationGetDescr(input));
	table_close(input, NoLock);
	PG_RETURN_TEXT_P(cstring_to_text(idempotency_key(&cp, ckpt_udf_outside(&opened.spec, &given, desc),
													 PG_GETARG_INT64(1))));
}
