/*-------------------------------------------------------------------------
 *
 * ledger_code.c
 *	  The versions of the code that a checkpoint was worked on with.
 *
 * They are numbered within the checkpoint.  What a version has computed is
 * recorded under its number: see ledger.c.
 *
 * IDENTIFICATION
 *	  src/ledger_code.c
 *
 *-------------------------------------------------------------------------
 */
#include "checkpoint.h"

#include "catalog/pg_type.h"
#include "ledger.h"
#include "statement.h"
#include "utils/builtins.h"

/*
 * ckpt_ledger_note_code notes that a checkpoint is worked on with a version of
 * the code, whether that computes rows or not.  Returns the ledger's number for
 * it.
 */
int
ckpt_ledger_note_code(const CkptCheckpoint *cp, const CkptCode *code)
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

	ckpt_arg_int8(&find, cp->id);
	ckpt_arg_text(&find, code->hash);
	ckpt_arg_text(&find, code->cache_version);
	ckpt_arg_int8(&st, cp->id);
	ckpt_arg_text(&st, code->hash);
	ckpt_arg_text(&st, code->cache_version);
	ckpt_arg_text(&st, code->components);

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
 * ckpt_ledger_codes lists (CkptCodeVersion *) the versions of the code that a
 * checkpoint was worked on with, whether they have computed rows or not.  That of
 * rows that were given up is none of them.
 */
List *
ckpt_ledger_codes(const CkptCheckpoint *cp)
{
	STATEMENT(st, "SELECT code_no::bigint, code_hash, cache_version, components,"
			  " (SELECT COALESCE(sum(w.rows_processed), 0)::bigint FROM checkpoint._work w"
			  "   WHERE w.checkpoint_id = v.checkpoint_id AND w.code_no = v.code_no)"
			  " FROM checkpoint.code_version v WHERE checkpoint_id = $1 AND code_hash <> $2"
			  " ORDER BY code_no");
	List	   *versions = NIL;
	uint64		nrows;

	ckpt_arg_int8(&st, cp->id);
	ckpt_arg_text(&st, ckpt_ledger_given_up_code.hash);
	nrows = ckpt_statement_open(&st, SPI_OK_SELECT);
	MemoryContextSwitchTo(st.caller);
	for (uint64 row = 0; row < nrows; row++)
	{
		CkptCodeVersion *version = palloc(sizeof(CkptCodeVersion));

		version->code_no = (int) ckpt_row_int8(row, 1);
		version->code.hash = ckpt_row_text(&st, row, 2);
		version->code.cache_version = ckpt_row_text(&st, row, 3);
		version->code.components = ckpt_row_text(&st, row, 4);
		version->rows = ckpt_row_int8(row, 5);
		versions = lappend(versions, version);
	}
	ckpt_statement_close(&st);
	return versions;
}

/*
 * ckpt_ledger_rows_of_code returns how many rows of a checkpoint a version of
 * the code has computed.
 */
int64
ckpt_ledger_rows_of_code(const CkptCheckpoint *cp, const CkptCode *code)
{
	STATEMENT(st, "SELECT COALESCE(sum(w.rows_processed), 0)::bigint"
			  " FROM checkpoint.code_version v JOIN checkpoint._work w USING (checkpoint_id, code_no)"
			  " WHERE v.checkpoint_id = $1 AND v.code_hash = $2"
			  " AND v.cache_version IS NOT DISTINCT FROM $3");

	ckpt_arg_int8(&st, cp->id);
	ckpt_arg_text(&st, code->hash);
	ckpt_arg_text(&st, code->cache_version);
	return ckpt_statement_int8(&st, 0);
}

/*
 * ckpt_ledger_accept_code notes that all rows of a checkpoint count as computed
 * by a version of the code, too.
 */
void
ckpt_ledger_accept_code(const CkptCheckpoint *cp, const CkptCode *code)
{
	STATEMENT(st, "UPDATE checkpoint.code_version SET accepted = true"
			  " WHERE checkpoint_id = $1 AND code_no = $2 AND NOT accepted");

	ckpt_arg_int8(&st, cp->id);
	ckpt_arg_int4(&st, ckpt_ledger_note_code(cp, code));
	ckpt_statement_run(&st, SPI_OK_UPDATE);
}

/*
 * ckpt_ledger_is_accepted returns whether that was noted.
 */
bool
ckpt_ledger_is_accepted(const CkptCheckpoint *cp, const CkptCode *code)
{
	STATEMENT(st, "SELECT FROM checkpoint.code_version"
			  " WHERE checkpoint_id = $1 AND code_hash = $2"
			  " AND cache_version IS NOT DISTINCT FROM $3 AND accepted");

	ckpt_arg_int8(&st, cp->id);
	ckpt_arg_text(&st, code->hash);
	ckpt_arg_text(&st, code->cache_version);
	return ckpt_statement_run(&st, SPI_OK_SELECT) > 0;
}

/*
 * ckpt_ledger_forget_other_code forgets what other versions of the code have
 * computed of a checkpoint; the output rows are the caller's business.  Rows that
 * were given up stay so.
 */
void
ckpt_ledger_forget_other_code(const CkptCheckpoint *cp, const CkptCode *code)
{
	STATEMENT(st, "WITH v AS (SELECT code_no FROM checkpoint.code_version"
			  "  WHERE checkpoint_id = $1 AND code_no <> $2 AND code_hash <> $3),"
			  " w AS (DELETE FROM checkpoint.work WHERE checkpoint_id = $1"
			  "  AND code_no IN (SELECT code_no FROM v))"
			  " DELETE FROM checkpoint.processed WHERE checkpoint_id = $1"
			  " AND code_no IN (SELECT code_no FROM v)");

	ckpt_arg_int8(&st, cp->id);
	ckpt_arg_int4(&st, ckpt_ledger_note_code(cp, code));
	ckpt_arg_text(&st, ckpt_ledger_given_up_code.hash);
	ckpt_statement_run(&st, SPI_OK_DELETE);
}
