/*-------------------------------------------------------------------------
 *
 * ledger.c
 *	  What is on record of a checkpoint's rows: done, failed, by which code.
 *
 * This file, ledger_code.c and ledger_given_up.c alone spell SQL on these tables:
 *
 *	processed		sets of rows, a bitmap for each range of ids, by code and writer
 *	work			totals, by code and writer: each writer updates its own row
 *	code_version	the versions of the code, numbered within a checkpoint (ledger_code.c)
 *	error			rows in quarantine
 *	suspect			rows that a process had claimed when it crashed
 *	given_up_row	why rows were given up (ledger_given_up.c)
 *
 * A writer keeps in memory what it has on record with the version of the code
 * that it works with, and beside it what it has marked since.  Storing puts the
 * latter to the former and writes the ranges that have changed.  So which code a
 * transaction's rows are of need not be known before it ends.
 *
 * Of a final checkpoint all rows are processed, and its set is not kept.  Only
 * where several versions of the code have computed rows there is one: it says
 * which rows each has computed.
 *
 * IDENTIFICATION
 *	  src/ledger.c
 *
 *-------------------------------------------------------------------------
 */
#include "checkpoint.h"

#include "catalog/pg_type.h"
#include "ledger.h"
#include "ledger_client.h"
#include "statement.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

struct CkptLedger
{
	const CkptCheckpoint *cp;
	int			writer;
	MemoryContext cxt;			/* lives as long as the ledger */
	CkptIdSet  *closed;			/* processed, failed, not to be computed */
	CkptIdSet  *crashed;		/* a process crashed with them, or NULL */
	CkptIdSet  *failed;			/* in quarantine when it was opened, or NULL */

	/* on record, of this writer with one version of the code */
	MemoryContext code_cxt;
	int			code_no;
	CkptIdSet  *stored;
	CkptWorkDone done;

	/* and since then */
	CkptIdSet  *marked;
	CkptWorkDone added;
};

/*
 * Totals
 */

/*
 * load_totals adds up what the statement's rows say was computed.
 */
static CkptWorkDone
load_totals(CkptStatement *st)
{
	CkptWorkDone done = {0};
	uint64		nrows = ckpt_statement_open(st, SPI_OK_SELECT);

	for (uint64 row = 0; row < nrows; row++)
	{
		CkptRowSum	output = {(uint64) ckpt_row_int8(row, 4), (uint64) ckpt_row_int8(row, 5),
			ckpt_row_int8(row, 2)};

		done.processed += ckpt_row_int8(row, 1);
		done.max_output_id = Max(done.max_output_id, ckpt_row_int8(row, 3));
		ckpt_rowhash_merge(&done.output, &output);
	}
	ckpt_statement_close(st);
	return done;
}

#define TOTALS	"SELECT rows_processed, rows_output, max_output_id, content_lo, content_hi" \
	" FROM checkpoint.work WHERE checkpoint_id = $1"

/*
 * ckpt_ledger_totals returns what was computed of a checkpoint, by all writers
 * with all versions of the code.
 */
CkptWorkDone
ckpt_ledger_totals(const CkptCheckpoint *cp)
{
	STATEMENT(st, TOTALS);
	CkptWorkDone done;

	ckpt_arg_int8(&st, cp->id);
	done = load_totals(&st);
	/* what clients do is added up when they have finished */
	if (cp->open_step != 0)
		done.processed = ckpt_ledger_count_processed(cp);
	return done;
}

static CkptWorkDone
totals_of_writer(const CkptCheckpoint *cp, int code_no, int writer)
{
	STATEMENT(st, TOTALS " AND code_no = $2 AND worker = $3");

	ckpt_arg_int8(&st, cp->id);
	ckpt_arg_int4(&st, code_no);
	ckpt_arg_int4(&st, writer);
	return load_totals(&st);
}

/*
 * store_totals stores what a writer has computed so far with a version of the
 * code.
 */
static void
store_totals(const CkptCheckpoint *cp, int code_no, int writer, const CkptWorkDone *done)
{
	STATEMENT(st, "INSERT INTO checkpoint.work VALUES ($1, $2, $3, $4, $5, $6, $7, $8)"
			  " ON CONFLICT (checkpoint_id, code_no, worker) DO UPDATE SET"
			  " rows_processed = EXCLUDED.rows_processed,"
			  " rows_output = EXCLUDED.rows_output,"
			  " max_output_id = EXCLUDED.max_output_id,"
			  " content_lo = EXCLUDED.content_lo, content_hi = EXCLUDED.content_hi");

	ckpt_arg_int8(&st, cp->id);
	ckpt_arg_int4(&st, code_no);
	ckpt_arg_int4(&st, writer);
	ckpt_arg_int8(&st, done->processed);
	ckpt_arg_int8(&st, done->output.rows);
	ckpt_arg_int8(&st, done->max_output_id);
	ckpt_arg_int8(&st, (int64) done->output.lo);
	ckpt_arg_int8(&st, (int64) done->output.hi);
	ckpt_statement_run(&st, SPI_OK_INSERT);
}

/*
 * ckpt_ledger_store_query stores that a query gave the rows of a checkpoint
 * without a UDF: all are processed, at once, and there is no code.
 */
void
ckpt_ledger_store_query(const CkptCheckpoint *cp, const CkptRowSum *rows)
{
	CkptWorkDone done = {rows->rows, 0, *rows};

	store_totals(cp, 0, CKPT_LEDGER_SESSION, &done);
}

/*
 * Processed sets
 */

/*
 * load_ranges adds what a stored row says to a set: a range with its bits, or
 * some full ones that follow each other.  The row has the number of the first
 * range, how many there are, and the bits.
 */
static void
load_ranges(CkptIdSet *set, uint64 row)
{
	int64		range_no = ckpt_row_int8(row, 1);
	int64		nranges = ckpt_row_int8(row, 2);
	const uint8 *bytes = NULL;
	int			nbytes = 0;
	bool		isnull;
	Datum		value = SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, 3,
									  &isnull);

	if (!isnull)
	{
		bytea	   *bits = DatumGetByteaPP(value);

		bytes = (const uint8 *) VARDATA_ANY(bits);
		nbytes = (int) VARSIZE_ANY_EXHDR(bits);
	}
	for (int64 i = 0; i < nranges; i++)
		ckpt_idset_load_range(set, range_no + i, bytes, nbytes);
	set->ranges[range_no].stored = true;
}

/*
 * load_set adds the ranges that a statement finds to a set.
 */
static void
load_set(CkptStatement *st, CkptIdSet *set)
{
	uint64		nrows = ckpt_statement_open(st, SPI_OK_SELECT);

	for (uint64 row = 0; row < nrows; row++)
		load_ranges(set, row);
	ckpt_statement_close(st);
}

#define RANGES	"SELECT range_no, nranges::bigint, bits FROM checkpoint.processed" \
	" WHERE checkpoint_id = $1"

/*
 * load_processed adds the rows of a partial checkpoint that are processed to a
 * set.
 */
static void
load_processed(const CkptCheckpoint *cp, CkptIdSet *set)
{
	STATEMENT(st, RANGES);

	ckpt_arg_int8(&st, cp->id);
	load_set(&st, set);
}

/*
 * load_of_writer adds those that one writer has computed with one version of the
 * code.
 */
static void
load_of_writer(const CkptCheckpoint *cp, int code_no, int writer, CkptIdSet *set)
{
	STATEMENT(st, RANGES " AND code_no = $2 AND worker = $3");

	ckpt_arg_int8(&st, cp->id);
	ckpt_arg_int4(&st, code_no);
	ckpt_arg_int4(&st, writer);
	load_set(&st, set);
}

/*
 * ckpt_ledger_processed returns the set of the rows that are processed.
 */
CkptIdSet *
ckpt_ledger_processed(const CkptCheckpoint *cp)
{
	CkptIdSet  *set = ckpt_idset_create(cp->rows_total);

	if (cp->final)
		ckpt_idset_fill(set);
	else
		load_processed(cp, set);
	return set;
}

/*
 * ckpt_ledger_add_processed_by adds the rows that were computed with a version
 * of the code, one that has computed some, to a set.
 */
void
ckpt_ledger_add_processed_by(const CkptCheckpoint *cp, const CkptCodeVersion *version,
							 CkptIdSet *set)
{
	STATEMENT(st, RANGES " AND code_no = $2");

	if (cp->final && !cp->mixed_code)
	{
		ckpt_idset_fill(set);
		return;
	}
	ckpt_arg_int8(&st, cp->id);
	ckpt_arg_int4(&st, version->code_no);
	load_set(&st, set);
}

/*
 * bits_datum returns the stored form of a range that is not full.
 */
static Datum
bits_datum(const CkptIdSet *set, int64 range_no)
{
	const uint8 *bits;
	int			nbytes = ckpt_idset_store_range(set, range_no, &bits);
	bytea	   *value = palloc(VARHDRSZ + nbytes);

	SET_VARSIZE(value, VARHDRSZ + nbytes);
	memcpy(VARDATA(value), bits, nbytes);
	return PointerGetDatum(value);
}

/*
 * store_set stores what was changed of a writer's set since it was last stored
 * or loaded.
 *
 * A range that has become full joins the full ones around it: one row is
 * stored for all of them, and theirs go.
 */
static void
store_set(const CkptCheckpoint *cp, int code_no, int writer, CkptIdSet *set)
{
	STATEMENT(put, "INSERT INTO checkpoint.processed"
			  " (checkpoint_id, range_no, code_no, worker, nranges, bits)"
			  " SELECT $1, r, $2, $3, n, b FROM unnest($4, $5, $6) AS u (r, n, b)"
			  " ON CONFLICT (checkpoint_id, range_no, code_no, worker)"
			  " DO UPDATE SET nranges = EXCLUDED.nranges, bits = EXCLUDED.bits");
	STATEMENT(drop, "DELETE FROM checkpoint.processed WHERE checkpoint_id = $1"
			  " AND code_no = $2 AND worker = $3 AND range_no = ANY ($4)");
	ArrayBuildState *ranges = NULL;
	ArrayBuildState *lengths = NULL;
	ArrayBuildState *bitmaps = NULL;
	ArrayBuildState *joined = NULL;
	int64		next;

	for (int64 i = 0; i < set->nranges; i = next)
	{
		int64		nfull = ckpt_idset_full_ranges(set, i);
		bool		dirty = false;

		next = i + Max(nfull, 1);
		for (int64 j = i; j < next; j++)
			dirty |= set->ranges[j].dirty;
		if (!dirty)
			continue;
		ranges = accumArrayResult(ranges, Int64GetDatum(i), false, INT8OID,
								  CurrentMemoryContext);
		lengths = accumArrayResult(lengths, Int32GetDatum(next - i), false, INT4OID,
								   CurrentMemoryContext);
		bitmaps = accumArrayResult(bitmaps, nfull > 0 ? (Datum) 0 : bits_datum(set, i),
								   nfull > 0, BYTEAOID, CurrentMemoryContext);
		for (int64 j = i + 1; j < next; j++)
		{
			if (set->ranges[j].stored)
				joined = accumArrayResult(joined, Int64GetDatum(j), false, INT8OID,
										  CurrentMemoryContext);
			set->ranges[j].stored = false;
		}
		set->ranges[i].stored = true;
	}
	if (ranges == NULL)
		return;

	if (joined)
	{
		ckpt_arg_int8(&drop, cp->id);
		ckpt_arg_int4(&drop, code_no);
		ckpt_arg_int4(&drop, writer);
		ckpt_arg_array(&drop, INT8ARRAYOID, joined);
		ckpt_statement_run(&drop, SPI_OK_DELETE);
	}
	ckpt_arg_int8(&put, cp->id);
	ckpt_arg_int4(&put, code_no);
	ckpt_arg_int4(&put, writer);
	ckpt_arg_array(&put, INT8ARRAYOID, ranges);
	ckpt_arg_array(&put, INT4ARRAYOID, lengths);
	ckpt_arg_array(&put, BYTEAARRAYOID, bitmaps);
	ckpt_statement_run(&put, SPI_OK_INSERT);
	ckpt_idset_clean(set);
}

/*
 * ckpt_ledger_finish lets go of what is not needed of a checkpoint that becomes
 * final: who has computed which row, if all did so with one version of the code.
 */
void
ckpt_ledger_finish(const CkptCheckpoint *cp)
{
	STATEMENT(st, "DELETE FROM checkpoint.processed WHERE checkpoint_id = $1");

	if (cp->mixed_code)
		return;
	ckpt_arg_int8(&st, cp->id);
	ckpt_statement_run(&st, SPI_OK_DELETE);
}

/*
 * ckpt_ledger_forget forgets all that is on record of a checkpoint's rows.
 */
void
ckpt_ledger_forget(const CkptCheckpoint *cp)
{
	STATEMENT(st, "WITH v AS (DELETE FROM checkpoint.code_version WHERE checkpoint_id = $1),"
			  " w AS (DELETE FROM checkpoint.work WHERE checkpoint_id = $1),"
			  " p AS (DELETE FROM checkpoint.processed WHERE checkpoint_id = $1),"
			  " e AS (DELETE FROM checkpoint.error WHERE checkpoint_id = $1),"
			  " g AS (DELETE FROM checkpoint.given_up_row WHERE checkpoint_id = $1)"
			  " DELETE FROM checkpoint.suspect WHERE checkpoint_id = $1");

	ckpt_arg_int8(&st, cp->id);
	ckpt_statement_run(&st, SPI_OK_DELETE);
}

/*
 * Rows in quarantine
 */

/*
 * ckpt_ledger_quarantine puts a row into quarantine, for the job that the
 * checkpoint is worked on by.  Attempts at a row that is there already add up.
 */
void
ckpt_ledger_quarantine(const CkptCheckpoint *cp, int64 id, const CkptFailure *failure)
{
	STATEMENT(st, "INSERT INTO checkpoint.error AS e (checkpoint_id, sys__id, job_id,"
			  " sqlstate, message, detail, context, attempts)"
			  " VALUES ($1, $2, $3, $4, $5, $6, $7, $8)"
			  " ON CONFLICT (checkpoint_id, sys__id) DO UPDATE SET"
			  " job_id = EXCLUDED.job_id, sqlstate = EXCLUDED.sqlstate,"
			  " message = EXCLUDED.message, detail = EXCLUDED.detail,"
			  " context = EXCLUDED.context, attempts = e.attempts + EXCLUDED.attempts,"
			  " last_attempt = clock_timestamp()");

	ckpt_arg_int8(&st, cp->id);
	ckpt_arg_int8(&st, id);
	ckpt_arg_int8(&st, cp->job_id);
	ckpt_arg_text(&st, failure->sqlstate);
	ckpt_arg_text(&st, failure->message);
	ckpt_arg_text(&st, failure->detail);
	ckpt_arg_text(&st, failure->context);
	ckpt_arg_int4(&st, failure->attempts);
	ckpt_statement_run(&st, SPI_OK_INSERT);
}

/*
 * delete_error takes a row out of quarantine.
 */
static void
delete_error(const CkptCheckpoint *cp, int64 id)
{
	STATEMENT(st, "DELETE FROM checkpoint.error WHERE checkpoint_id = $1 AND sys__id = $2");

	ckpt_arg_int8(&st, cp->id);
	ckpt_arg_int8(&st, id);
	ckpt_statement_run(&st, SPI_OK_DELETE);
}

/*
 * load_ids adds the ids that a statement finds to a set.
 */
static void
load_ids(CkptStatement *st, CkptIdSet *set)
{
	uint64		nrows = ckpt_statement_open(st, SPI_OK_SELECT);

	for (uint64 row = 0; row < nrows; row++)
		(void) ckpt_idset_add(set, ckpt_row_int8(row, 1));
	ckpt_statement_close(st);
}

/*
 * load_failed adds the rows in quarantine to a set.
 */
static void
load_failed(const CkptCheckpoint *cp, CkptIdSet *set)
{
	STATEMENT(st, "SELECT sys__id FROM checkpoint.error WHERE checkpoint_id = $1");

	ckpt_arg_int8(&st, cp->id);
	load_ids(&st, set);
}

/*
 * ckpt_ledger_failed returns the set of the rows in quarantine.
 */
CkptIdSet *
ckpt_ledger_failed(const CkptCheckpoint *cp)
{
	CkptIdSet  *set = ckpt_idset_create(cp->rows_total);

	load_failed(cp, set);
	return set;
}

/*
 * load_failed_now adds those that the job that works on the checkpoint has put
 * there: others are computed again.
 */
static void
load_failed_now(const CkptCheckpoint *cp, CkptIdSet *set)
{
	STATEMENT(st, "SELECT sys__id FROM checkpoint.error"
			  " WHERE checkpoint_id = $1 AND job_id = $2");

	ckpt_arg_int8(&st, cp->id);
	ckpt_arg_int8(&st, cp->job_id);
	load_ids(&st, set);
}

/*
 * ckpt_ledger_reopen_failed lets the rows that a job has put into quarantine be
 * tried again by the same job.
 */
void
ckpt_ledger_reopen_failed(const CkptCheckpoint *cp, int64 job_id)
{
	STATEMENT(st, "UPDATE checkpoint.error SET job_id = 0"
			  " WHERE checkpoint_id = $1 AND job_id = $2");

	ckpt_arg_int8(&st, cp->id);
	ckpt_arg_int8(&st, job_id);
	ckpt_statement_run(&st, SPI_OK_UPDATE);
}

/*
 * ckpt_ledger_count_failed returns how many rows a job (0: any) has put into
 * quarantine and left there.
 */
int64
ckpt_ledger_count_failed(const CkptCheckpoint *cp, int64 job_id)
{
	STATEMENT(st, "SELECT count(*) FROM checkpoint.error"
			  " WHERE checkpoint_id = $1 AND ($2 = 0 OR job_id = $2)");

	ckpt_arg_int8(&st, cp->id);
	ckpt_arg_int8(&st, job_id);
	return ckpt_statement_int8(&st, 0);
}

/*
 * Rows that crashed a process
 */

/*
 * ckpt_ledger_record_crash notes that a process crashed with a row claimed, and
 * returns how often that has happened with the code that the checkpoint is
 * worked on with.
 */
int
ckpt_ledger_record_crash(const CkptCheckpoint *cp, int64 id)
{
	STATEMENT(st, "INSERT INTO checkpoint.suspect AS s VALUES ($1, $2, $3, $4, 1)"
			  " ON CONFLICT (checkpoint_id, sys__id) DO UPDATE SET"
			  " crashes = CASE WHEN (s.code_hash, s.cache_version)"
			  "   IS NOT DISTINCT FROM ($3, $4) THEN s.crashes ELSE 0 END + 1,"
			  " code_hash = $3, cache_version = $4 RETURNING crashes::bigint");
	int			crashes;

	ckpt_arg_int8(&st, cp->id);
	ckpt_arg_int8(&st, id);
	ckpt_arg_text(&st, cp->code_hash);
	ckpt_arg_text(&st, cp->cache_version);
	ckpt_statement_open(&st, SPI_OK_INSERT_RETURNING);
	crashes = (int) ckpt_row_int8(0, 1);
	ckpt_statement_close(&st);
	return crashes;
}

/*
 * ckpt_ledger_crashed_twice returns the set of rows that a process had claimed
 * at two crashes, both with the code that the checkpoint is worked on with.
 */
CkptIdSet *
ckpt_ledger_crashed_twice(const CkptCheckpoint *cp)
{
	STATEMENT(st, "SELECT sys__id FROM checkpoint.suspect WHERE checkpoint_id = $1"
			  " AND crashes > 1 AND (code_hash, cache_version) IS NOT DISTINCT FROM ($2, $3)");
	CkptIdSet  *set = ckpt_idset_create(cp->rows_total);

	ckpt_arg_int8(&st, cp->id);
	ckpt_arg_text(&st, cp->code_hash);
	ckpt_arg_text(&st, cp->cache_version);
	load_ids(&st, set);
	return set;
}

/*
 * load_crashed adds the rows that a process had claimed at a crash to a set.
 */
static void
load_crashed(const CkptCheckpoint *cp, CkptIdSet *set)
{
	STATEMENT(st, "SELECT sys__id FROM checkpoint.suspect WHERE checkpoint_id = $1");

	ckpt_arg_int8(&st, cp->id);
	load_ids(&st, set);
}

/*
 * delete_crash forgets a row's crashes: it was computed, or failed without one.
 */
static void
delete_crash(const CkptCheckpoint *cp, int64 id)
{
	STATEMENT(st, "DELETE FROM checkpoint.suspect WHERE checkpoint_id = $1 AND sys__id = $2");

	ckpt_arg_int8(&st, cp->id);
	ckpt_arg_int8(&st, id);
	ckpt_statement_run(&st, SPI_OK_DELETE);
}

/*
 * Writing
 */

/*
 * load_few returns a set as it is loaded, or NULL if it is empty: mostly it is.
 */
static CkptIdSet *
load_few(const CkptCheckpoint *cp, void (*load) (const CkptCheckpoint *, CkptIdSet *))
{
	CkptIdSet  *set = ckpt_idset_create(cp->rows_total);

	load(cp, set);
	return set->count > 0 ? set : NULL;
}

/*
 * ckpt_ledger_open prepares to mark rows of a partial checkpoint, as a writer
 * with a number and a version of the code, in CurrentMemoryContext.
 *
 * cp must live as long as the ledger.
 */
CkptLedger *
ckpt_ledger_open(const CkptCheckpoint *cp, const CkptCode *code, int writer)
{
	CkptLedger *ledger = palloc0(sizeof(CkptLedger));

	ledger->cp = cp;
	ledger->writer = writer;
	ledger->cxt = CurrentMemoryContext;
	ledger->code_cxt = AllocSetContextCreate(ledger->cxt, "checkpoint ledger",
											 ALLOCSET_DEFAULT_SIZES);
	ledger->closed = ckpt_ledger_processed(cp);
	ledger->crashed = load_few(cp, load_crashed);
	ledger->failed = load_few(cp, load_failed);
	ledger->marked = ckpt_idset_create(cp->rows_total);
	ckpt_ledger_take_code(ledger, code);
	return ledger;
}

/*
 * ckpt_ledger_closed returns the set, kept up to date, of the rows that are not
 * to be computed by this writer: those that it has marked or put into
 * quarantine, and those that were when it was opened or refreshed last.
 */
const CkptIdSet *
ckpt_ledger_closed(const CkptLedger *ledger)
{
	return ledger->closed;
}

/*
 * ckpt_ledger_suspects returns the set of rows that a process had claimed at a
 * crash, or NULL if there are none.
 */
const CkptIdSet *
ckpt_ledger_suspects(const CkptLedger *ledger)
{
	return ledger->crashed;
}

/*
 * ckpt_ledger_close_crashed closes the rows of ckpt_ledger_crashed_twice() to
 * this writer.
 */
void
ckpt_ledger_close_crashed(CkptLedger *ledger)
{
	if (ledger->crashed)
		ckpt_idset_add_set(ledger->closed, ckpt_ledger_crashed_twice(ledger->cp));
}

/*
 * ckpt_ledger_refresh closes to this writer what others have committed since:
 * rows that are processed, and rows that this job has put into quarantine.
 */
void
ckpt_ledger_refresh(CkptLedger *ledger)
{
	load_processed(ledger->cp, ledger->closed);
	load_failed_now(ledger->cp, ledger->closed);
}

/*
 * forget_rows deletes what is on record of rows, first .. last, that are in a
 * set of few, or NULL, and in another one unless it is NULL.
 */
static void
forget_rows(const CkptLedger *ledger, const CkptIdSet *few, int64 first, int64 last,
			const CkptIdSet *in, void (*forget) (const CkptCheckpoint *, int64))
{
	if (likely(few == NULL))
		return;
	for (int64 id = first; (id = ckpt_idset_next_member(few, id)) <= last; id++)
	{
		if (in == NULL || ckpt_idset_contains(in, id))
			forget(ledger->cp, id);
	}
}

/*
 * ckpt_ledger_mark marks the rows first .. last as processed.  Those that were
 * in quarantine leave it.
 *
 * If one of them is closed to this writer, that one is returned, else 0.  Then
 * some may be marked and others not: the transaction must be rolled back, and
 * the ledger is of no more use.
 */
int64
ckpt_ledger_mark(CkptLedger *ledger, int64 first, int64 last)
{
	int64		twice = ckpt_idset_add_run(ledger->closed, first, last);

	if (twice != 0)
		return twice;
	(void) ckpt_idset_add_run(ledger->marked, first, last);
	forget_rows(ledger, ledger->crashed, first, last, NULL, delete_crash);
	forget_rows(ledger, ledger->failed, first, last, NULL, delete_error);
	return 0;
}

/*
 * ckpt_ledger_mark_set marks a set of rows likewise.  Returns false if one of
 * them is closed to this writer.
 */
bool
ckpt_ledger_mark_set(CkptLedger *ledger, const CkptIdSet *ids)
{
	int64		before = ledger->closed->count;

	ckpt_idset_add_set(ledger->closed, ids);
	if (ledger->closed->count != before + ids->count)
		return false;
	ckpt_idset_add_set(ledger->marked, ids);
	forget_rows(ledger, ledger->crashed, 1, ids->max_id, ids, delete_crash);
	forget_rows(ledger, ledger->failed, 1, ids->max_id, ids, delete_error);
	return true;
}

/*
 * ckpt_ledger_add_output adds output rows to the totals; those of gen have
 * sys__ids up to max_output_id.
 */
void
ckpt_ledger_add_output(CkptLedger *ledger, const CkptRowSum *output, int64 max_output_id)
{
	ckpt_rowhash_merge(&ledger->added.output, output);
	ledger->added.max_output_id = Max(ledger->added.max_output_id, max_output_id);
}

/*
 * ckpt_ledger_fail puts a row into quarantine, and closes it to this writer.
 */
void
ckpt_ledger_fail(CkptLedger *ledger, int64 id, const CkptFailure *failure)
{
	ckpt_ledger_quarantine(ledger->cp, id, failure);
	if (ledger->crashed && ckpt_idset_contains(ledger->crashed, id))
		delete_crash(ledger->cp, id);
	(void) ckpt_idset_add(ledger->closed, id);
}

/*
 * ckpt_ledger_take_code makes what this writer has marked and not stored, and
 * what it marks from now on, the work of a version of the code.
 */
void
ckpt_ledger_take_code(CkptLedger *ledger, const CkptCode *code)
{
	MemoryContext oldcxt;

	ledger->code_no = ckpt_ledger_note_code(ledger->cp, code);
	MemoryContextReset(ledger->code_cxt);
	oldcxt = MemoryContextSwitchTo(ledger->code_cxt);
	ledger->stored = ckpt_idset_create(ledger->cp->rows_total);
	load_of_writer(ledger->cp, ledger->code_no, ledger->writer, ledger->stored);
	ledger->done = totals_of_writer(ledger->cp, ledger->code_no, ledger->writer);
	MemoryContextSwitchTo(oldcxt);
}

/*
 * ckpt_ledger_store stores what this writer has marked since it last did.
 */
void
ckpt_ledger_store(CkptLedger *ledger)
{
	ledger->done.processed += ledger->marked->count;
	ledger->done.max_output_id = Max(ledger->done.max_output_id, ledger->added.max_output_id);
	ckpt_rowhash_merge(&ledger->done.output, &ledger->added.output);
	ckpt_idset_add_set(ledger->stored, ledger->marked);
	ckpt_idset_clear(ledger->marked);
	ledger->added = (CkptWorkDone) {0};

	store_set(ledger->cp, ledger->code_no, ledger->writer, ledger->stored);
	store_totals(ledger->cp, ledger->code_no, ledger->writer, &ledger->done);
}
