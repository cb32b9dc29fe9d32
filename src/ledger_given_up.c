/*-------------------------------------------------------------------------
 *
 * ledger_given_up.c
 *	  Rows that somebody has given up: they are never to be computed.
 *
 * In the ledger they are rows of a version of the code that no code is, which
 * have no output.  So they count as processed with whatever code a checkpoint
 * goes on, and a final one has a set of them.  Beside it is kept why.
 *
 * IDENTIFICATION
 *	  src/ledger_given_up.c
 *
 *-------------------------------------------------------------------------
 */
#include "checkpoint.h"

#include "ledger.h"
#include "statement.h"

/* The version of the code that they are of; no hash is such a text. */
const CkptCode ckpt_ledger_given_up_code = {.hash = "given up", .components = "{}"};

/*
 * ckpt_ledger_give_up takes a row out of quarantine, and marks it as processed.
 * Returns false, and does nothing, if it is not there.
 *
 * Nobody else may write the ledger meanwhile.
 */
bool
ckpt_ledger_give_up(const CkptCheckpoint *cp, int64 id, const char *reason)
{
	STATEMENT(st, "INSERT INTO checkpoint.given_up_row (checkpoint_id, sys__id, reason)"
			  " VALUES ($1, $2, $3)");
	CkptLedger *ledger;

	if (!ckpt_idset_contains(ckpt_ledger_failed(cp), id))
		return false;
	ledger = ckpt_ledger_open(cp, &ckpt_ledger_given_up_code, CKPT_LEDGER_SESSION);
	if (ckpt_ledger_mark(ledger, id, id) != 0)
		return false;
	ckpt_ledger_store(ledger);

	ckpt_arg_int8(&st, cp->id);
	ckpt_arg_int8(&st, id);
	ckpt_arg_text(&st, reason);
	ckpt_statement_run(&st, SPI_OK_INSERT);
	return true;
}

/*
 * ckpt_ledger_count_given_up returns how many rows of a checkpoint were given up.
 */
int64
ckpt_ledger_count_given_up(const CkptCheckpoint *cp)
{
	return ckpt_ledger_rows_of_code(cp, &ckpt_ledger_given_up_code);
}

/*
 * ckpt_ledger_given_up returns the set of those rows, or NULL if there are none.
 */
CkptIdSet *
ckpt_ledger_given_up(const CkptCheckpoint *cp)
{
	CkptCodeVersion version;
	CkptIdSet  *set;

	if (ckpt_ledger_count_given_up(cp) == 0)
		return NULL;
	version.code = ckpt_ledger_given_up_code;
	version.code_no = ckpt_ledger_note_code(cp, &version.code);
	set = ckpt_idset_create(cp->rows_total);
	ckpt_ledger_add_processed_by(cp, &version, set);
	return set;
}

/*
 * ckpt_ledger_computed returns the set of the other rows that are processed: those
 * that have results.
 */
CkptIdSet *
ckpt_ledger_computed(const CkptCheckpoint *cp)
{
	CkptIdSet  *given_up = ckpt_ledger_given_up(cp);
	CkptIdSet  *processed = ckpt_ledger_processed(cp);
	CkptIdSet  *computed;

	if (given_up == NULL)
		return processed;
	computed = ckpt_idset_create(cp->rows_total);
	for (int64 id = 1; (id = ckpt_idset_next_member(processed, id)) <= processed->max_id; id++)
	{
		if (!ckpt_idset_contains(given_up, id))
			(void) ckpt_idset_add(computed, id);
	}
	return computed;
}

/*
 * ckpt_ledger_give_up_likewise keeps of a row that is marked as given up that
 * this is so for the same reason as a row of another checkpoint.
 */
void
ckpt_ledger_give_up_likewise(const CkptCheckpoint *cp, int64 id,
							 const CkptCheckpoint *base, int64 base_id)
{
	STATEMENT(st, "INSERT INTO checkpoint.given_up_row"
			  " SELECT $1, $2, reason, since FROM checkpoint.given_up_row"
			  " WHERE checkpoint_id = $3 AND sys__id = $4");

	ckpt_arg_int8(&st, cp->id);
	ckpt_arg_int8(&st, id);
	ckpt_arg_int8(&st, base->id);
	ckpt_arg_int8(&st, base_id);
	ckpt_statement_run(&st, SPI_OK_INSERT);
}
