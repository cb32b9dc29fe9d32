/*-------------------------------------------------------------------------
 *
 * step_client.c
 *	  Opens and finishes steps that clients compute: SQL open() and finish().
 *
 * open() is a step up to where its rows would be computed, in the caller's
 * transaction: the same decision, the same input table, the same record.  It leaves
 * the step running, though in no process: it runs as long as its job does.
 * finish() is what comes after the rows have been computed.
 *
 * A checkpoint on which clients work is marked so (open_step).  Who opens, finishes
 * or takes it for the server locks out the transactions of clients that report on
 * it; see client.c.
 *
 * IDENTIFICATION
 *	  src/step_client.c
 *
 *-------------------------------------------------------------------------
 */
#include "checkpoint.h"

#include "access/htup_details.h"
#include "access/table.h"
#include "client.h"
#include "fmgr.h"
#include "funcapi.h"
#include "job.h"
#include "joblock.h"
#include "lease.h"
#include "ledger_client.h"
#include "result_table.h"
#include "settle.h"
#include "step_internal.h"
#include "subxact.h"
#include "udf_outside.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

PG_FUNCTION_INFO_V1(checkpoint_open);
PG_FUNCTION_INFO_V1(checkpoint_finish);

/*
 * client_settle makes the output of the step's checkpoint like one of the server's.
 * From then on it is not open for clients.
 */
static void
client_settle(CkptStep *step)
{
	CkptCheckpoint *cp = step->cp;
	Relation	output = ckpt_result_table_open(cp->output_table, "output", cp->step, cp->owner,
												cp->output_columns, AccessExclusiveLock);
	CkptRowSum	sum;

	ckpt_settle(cp, output, step->udf->nplain, ckpt_ledger_computed(cp), &sum);
	ckpt_ledger_close_for_clients(cp, &sum, cp->kind == CKPT_GEN ? sum.rows : 0);
	ckpt_catalog_open_checkpoint(cp->id, 0, 0);
	cp->open_step = 0;
	ckpt_lease_forget(cp->id);
	ckpt_result_table_protect(cp->output_table, cp->owner);
}

/*
 * ckpt_step_take_from_clients is called when a step adopts a checkpoint.  If clients
 * worked on it, it is theirs no more: whether the step is one of the server, or of
 * clients with another code.
 */
void
ckpt_step_take_from_clients(CkptStep *step)
{
	CkptCheckpoint *cp = step->cp;

	if (cp->open_step == 0 && step->spec->output == NULL)
		return;
	ckpt_joblock_wait(CKPT_LOCK_CLIENTS, cp->id, ExclusiveLock);
	if (step->spec->output)
	{
		ckpt_catalog_count_for_step(cp->open_step);
		return;
	}
	if (ckpt_lease_any(cp))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_IN_USE),
				 errmsg("clients have claimed rows of checkpoint %lld", (long long) cp->id),
				 errdetail("See the view checkpoint.claims."),
				 errhint("Wait until they have finished, or have them call checkpoint.release(); claims end with checkpoint.fail_job(), too.")));
	ckpt_catalog_count_for_step(cp->open_step);
	client_settle(step);
}

static bool
same_text(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

/*
 * find_opened looks for the step that is asked for among those of its job that were
 * opened already.
 */
static bool
find_opened(CkptStep *step)
{
	const CkptSpec *spec = step->spec;
	CkptClientStep opened;
	CkptCheckpoint *cp = palloc(sizeof(CkptCheckpoint));

	ckpt_job_resolve(spec->job, &step->job);
	if (!ckpt_catalog_find_client_step(step->job.job_id, spec->step, &opened))
		return false;
	ckpt_job_check_open(&step->job);
	if (opened.spec.kind != spec->kind || !same_text(opened.spec.query, spec->query) ||
		!same_text(opened.spec.output, spec->output) || !same_text(opened.spec.reads, spec->reads) ||
		!same_text(opened.spec.code_version, spec->code_version) ||
		!ckpt_catalog_get_checkpoint_now(opened.checkpoint_id, cp) ||
		(!cp->final && cp->open_step != opened.step_id))
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_OBJECT),
				 errmsg("job %lld has a step \"%s\" already", (long long) step->job.job_id,
						spec->step),
				 errdetail("It was opened with other arguments, or has been finished with errors."),
				 errhint("To run it again, start a rerun with checkpoint.begin_job().")));
	if (!cp->final)
		ckpt_result_table_require(cp->input_table, "input", cp->step);
	ckpt_result_table_require(cp->output_table, "output", cp->step);
	step->cp = cp;
	return true;
}

static void
identify(void *arg)
{
	ckpt_step_identify((CkptStep *) arg);
}

/*
 * open_begin leaves the step to clients.
 */
static void
open_begin(CkptStep *step)
{
	CkptCheckpoint *cp = step->cp;
	int			code_no = ckpt_ledger_note_code(cp, &step->request.code);

	/* who works with other code is to begin again */
	if (cp->open_step != 0 && cp->open_code != code_no)
		ckpt_lease_forget(cp->id);
	ckpt_ledger_open_for_clients(cp);
	ckpt_catalog_open_checkpoint(cp->id, step->step_id, code_no);
	ckpt_catalog_store_outcome(step->step_id, step->action);
	ckpt_result_table_make_writable(cp->output_table);
}

/*
 * open_step does what a step of the server does before its rows are computed.
 */
static void
open_step(CkptStep *step)
{
	ErrorData  *error;

	ckpt_step_prepare(step);
	if (step->step_id == 0)
	{
		if (!find_opened(step))
			elog(ERROR, "step \"%s\" was opened and is gone", step->name);
		return;
	}
	error = ckpt_subxact_run(identify, step, CurrentMemoryContext, NULL);
	if (error && ckpt_step_carry_ran_short(step, error))
	{
		ckpt_step_without_carry(step, error);
		error = ckpt_subxact_run(identify, step, CurrentMemoryContext, NULL);
	}
	if (error)
		ReThrowError(error);
	if (step->state == STEP_DONE)
		ckpt_catalog_update_step(step->step_id, step->action, step->full_reason, step->cp->id,
								 &step->counts, true);
	else
		open_begin(step);
}

/*
 * open_row returns the row that open() returns.
 */
static Datum
open_row(FunctionCallInfo fcinfo, const CkptStep *step)
{
	const CkptCheckpoint *cp = step->cp;
	bool		is_new = step->step_id != 0 && step->action == CKPT_STEP_COMPUTED;
	Oid			input = cp->input_table ? ckpt_result_table_lookup(cp->input_table) : InvalidOid;
	CkptCheckpoint now;
	TupleDesc	desc;
	Datum		values[6];
	bool		nulls[6] = {false};

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	if (!ckpt_catalog_get_checkpoint(cp->id, &now))
		now = *cp;
	values[0] = Int64GetDatum(cp->id);
	values[1] = CStringGetTextDatum(cp->final ? "final" : is_new ? "new" : "partial");
	values[2] = ObjectIdGetDatum(input);
	nulls[2] = !OidIsValid(input);
	values[3] = ObjectIdGetDatum(ckpt_result_table_lookup(cp->output_table));
	values[4] = Int64GetDatum(cp->rows_total);
	values[5] = Int64GetDatum(cp->final ? 0 :
							  cp->rows_total - ckpt_ledger_totals(&now).processed);
	return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls));
}

/*
 * release_at_end lets go of the locks that the step has taken when the transaction
 * ends.  Before, nobody else sees the step.
 */
static void
release_at_end(CkptStep *step)
{
	ckpt_progress_end();
	if (step->job_locked)
		ckpt_job_let_go_at_end(&step->job);
	if (step->step_id == 0)
		return;
	ckpt_joblock_release_at_commit(CKPT_LOCK_STEP, step->step_id, ExclusiveLock);
	ckpt_joblock_release_at_abort(CKPT_LOCK_STEP, step->step_id, ExclusiveLock);
}

/*
 * open(step, kind, input, output, ...) begins or continues a step that clients
 * compute.
 */
Datum
checkpoint_open(PG_FUNCTION_ARGS)
{
	CkptStep   *step = palloc0(sizeof(CkptStep));

	ckpt_job_check_writable("checkpoint.open()");
	step->spec = ckpt_call_open(fcinfo);
	step->name = step->spec->step;
	step->counts = (CkptStepCounts) {-1, -1, -1, -1, -1, -1};
	step->started = GetCurrentTimestamp();

	PG_TRY();
	{
		if (!find_opened(step))
			open_step(step);
	}
	PG_CATCH();
	{
		ckpt_step_release(step);
		PG_RE_THROW();
	}
	PG_END_TRY();
	release_at_end(step);
	return open_row(fcinfo, step);
}

/*
 * finish_prepare makes of what is on record the step that an open checkpoint is of.
 */
static CkptStep *
finish_prepare(CkptCheckpoint *cp)
{
	CkptStep   *step = palloc0(sizeof(CkptStep));
	CkptClientStep *opened = palloc(sizeof(CkptClientStep));
	CkptRequest *request = &step->request;
	CkptCodeGiven given = {0};
	Relation	input;

	if (!ckpt_catalog_get_client_step(cp->open_step, opened) ||
		!ckpt_catalog_get_job(opened->job_id, &step->job))
		elog(ERROR, "step %lld is gone", (long long) cp->open_step);
	ckpt_job_check_open(&step->job);
	step->spec = &opened->spec;
	step->name = opened->spec.step;
	step->step_id = cp->open_step;
	step->cp = cp;
	step->task.checkpoint_id = cp->id;
	step->action = opened->outcome;
	step->counts = opened->counts;
	step->computing = opened->started;

	input = ckpt_result_table_open(cp->input_table, "input", step->name, cp->owner,
								   cp->input_columns, AccessShareLock);
	request->input_desc = CreateTupleDescCopy(RelationGetDescr(input));
	table_close(input, NoLock);
	given.code_version = opened->spec.code_version;
	step->udf = ckpt_udf_outside(step->spec, &given, request->input_desc);
	request->spec = step->spec;
	request->ref = (CkptStepRef) {cp->owner, step->job.name, step->name};
	request->job_id = step->job.job_id;
	request->kind = cp->kind;
	request->output_desc = step->udf->output_desc;
	request->output_columns = cp->output_columns;
	request->udf_columns = cp->udf_columns;
	request->udf = step->udf;
	request->code = step->udf->code;
	return step;
}

/*
 * finish_check raises unless all rows are processed or in quarantine.
 */
static void
finish_check(CkptStep *step)
{
	int64		left;

	ckpt_step_count(step);
	left = step->cp->rows_total - step->done.processed - step->counts.failed;
	if (left > 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg_plural("%lld row of checkpoint %lld remains",
							   "%lld rows of checkpoint %lld remain", (unsigned long) left,
							   (long long) left, (long long) step->cp->id),
				 errhint("See checkpoint.remaining_ids(). Compute them, or put them into quarantine by checkpoint.record_error().")));
}

/*
 * finish(checkpoint_id) ends a step whose rows clients have computed.
 */
Datum
checkpoint_finish(PG_FUNCTION_ARGS)
{
	int64		id = PG_GETARG_INT64(0);
	CkptCheckpoint *cp = palloc(sizeof(CkptCheckpoint));
	CkptStep   *step;

	ckpt_job_check_writable("checkpoint.finish()");
	ckpt_client_get(id, cp);
	ckpt_client_check_open(cp);
	/* before others have to wait for this call */
	finish_check(finish_prepare(cp));
	ckpt_joblock_wait(CKPT_LOCK_CLIENTS, id, ExclusiveLock);
	ckpt_client_get(id, cp);
	ckpt_client_check_open(cp);

	step = finish_prepare(cp);
	finish_check(step);
	client_settle(step);
	if (step->counts.failed == 0)
		ckpt_step_finish(step);
	ckpt_step_count(step);
	ckpt_step_clock(step);
	ckpt_catalog_update_step(step->step_id, step->action, NULL, cp->id, &step->counts, true);
	PG_RETURN_VOID();
}
