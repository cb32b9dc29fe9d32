/*-------------------------------------------------------------------------
 *
 * ledger_client.c
 *	  The part of the ledger that clients write: range by range, by many at once.
 *
 * Beside ledger.c and ledger_code.c this file spells SQL on the ledger's tables.
 * While a checkpoint is open for clients, each of its rows in "processed" is about
 * one range.  Those of other writers and of earlier code do not change meanwhile:
 * so it is enough that the row of the clients' own is locked from the first mark in
 * a range until the transaction that made it ends.  Rows are locked in the order of
 * their ranges, so clients that mark once a transaction never deadlock.
 *
 * Totals are not kept: all clients would write one row.  The view _work counts the
 * bits, and they are added up when the step is finished.
 *
 * IDENTIFICATION
 *	  src/ledger_client.c
 *
 *-------------------------------------------------------------------------
 */
#include "checkpoint.h"

#include "access/toast_compression.h"
#include "access/toast_internals.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "ledger_client.h"
#include "port/pg_bitutils.h"
#include "statement.h"
#include "utils/builtins.h"

#define RANGE_BYTES		(CKPT_IDSET_RANGE / 8)

PG_FUNCTION_INFO_V1(checkpoint_add_processed);

/*
 * Ids of one range
 */

static int
range_size(int64 rows_total, int64 range_no)
{
	return (int) Min((int64) CKPT_IDSET_RANGE, rows_total - range_no * CKPT_IDSET_RANGE);
}

/*
 * range_create makes a range of a checkpoint without ids.
 */
static CkptRangeIds *
range_create(const CkptCheckpoint *cp, int64 range_no)
{
	CkptRangeIds *range = palloc0(sizeof(CkptRangeIds));

	range->range_no = range_no;
	range->size = range_size(cp->rows_total, range_no);
	return range;
}

/*
 * range_add adds an id, which is of the range.
 */
static void
range_add(CkptRangeIds *range, int64 id)
{
	int			bit = (int) ((id - 1) % CKPT_IDSET_RANGE);

	if (ckpt_range_has(range, id))
		return;
	range->bits[bit >> 3] |= 1 << (bit & 7);
	range->count++;
}

/*
 * range_load adds what is stored of a range: NULL is all of its ids.
 */
static void
range_load(CkptRangeIds *range, const bytea *stored)
{
	int			nbytes = stored ? (int) VARSIZE_ANY_EXHDR(stored) : (range->size + 7) / 8;

	if (nbytes > RANGE_BYTES)
		elog(ERROR, "stored range has %d bytes", nbytes);
	if (stored == NULL)
	{
		memset(range->bits, 0xFF, range->size / 8);
		if (range->size % 8 != 0)
			range->bits[range->size / 8] |= (1 << (range->size % 8)) - 1;
	}
	for (int i = 0; stored && i < nbytes; i++)
		range->bits[i] |= ((const uint8 *) VARDATA_ANY(stored))[i];
	range->count = (int) pg_popcount((const char *) range->bits, RANGE_BYTES);
}

/*
 * range_store returns the stored form of a range, or NULL if it has all of its ids.
 */
static bytea *
range_store(const CkptRangeIds *range)
{
	int			nbytes = RANGE_BYTES;
	bytea	   *stored;

	if (range->count == range->size)
		return NULL;
	while (nbytes > 0 && range->bits[nbytes - 1] == 0)
		nbytes--;
	stored = palloc(VARHDRSZ + nbytes);
	SET_VARSIZE(stored, VARHDRSZ + nbytes);
	memcpy(VARDATA(stored), range->bits, nbytes);
	return stored;
}

/*
 * range_common returns an id that two ranges have in common, or 0.
 */
static int64
range_common(const CkptRangeIds *a, const CkptRangeIds *b)
{
	for (int i = 0; i < RANGE_BYTES; i++)
	{
		uint8		both = a->bits[i] & b->bits[i];

		if (both != 0)
			return ckpt_range_first(a->range_no) + i * 8 + pg_rightmost_one_pos32(both);
	}
	return 0;
}

/*
 * Marks
 */

/*
 * ckpt_ledger_open_for_clients gives each range a row of its own, and leaves it to
 * the view _work to count what clients do.
 */
void
ckpt_ledger_open_for_clients(const CkptCheckpoint *cp)
{
	STATEMENT(split, "INSERT INTO checkpoint.processed"
			  " (checkpoint_id, range_no, code_no, worker, nranges, bits)"
			  " SELECT checkpoint_id, range_no + i, code_no, worker, 1, NULL"
			  " FROM checkpoint.processed, generate_series(1, nranges - 1) i"
			  " WHERE checkpoint_id = $1 AND nranges > 1");
	STATEMENT(one, "UPDATE checkpoint.processed SET nranges = 1"
			  " WHERE checkpoint_id = $1 AND nranges > 1");
	STATEMENT(work, "DELETE FROM checkpoint.work WHERE checkpoint_id = $1 AND worker = $2");

	ckpt_arg_int8(&split, cp->id);
	ckpt_statement_run(&split, SPI_OK_INSERT);
	ckpt_arg_int8(&one, cp->id);
	ckpt_statement_run(&one, SPI_OK_UPDATE);
	ckpt_arg_int8(&work, cp->id);
	ckpt_arg_int4(&work, CKPT_LEDGER_CLIENTS);
	ckpt_statement_run(&work, SPI_OK_DELETE);
}

/*
 * ckpt_ledger_count_processed counts the rows of a partial checkpoint that are
 * processed by what is stored of each range.
 */
int64
ckpt_ledger_count_processed(const CkptCheckpoint *cp)
{
	STATEMENT(st, "SELECT COALESCE(sum(checkpoint._count_ids(p.range_no, p.nranges, p.bits, $2)), 0)::bigint"
			  " FROM checkpoint.processed p WHERE checkpoint_id = $1");

	ckpt_arg_int8(&st, cp->id);
	ckpt_arg_int8(&st, cp->rows_total);
	return ckpt_statement_int8(&st, 0);
}

static void
refuse_processed(int64 checkpoint_id, int64 id)
{
	ereport(ERROR,
			(errcode(ERRCODE_UNIQUE_VIOLATION),
			 errmsg("row %lld of checkpoint %lld is processed already", (long long) id,
					(long long) checkpoint_id),
			 errdetail("Another transaction that had claimed it, or this one, has committed its result."),
			 errhint("Roll back: nothing of this transaction is stored. Then claim other rows.")));
}

/*
 * _add_processed(checkpoint_id, range_no, rows_total, stored, added) returns what is to be
 * stored of a range when ids are added that it must not have.
 */
Datum
checkpoint_add_processed(PG_FUNCTION_ARGS)
{
	CkptCheckpoint cp = {.id = PG_GETARG_INT64(0),.rows_total = PG_GETARG_INT64(2)};
	CkptRangeIds *range = range_create(&cp, PG_GETARG_INT64(1));
	CkptRangeIds *added = range_create(&cp, PG_GETARG_INT64(1));
	bytea	   *result;
	Datum		compressed;
	int64		twice;

	range_load(range, PG_ARGISNULL(3) ? NULL : PG_GETARG_BYTEA_PP(3));
	range_load(added, PG_ARGISNULL(4) ? NULL : PG_GETARG_BYTEA_PP(4));
	twice = range_common(range, added);
	if (twice != 0)
		refuse_processed(cp.id, twice);
	for (int i = 0; i < RANGE_BYTES; i++)
		range->bits[i] |= added->bits[i];
	range->count += added->count;
	result = range_store(range);
	if (result == NULL)
		PG_RETURN_NULL();
	/* runs of ids take a few bytes: with an old snapshot, all versions stay */
	compressed = toast_compress_datum(PointerGetDatum(result), TOAST_PGLZ_COMPRESSION);
	if (DatumGetPointer(compressed) != NULL)
		PG_RETURN_DATUM(compressed);
	PG_RETURN_BYTEA_P(result);
}

/*
 * store_ranges adds ids to the clients' record, and locks its rows: their ranges are
 * in ascending order.
 */
static void
store_ranges(const CkptCheckpoint *cp, List *ranges)
{
	STATEMENT(st, "INSERT INTO checkpoint.processed AS p"
			  " (checkpoint_id, range_no, code_no, worker, nranges, bits)"
			  " SELECT $1, r, $2, $3, 1, checkpoint._add_processed($1, r, $6, '', b)"
			  " FROM unnest($4, $5) AS u (r, b)"
			  " ON CONFLICT (checkpoint_id, range_no, code_no, worker) DO UPDATE SET"
			  " bits = checkpoint._add_processed(p.checkpoint_id, p.range_no, $6, p.bits, EXCLUDED.bits)");
	ArrayBuildState *numbers = NULL;
	ArrayBuildState *bitmaps = NULL;
	ListCell   *lc;

	foreach(lc, ranges)
	{
		CkptRangeIds *range = (CkptRangeIds *) lfirst(lc);
		bytea	   *stored = range_store(range);

		numbers = accumArrayResult(numbers, Int64GetDatum(range->range_no), false, INT8OID,
								   CurrentMemoryContext);
		bitmaps = accumArrayResult(bitmaps, PointerGetDatum(stored), stored == NULL, BYTEAOID,
								   CurrentMemoryContext);
	}
	ckpt_arg_int8(&st, cp->id);
	ckpt_arg_int4(&st, cp->open_code);
	ckpt_arg_int4(&st, CKPT_LEDGER_CLIENTS);
	ckpt_arg_array(&st, INT8ARRAYOID, numbers);
	ckpt_arg_array(&st, BYTEAARRAYOID, bitmaps);
	ckpt_arg_int8(&st, cp->rows_total);
	ckpt_statement_run(&st, SPI_OK_INSERT);
}

/*
 * load_ranges adds what is committed, or done by this transaction, to ranges: first,
 * first + 1, ...
 */
static void
load_ranges(const CkptCheckpoint *cp, CkptRangeIds **ranges, int64 first, int nranges)
{
	STATEMENT(st, "SELECT range_no, bits FROM checkpoint.processed"
			  " WHERE checkpoint_id = $1 AND range_no BETWEEN $2 AND $3");
	uint64		nrows;

	st.latest = true;
	ckpt_arg_int8(&st, cp->id);
	ckpt_arg_int8(&st, first);
	ckpt_arg_int8(&st, first + nranges - 1);
	nrows = ckpt_statement_open(&st, SPI_OK_SELECT);
	for (uint64 row = 0; row < nrows; row++)
	{
		bool		isnull;
		Datum		bits = SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, 2, &isnull);

		range_load(ranges[ckpt_row_int8(row, 1) - first],
				   isnull ? NULL : DatumGetByteaPP(bits));
	}
	ckpt_statement_close(&st);
}

/*
 * check_others raises if ids are processed that other writers, or the clients with
 * earlier code, have on record.  That record does not change any more.  The ranges
 * are in ascending order.
 */
static void
check_others(const CkptCheckpoint *cp, List *ranges)
{
	STATEMENT(st, "SELECT range_no, bits FROM checkpoint.processed"
			  " WHERE checkpoint_id = $1 AND range_no = ANY ($2) AND (code_no, worker) <> ($3, $4)"
			  " ORDER BY range_no");
	ArrayBuildState *numbers = NULL;
	ListCell   *lc;
	int			at = 0;
	uint64		nrows;
	int64		twice = 0;

	foreach(lc, ranges)
		numbers = accumArrayResult(numbers, Int64GetDatum(((CkptRangeIds *) lfirst(lc))->range_no),
								   false, INT8OID, CurrentMemoryContext);
	st.latest = true;
	ckpt_arg_int8(&st, cp->id);
	ckpt_arg_array(&st, INT8ARRAYOID, numbers);
	ckpt_arg_int4(&st, cp->open_code);
	ckpt_arg_int4(&st, CKPT_LEDGER_CLIENTS);
	nrows = ckpt_statement_open(&st, SPI_OK_SELECT);
	for (uint64 row = 0; row < nrows && twice == 0; row++)
	{
		CkptRangeIds *others = range_create(cp, ckpt_row_int8(row, 1));
		bool		isnull;
		Datum		bits = SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, 2, &isnull);

		while (((CkptRangeIds *) list_nth(ranges, at))->range_no < others->range_no)
			at++;
		range_load(others, isnull ? NULL : DatumGetByteaPP(bits));
		twice = range_common((CkptRangeIds *) list_nth(ranges, at), others);
		pfree(others);
	}
	ckpt_statement_close(&st);
	if (twice != 0)
		refuse_processed(cp->id, twice);
}

/*
 * leave_quarantine takes rows out of quarantine, and forgets crashes with them.
 * There are mostly none.
 */
static void
leave_quarantine(const CkptCheckpoint *cp, const int64 *ids, int nids)
{
	STATEMENT(any, "SELECT FROM checkpoint.error WHERE checkpoint_id = $1 AND sys__id BETWEEN $2 AND $3"
			  " UNION ALL"
			  " SELECT FROM checkpoint.suspect WHERE checkpoint_id = $1 AND sys__id BETWEEN $2 AND $3"
			  " LIMIT 1");
	STATEMENT(st, "WITH e AS (DELETE FROM checkpoint.error WHERE checkpoint_id = $1 AND sys__id = ANY ($2))"
			  " DELETE FROM checkpoint.suspect WHERE checkpoint_id = $1 AND sys__id = ANY ($2)");
	ArrayBuildState *array = NULL;

	any.latest = true;
	ckpt_arg_int8(&any, cp->id);
	ckpt_arg_int8(&any, ids[0]);
	ckpt_arg_int8(&any, ids[nids - 1]);
	if (ckpt_statement_run(&any, SPI_OK_SELECT) == 0)
		return;
	for (int i = 0; i < nids; i++)
		array = accumArrayResult(array, Int64GetDatum(ids[i]), false, INT8OID, CurrentMemoryContext);
	ckpt_arg_int8(&st, cp->id);
	ckpt_arg_array(&st, INT8ARRAYOID, array);
	ckpt_statement_run(&st, SPI_OK_DELETE);
}

/*
 * ckpt_ledger_mark_ids marks rows as processed by clients: ids within 1 .. rows_total, in
 * ascending order.  An id that occurs twice counts once.  Returns how many rows that
 * were; raises 23505 if one of them is processed already.
 *
 * It may wait for another transaction that has marked rows of the same range.
 */
int64
ckpt_ledger_mark_ids(const CkptCheckpoint *cp, const int64 *ids, int nids)
{
	List	   *ranges = NIL;
	CkptRangeIds *range = NULL;
	int64		count = 0;
	ListCell   *lc;

	if (nids == 0)
		return 0;
	for (int i = 0; i < nids; i++)
	{
		if (range == NULL || range->range_no != ckpt_range_of(ids[i]))
		{
			range = range_create(cp, ckpt_range_of(ids[i]));
			ranges = lappend(ranges, range);
		}
		range_add(range, ids[i]);
	}
	check_others(cp, ranges);
	store_ranges(cp, ranges);
	leave_quarantine(cp, ids, nids);
	foreach(lc, ranges)
		count += ((CkptRangeIds *) lfirst(lc))->count;
	return count;
}

/*
 * ckpt_ledger_record_error puts a row into quarantine; raises 23505 if it is
 * processed.  It waits for those who mark rows of its range, and they for it.
 */
void
ckpt_ledger_record_error(const CkptCheckpoint *cp, int64 id, const CkptFailure *failure)
{
	CkptRangeIds *range = range_create(cp, ckpt_range_of(id));

	store_ranges(cp, list_make1(range));
	load_ranges(cp, &range, range->range_no, 1);
	if (ckpt_range_has(range, id))
		refuse_processed(cp->id, id);
	ckpt_ledger_quarantine(cp, id, failure);
}

/*
 * ckpt_ledger_closed_ranges returns, of some ranges, first, first + 1, ..., the ids that are
 * not to be computed: processed, or in quarantine of the job that works on the
 * checkpoint.
 */
CkptRangeIds **
ckpt_ledger_closed_ranges(const CkptCheckpoint *cp, int64 first, int nranges)
{
	STATEMENT(st, "SELECT sys__id FROM checkpoint.error"
			  " WHERE checkpoint_id = $1 AND job_id = $2 AND sys__id BETWEEN $3 AND $4");
	CkptRangeIds **ranges = palloc(nranges * sizeof(CkptRangeIds *));
	uint64		nrows;

	for (int i = 0; i < nranges; i++)
		ranges[i] = range_create(cp, first + i);
	load_ranges(cp, ranges, first, nranges);

	st.latest = true;
	ckpt_arg_int8(&st, cp->id);
	ckpt_arg_int8(&st, cp->job_id);
	ckpt_arg_int8(&st, ckpt_range_first(first));
	ckpt_arg_int8(&st, ckpt_range_first(first + nranges) - 1);
	nrows = ckpt_statement_open(&st, SPI_OK_SELECT);
	for (uint64 row = 0; row < nrows; row++)
	{
		int64		id = ckpt_row_int8(row, 1);

		range_add(ranges[ckpt_range_of(id) - first], id);
	}
	ckpt_statement_close(&st);
	return ranges;
}

/*
 * ckpt_ledger_close_for_clients adds up what clients have done: the output, which has been
 * counted as a whole, stands with them.
 */
void
ckpt_ledger_close_for_clients(const CkptCheckpoint *cp, const CkptRowSum *output,
							  int64 max_output_id)
{
	STATEMENT(others, "UPDATE checkpoint.work SET rows_output = 0, max_output_id = 0,"
			  " content_lo = 0, content_hi = 0 WHERE checkpoint_id = $1");
	STATEMENT(st, "INSERT INTO checkpoint.work (checkpoint_id, code_no, worker, rows_processed,"
			  " rows_output, max_output_id, content_lo, content_hi)"
			  " SELECT $1, c.code_no, $3, COALESCE(w.rows_processed, 0),"
			  " own * $4, own * $5, own * $6, own * $7"
			  " FROM (SELECT code_no FROM checkpoint._work WHERE checkpoint_id = $1 AND worker = $3"
			  "   UNION SELECT $2) c"
			  " LEFT JOIN checkpoint._work w ON w.checkpoint_id = $1"
			  "  AND w.code_no = c.code_no AND w.worker = $3,"
			  " LATERAL (SELECT CASE WHEN c.code_no = $2 THEN 1 ELSE 0 END::bigint AS own) o");

	ckpt_arg_int8(&others, cp->id);
	ckpt_statement_run(&others, SPI_OK_UPDATE);
	ckpt_arg_int8(&st, cp->id);
	ckpt_arg_int4(&st, cp->open_code);
	ckpt_arg_int4(&st, CKPT_LEDGER_CLIENTS);
	ckpt_arg_int8(&st, output->rows);
	ckpt_arg_int8(&st, max_output_id);
	ckpt_arg_int8(&st, (int64) output->lo);
	ckpt_arg_int8(&st, (int64) output->hi);
	ckpt_statement_run(&st, SPI_OK_INSERT);
}
