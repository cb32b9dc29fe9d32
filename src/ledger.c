/*-------------------------------------------------------------------------
 *
 * ledger.c
 *	  What is on record of a checkpoint's rows: done, failed, by which code.
 *
 * The one file that spells SQL on checkpoint.processed, work, code_version,
 * error and suspect.
 *
 * IDENTIFICATION
 *	  src/ledger.c
 *
 *-------------------------------------------------------------------------
 */
#include "checkpoint.h"

#include "catalog/pg_type.h"
#include "ledger.h"
#include "statement.h"
#include "utils/builtins.h"

/*
 * ckpt_catalog_code_version returns the number, within a checkpoint, of a
 * version of the code, and stores it if it is new.
 */
int
ckpt_catalog_code_version(int64 checkpoint_id, const char *code_hash,
						  const char *cache_version, const char *components)
{
	STATEMENT(find, "SELECT code_no::bigint FROM checkpoint.code_version"
			  " WHERE checkpoint_id = $1 AND code_hash = $2"
			  " AND cache_version IS NOT DISTINCT FROM $3");
	STATEMENT(st, "INSERT INTO checkpoint.code_version"
			  " (checkpoint_id, code_no, code_hash, cache_version, components)"
			  " SELECT $1, COALESCE(max(code_no), 0) + 1, $2, $3, $4::jsonb"
			  " FROM checkpoint.code_version WHERE checkpoint_id = $1"
			  " ON CONFLICT (checkpoint_id, code_no) DO NOTHING");
	int			code_no = 0;

	ckpt_arg_int8(&find, checkpoint_id);
	ckpt_arg_text(&find, code_hash);
	ckpt_arg_text(&find, cache_version);
	ckpt_arg_int8(&st, checkpoint_id);
	ckpt_arg_text(&st, code_hash);
	ckpt_arg_text(&st, cache_version);
	ckpt_arg_text(&st, components);

	/* another worker may come with the same one, at the same time */
	for (;;)
	{
		if (ckpt_statement_open(&find, SPI_OK_SELECT) > 0)
			code_no = (int) ckpt_row_int8(0, 1);
		ckpt_statement_close(&find);
		if (code_no > 0)
			return code_no;
		ckpt_statement_run(&st, SPI_OK_INSERT);
	}
}

/*
 * ckpt_catalog_code_versions lists (CkptCodeVersion *) the versions of the code
 * that a checkpoint was worked on with, whether they have computed rows or not.
 */
List *
ckpt_catalog_code_versions(int64 checkpoint_id)
{
	STATEMENT(st, "SELECT code_no::bigint, code_hash, cache_version, components,"
			  " (SELECT COALESCE(sum(w.rows_processed), 0)::bigint FROM checkpoint.work w"
			  "   WHERE w.checkpoint_id = v.checkpoint_id AND w.code_no = v.code_no)"
			  " FROM checkpoint.code_version v WHERE checkpoint_id = $1 ORDER BY code_no");
	List	   *versions = NIL;
	uint64		nrows;

	ckpt_arg_int8(&st, checkpoint_id);
	nrows = ckpt_statement_open(&st, SPI_OK_SELECT);
	MemoryContextSwitchTo(st.caller);
	for (uint64 row = 0; row < nrows; row++)
	{
		CkptCodeVersion *version = palloc(sizeof(CkptCodeVersion));

		version->code_no = (int) ckpt_row_int8(row, 1);
		version->code_hash = ckpt_row_text(&st, row, 2);
		version->cache_version = ckpt_row_text(&st, row, 3);
		version->components = ckpt_row_text(&st, row, 4);
		version->rows = ckpt_row_int8(row, 5);
		versions = lappend(versions, version);
	}
	ckpt_statement_close(&st);
	return versions;
}

/*
 * ckpt_catalog_rows_of_code returns how many rows of a checkpoint a version of
 * the code has computed.
 */
int64
ckpt_catalog_rows_of_code(int64 checkpoint_id, const char *code_hash,
						  const char *cache_version)
{
	STATEMENT(st, "SELECT COALESCE(sum(w.rows_processed), 0)::bigint"
			  " FROM checkpoint.code_version v JOIN checkpoint.work w USING (checkpoint_id, code_no)"
			  " WHERE v.checkpoint_id = $1 AND v.code_hash = $2"
			  " AND v.cache_version IS NOT DISTINCT FROM $3");
	int64		nrows;

	ckpt_arg_int8(&st, checkpoint_id);
	ckpt_arg_text(&st, code_hash);
	ckpt_arg_text(&st, cache_version);
	ckpt_statement_open(&st, SPI_OK_SELECT);
	nrows = ckpt_row_int8(0, 1);
	ckpt_statement_close(&st);
	return nrows;
}

static void
add_work(CkptWorkDone *work, uint64 row)
{
	CkptRowSum	output = {(uint64) ckpt_row_int8(row, 4), (uint64) ckpt_row_int8(row, 5),
		ckpt_row_int8(row, 2)};

	work->processed += ckpt_row_int8(row, 1);
	work->max_output_id = Max(work->max_output_id, ckpt_row_int8(row, 3));
	ckpt_rowhash_merge(&work->output, &output);
}

/*
 * ckpt_catalog_load_work returns what was computed of a checkpoint in all, and
 * by one worker with one version of the code.  Either may be NULL.
 */
void
ckpt_catalog_load_work(int64 checkpoint_id, int code_no, int worker,
					   CkptWorkDone *all, CkptWorkDone *mine)
{
	STATEMENT(st, "SELECT rows_processed, rows_output, max_output_id, content_lo,"
			  " content_hi, code_no = $2 AND worker = $3"
			  " FROM checkpoint.work WHERE checkpoint_id = $1");
	uint64		nrows;

	if (all)
		memset(all, 0, sizeof(CkptWorkDone));
	if (mine)
		memset(mine, 0, sizeof(CkptWorkDone));
	ckpt_arg_int8(&st, checkpoint_id);
	ckpt_arg_int4(&st, code_no);
	ckpt_arg_int4(&st, worker);
	nrows = ckpt_statement_open(&st, SPI_OK_SELECT);
	for (uint64 row = 0; row < nrows; row++)
	{
		if (all)
			add_work(all, row);
		if (mine && ckpt_row_bool(row, 6))
			add_work(mine, row);
	}
	ckpt_statement_close(&st);
}

/*
 * ckpt_catalog_store_work stores what one worker has computed so far.
 */
void
ckpt_catalog_store_work(int64 checkpoint_id, int code_no, int worker,
						const CkptWorkDone *mine)
{
	STATEMENT(st, "INSERT INTO checkpoint.work VALUES ($1, $2, $3, $4, $5, $6, $7, $8)"
			  " ON CONFLICT (checkpoint_id, code_no, worker) DO UPDATE SET"
			  " rows_processed = EXCLUDED.rows_processed,"
			  " rows_output = EXCLUDED.rows_output,"
			  " max_output_id = EXCLUDED.max_output_id,"
			  " content_lo = EXCLUDED.content_lo, content_hi = EXCLUDED.content_hi");

	ckpt_arg_int8(&st, checkpoint_id);
	ckpt_arg_int4(&st, code_no);
	ckpt_arg_int4(&st, worker);
	ckpt_arg_int8(&st, mine->processed);
	ckpt_arg_int8(&st, mine->output.rows);
	ckpt_arg_int8(&st, mine->max_output_id);
	ckpt_arg_int8(&st, (int64) mine->output.lo);
	ckpt_arg_int8(&st, (int64) mine->output.hi);
	ckpt_statement_run(&st, SPI_OK_INSERT);
}

/*
 * ckpt_catalog_delete_other_code forgets what other versions of the code have
 * computed of a checkpoint; the output rows are the caller's business.
 */
void
ckpt_catalog_delete_other_code(int64 checkpoint_id, int code_no)
{
	STATEMENT(work, "DELETE FROM checkpoint.work WHERE checkpoint_id = $1 AND code_no <> $2");
	STATEMENT(ids, "DELETE FROM checkpoint.processed WHERE checkpoint_id = $1 AND code_no <> $2");

	ckpt_arg_int8(&work, checkpoint_id);
	ckpt_arg_int4(&work, code_no);
	ckpt_statement_run(&work, SPI_OK_DELETE);

	ckpt_arg_int8(&ids, checkpoint_id);
	ckpt_arg_int4(&ids, code_no);
	ckpt_statement_run(&ids, SPI_OK_DELETE);
}

/*
 * ckpt_catalog_record_error puts a row into quarantine.
 */
void
ckpt_catalog_record_error(int64 checkpoint_id, int64 job_id, int64 id,
						  const char *sqlstate, const char *message,
						  const char *detail, const char *context, int attempts)
{
	STATEMENT(st, "INSERT INTO checkpoint.error AS e (checkpoint_id, sys__id, job_id,"
			  " sqlstate, message, detail, context, attempts)"
			  " VALUES ($1, $2, $3, $4, $5, $6, $7, $8)"
			  " ON CONFLICT (checkpoint_id, sys__id) DO UPDATE SET"
			  " job_id = EXCLUDED.job_id, sqlstate = EXCLUDED.sqlstate,"
			  " message = EXCLUDED.message, detail = EXCLUDED.detail,"
			  " context = EXCLUDED.context, attempts = e.attempts + EXCLUDED.attempts,"
			  " last_attempt = clock_timestamp()");

	ckpt_arg_int8(&st, checkpoint_id);
	ckpt_arg_int8(&st, id);
	ckpt_arg_int8(&st, job_id);
	ckpt_arg_text(&st, sqlstate);
	ckpt_arg_text(&st, message);
	ckpt_arg_text(&st, detail);
	ckpt_arg_text(&st, context);
	ckpt_arg_int4(&st, attempts);
	ckpt_statement_run(&st, SPI_OK_INSERT);
}

/*
 * ckpt_catalog_delete_error takes a row out of quarantine.
 */
void
ckpt_catalog_delete_error(int64 checkpoint_id, int64 id)
{
	STATEMENT(st, "DELETE FROM checkpoint.error WHERE checkpoint_id = $1 AND sys__id = $2");

	ckpt_arg_int8(&st, checkpoint_id);
	ckpt_arg_int8(&st, id);
	ckpt_statement_run(&st, SPI_OK_DELETE);
}

/*
 * ckpt_catalog_load_errors returns how many rows of a checkpoint are in
 * quarantine, only those that one job put there if job_id is not 0, and adds
 * them to a set if there is one.
 */
int64
ckpt_catalog_load_errors(int64 checkpoint_id, int64 job_id, CkptIdSet *set)
{
	STATEMENT(st, "SELECT sys__id FROM checkpoint.error"
			  " WHERE checkpoint_id = $1 AND $2 IN (0, job_id)");
	int64		nrows;

	ckpt_arg_int8(&st, checkpoint_id);
	ckpt_arg_int8(&st, job_id);
	nrows = (int64) ckpt_statement_open(&st, SPI_OK_SELECT);
	for (int64 row = 0; set && row < nrows; row++)
		(void) ckpt_idset_add(set, ckpt_row_int8(row, 1));
	ckpt_statement_close(&st);
	return nrows;
}

/*
 * ckpt_catalog_record_crash notes that a process crashed with a row in hand and
 * returns how often that has happened with this code.
 */
int
ckpt_catalog_record_crash(int64 checkpoint_id, int64 id, const char *code_hash,
						  const char *cache_version)
{
	STATEMENT(st, "INSERT INTO checkpoint.suspect AS s VALUES ($1, $2, $3, $4, 1)"
			  " ON CONFLICT (checkpoint_id, sys__id) DO UPDATE SET"
			  " crashes = CASE WHEN (s.code_hash, s.cache_version)"
			  "   IS NOT DISTINCT FROM ($3, $4) THEN s.crashes ELSE 0 END + 1,"
			  " code_hash = $3, cache_version = $4 RETURNING crashes::bigint");
	int			crashes;

	ckpt_arg_int8(&st, checkpoint_id);
	ckpt_arg_int8(&st, id);
	ckpt_arg_text(&st, code_hash);
	ckpt_arg_text(&st, cache_version);
	ckpt_statement_open(&st, SPI_OK_INSERT_RETURNING);
	crashes = (int) ckpt_row_int8(0, 1);
	ckpt_statement_close(&st);
	return crashes;
}

/*
 * ckpt_catalog_delete_crash forgets a row's crashes: it was computed.
 */
void
ckpt_catalog_delete_crash(int64 checkpoint_id, int64 id)
{
	STATEMENT(st, "DELETE FROM checkpoint.suspect WHERE checkpoint_id = $1 AND sys__id = $2");

	ckpt_arg_int8(&st, checkpoint_id);
	ckpt_arg_int8(&st, id);
	ckpt_statement_run(&st, SPI_OK_DELETE);
}

/*
 * ckpt_catalog_load_crashes adds the rows that were in hand at a crash to
 * suspects, and those that were at two, with the same code, to poisonous.
 */
void
ckpt_catalog_load_crashes(int64 checkpoint_id, const char *code_hash,
						  const char *cache_version,
						  CkptIdSet *suspects, CkptIdSet *poisonous)
{
	STATEMENT(st, "SELECT sys__id, crashes > 1"
			  " AND (code_hash, cache_version) IS NOT DISTINCT FROM ($2, $3)"
			  " FROM checkpoint.suspect WHERE checkpoint_id = $1");
	uint64		nrows;

	ckpt_arg_int8(&st, checkpoint_id);
	ckpt_arg_text(&st, code_hash);
	ckpt_arg_text(&st, cache_version);
	nrows = ckpt_statement_open(&st, SPI_OK_SELECT);
	for (uint64 row = 0; row < nrows; row++)
		(void) ckpt_idset_add(ckpt_row_bool(row, 2) ? poisonous : suspects, ckpt_row_int8(row, 1));
	ckpt_statement_close(&st);
}

/*
 * load_ranges adds what a stored row says to a set: a range with its bits, or
 * some full ones that follow each other.  The row has the number of the first
 * range, how many there are, and the bits in the first three columns.
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
 * ckpt_catalog_load_processed adds a checkpoint's processed set to all, and
 * the part of it that one worker computed with one version of the code to
 * mine.  Either may be NULL.
 */
void
ckpt_catalog_load_processed(int64 checkpoint_id, int code_no, int worker,
							CkptIdSet *all, CkptIdSet *mine)
{
	STATEMENT(st, "SELECT range_no, nranges::bigint, bits, code_no = $2 AND worker = $3"
			  " FROM checkpoint.processed WHERE checkpoint_id = $1");
	uint64		nrows;

	ckpt_arg_int8(&st, checkpoint_id);
	ckpt_arg_int4(&st, code_no);
	ckpt_arg_int4(&st, worker);
	nrows = ckpt_statement_open(&st, SPI_OK_SELECT);
	for (uint64 row = 0; row < nrows; row++)
	{
		if (all)
			load_ranges(all, row);
		if (mine && ckpt_row_bool(row, 4))
			load_ranges(mine, row);
	}
	ckpt_statement_close(&st);
}

/*
 * ckpt_catalog_load_code_processed adds what was computed with one version of
 * the code to a set.
 */
void
ckpt_catalog_load_code_processed(int64 checkpoint_id, int code_no, CkptIdSet *set)
{
	STATEMENT(st, "SELECT range_no, nranges::bigint, bits FROM checkpoint.processed"
			  " WHERE checkpoint_id = $1 AND code_no = $2");
	uint64		nrows;

	ckpt_arg_int8(&st, checkpoint_id);
	ckpt_arg_int4(&st, code_no);
	nrows = ckpt_statement_open(&st, SPI_OK_SELECT);
	for (uint64 row = 0; row < nrows; row++)
		load_ranges(set, row);
	ckpt_statement_close(&st);
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
 * ckpt_catalog_store_processed stores what was changed of a worker's set since
 * it was last stored or loaded.
 *
 * A range that has become full joins the full ones around it: one row is
 * stored for all of them, and theirs go.
 */
void
ckpt_catalog_store_processed(int64 checkpoint_id, int code_no, int worker,
							 CkptIdSet *mine)
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

	for (int64 i = 0; i < mine->nranges; i = next)
	{
		int64		nfull = ckpt_idset_full_ranges(mine, i);
		bool		dirty = false;

		next = i + Max(nfull, 1);
		for (int64 j = i; j < next; j++)
			dirty |= mine->ranges[j].dirty;
		if (!dirty)
			continue;
		ranges = accumArrayResult(ranges, Int64GetDatum(i), false, INT8OID,
								  CurrentMemoryContext);
		lengths = accumArrayResult(lengths, Int32GetDatum(next - i), false, INT4OID,
								   CurrentMemoryContext);
		bitmaps = accumArrayResult(bitmaps, nfull > 0 ? (Datum) 0 : bits_datum(mine, i),
								   nfull > 0, BYTEAOID, CurrentMemoryContext);
		for (int64 j = i + 1; j < next; j++)
		{
			if (mine->ranges[j].stored)
				joined = accumArrayResult(joined, Int64GetDatum(j), false, INT8OID,
										  CurrentMemoryContext);
			mine->ranges[j].stored = false;
		}
		mine->ranges[i].stored = true;
	}
	if (ranges == NULL)
		return;

	if (joined)
	{
		ckpt_arg_int8(&drop, checkpoint_id);
		ckpt_arg_int4(&drop, code_no);
		ckpt_arg_int4(&drop, worker);
		ckpt_arg_array(&drop, INT8ARRAYOID, joined);
		ckpt_statement_run(&drop, SPI_OK_DELETE);
	}
	ckpt_arg_int8(&put, checkpoint_id);
	ckpt_arg_int4(&put, code_no);
	ckpt_arg_int4(&put, worker);
	ckpt_arg_array(&put, INT8ARRAYOID, ranges);
	ckpt_arg_array(&put, INT4ARRAYOID, lengths);
	ckpt_arg_array(&put, BYTEAARRAYOID, bitmaps);
	ckpt_statement_run(&put, SPI_OK_INSERT);
	ckpt_idset_clean(mine);
}

/*
 * ckpt_catalog_delete_processed forgets a checkpoint's processed set.
 */
void
ckpt_catalog_delete_processed(int64 checkpoint_id)
{
	STATEMENT(st, "DELETE FROM checkpoint.processed WHERE checkpoint_id = $1");

	ckpt_arg_int8(&st, checkpoint_id);
	ckpt_statement_run(&st, SPI_OK_DELETE);
}

/*
 * ckpt_ledger_forget forgets all that is on record of a checkpoint's rows.
 */
void
ckpt_ledger_forget(int64 checkpoint_id)
{
	STATEMENT(st, "WITH v AS (DELETE FROM checkpoint.code_version WHERE checkpoint_id = $1),"
			  " w AS (DELETE FROM checkpoint.work WHERE checkpoint_id = $1),"
			  " p AS (DELETE FROM checkpoint.processed WHERE checkpoint_id = $1),"
			  " e AS (DELETE FROM checkpoint.error WHERE checkpoint_id = $1)"
			  " DELETE FROM checkpoint.suspect WHERE checkpoint_id = $1");

	ckpt_arg_int8(&st, checkpoint_id);
	ckpt_statement_run(&st, SPI_OK_DELETE);
}
