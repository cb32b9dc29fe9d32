/*-------------------------------------------------------------------------
 *
 * catalog_client.c
 *	  Spells the SQL on steps that clients compute, for catalog.h.
 *
 * Such a step has columns of its output on record.  It runs, in no process, as long
 * as its job does.
 *
 * IDENTIFICATION
 *	  src/catalog_client.c
 *
 *-------------------------------------------------------------------------
 */
#include "checkpoint.h"

#include "catalog.h"
#include "catalog/pg_type.h"
#include "catalog_internal.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#define CLIENT_STEP \
	"SELECT s.step_id, s.job_id, COALESCE(s.checkpoint_id, 0), s.step, s.kind, s.query, s.output," \
	" s.reads, s.code_version, s.on_code_change, COALESCE(s.outcome, s.action)," \
	" s.rows_total, s.rows_kept, s.started_at" \
	" FROM checkpoint.step s WHERE s.output IS NOT NULL AND "

/*
 * one_client_step reads the step that a statement finds, if there is one.
 */
static bool
one_client_step(CkptStatement *st, CkptClientStep *step)
{
	bool		found = ckpt_statement_open(st, SPI_OK_SELECT) > 0;

	if (found)
	{
		memset(step, 0, sizeof(CkptClientStep));
		step->step_id = ckpt_row_int8(0, 1);
		step->job_id = ckpt_row_int8(0, 2);
		step->checkpoint_id = ckpt_row_int8(0, 3);
		step->spec.step = ckpt_row_text(st, 0, 4);
		step->spec.kind = row_word(st, 0, 5, &ckpt_kinds);
		step->spec.query = ckpt_row_text(st, 0, 6);
		step->spec.output = ckpt_row_text(st, 0, 7);
		step->spec.reads = ckpt_row_text(st, 0, 8);
		step->spec.code_version = ckpt_row_text(st, 0, 9);
		step->spec.on_code_change = row_word(st, 0, 10, &ckpt_on_code_changes);
		step->outcome = row_word(st, 0, 11, &ckpt_step_actions);
		step->counts = (CkptStepCounts) {ckpt_row_int8(0, 12), ckpt_row_int8(0, 13), -1, -1, -1, -1};
		step->started = (TimestampTz) ckpt_row_int8(0, 14);
	}
	ckpt_statement_close(st);
	return found;
}

/*
 * ckpt_catalog_get_client_step fills in *step and returns true, or returns false.
 */
bool
ckpt_catalog_get_client_step(int64 step_id, CkptClientStep *step)
{
	STATEMENT(st, CLIENT_STEP "s.step_id = $1");

	ckpt_arg_int8(&st, step_id);
	return one_client_step(&st, step);
}

/*
 * ckpt_catalog_find_client_step finds the step of that name of a job, if it was
 * opened and has not failed.
 */
bool
ckpt_catalog_find_client_step(int64 job_id, const char *step, CkptClientStep *found)
{
	STATEMENT(st, CLIENT_STEP "s.job_id = $1 AND s.step = $2"
			  " AND checkpoint._step_action(s.step_id, s.action) NOT IN ('failed', 'stopped')");

	ckpt_arg_int8(&st, job_id);
	ckpt_arg_text(&st, step);
	return one_client_step(&st, found);
}

/*
 * ckpt_catalog_store_outcome stores what a step that was opened is to be when it is
 * finished.
 */
void
ckpt_catalog_store_outcome(int64 step_id, CkptStepAction outcome)
{
	STATEMENT(st, "UPDATE checkpoint.step SET outcome = $2 WHERE step_id = $1");

	ckpt_arg_int8(&st, step_id);
	ckpt_arg_text(&st, ckpt_word(&ckpt_step_actions, outcome));
	ckpt_statement_run(&st, SPI_OK_UPDATE);
}

/*
 * ckpt_catalog_open_step returns the name of a step of a job that is open, or NULL.
 */
char *
ckpt_catalog_open_step(int64 job_id)
{
	STATEMENT(st, "SELECT min(step) FROM checkpoint.step"
			  " WHERE job_id = $1 AND action = 'running' AND output IS NOT NULL");

	ckpt_arg_int8(&st, job_id);
	return ckpt_statement_text(&st);
}

/*
 * What clients have computed for a step that was opened, on record from then on: the
 * view checkpoint.steps counts it until others go on with the checkpoint.
 */
#define COUNTS_OF_CLIENTS \
	" rows_computed = (SELECT COALESCE(sum(w.rows_processed), 0)::bigint" \
	" FROM checkpoint._work w WHERE w.checkpoint_id = s.checkpoint_id) - s.rows_kept," \
	" rows_failed = (SELECT count(*) FROM checkpoint.error e" \
	" WHERE e.checkpoint_id = s.checkpoint_id AND e.job_id = s.job_id)"

/*
 * ckpt_catalog_close_open_steps stores that steps of a job that ends were not
 * finished.
 */
void
ckpt_catalog_close_open_steps(int64 job_id)
{
	STATEMENT(count, "UPDATE checkpoint.step s SET" COUNTS_OF_CLIENTS
			  " FROM checkpoint.checkpoint c WHERE s.job_id = $1 AND s.action = 'running'"
			  " AND s.output IS NOT NULL AND c.open_step = s.step_id");
	STATEMENT(st, "UPDATE checkpoint.step SET action = 'failed',"
			  " reason = 'its job ended before it was finished', ended_at = clock_timestamp()"
			  " WHERE job_id = $1 AND action = 'running' AND output IS NOT NULL");

	ckpt_arg_int8(&count, job_id);
	ckpt_statement_run(&count, SPI_OK_UPDATE);
	ckpt_arg_int8(&st, job_id);
	ckpt_statement_run(&st, SPI_OK_UPDATE);
}

/*
 * ckpt_catalog_count_for_step stores what clients have computed for a step: another
 * step is about to go on with its checkpoint.
 */
void
ckpt_catalog_count_for_step(int64 step_id)
{
	STATEMENT(st, "UPDATE checkpoint.step s SET" COUNTS_OF_CLIENTS
			  " FROM checkpoint.checkpoint c WHERE s.step_id = $1 AND c.open_step = $1");

	ckpt_arg_int8(&st, step_id);
	ckpt_statement_run(&st, SPI_OK_UPDATE);
}

/*
 * ckpt_catalog_job_of_client_step returns the job of a step that clients compute, or
 * 0 if it is none.
 */
int64
ckpt_catalog_job_of_client_step(int64 step_id)
{
	STATEMENT(st, "SELECT job_id FROM checkpoint.step WHERE step_id = $1 AND output IS NOT NULL");

	ckpt_arg_int8(&st, step_id);
	return ckpt_statement_int8(&st, 0);
}

/*
 * ckpt_catalog_server_works_on returns whether a step that runs in a process works on a
 * checkpoint.
 */
bool
ckpt_catalog_server_works_on(int64 checkpoint_id)
{
	STATEMENT(st, "SELECT FROM checkpoint.checkpoint c JOIN checkpoint.step s USING (job_id)"
			  " WHERE c.checkpoint_id = $1 AND s.checkpoint_id = $1 AND s.action = 'running'"
			  " AND s.output IS NULL AND checkpoint._step_action(s.step_id, s.action) = 'running'");

	ckpt_arg_int8(&st, checkpoint_id);
	return ckpt_statement_run(&st, SPI_OK_SELECT) > 0;
}
