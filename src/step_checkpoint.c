/*-------------------------------------------------------------------------
 *
 * step_checkpoint.c
 *	  The checkpoint that a step works on: found or made, and finished.
 *
 * Which earlier work serves is for reuse.c to say.
 *
 * IDENTIFICATION
 *	  src/step_checkpoint.c
 *
 *-------------------------------------------------------------------------
 */
#include "checkpoint.h"

#include "agg.h"
#include "asuser.h"
#include "carry.h"
#include "cleanup.h"
#include "crash_marker.h"
#include "inline.h"
#include "inline_share.h"
#include "input.h"
#include "input_view.h"
#include "plans.h"
#include "progress.h"
#include "query.h"
#include "query_columns.h"
#include "result_table.h"
#include "step_internal.h"
#include "utils/builtins.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"
#include "wait.h"

/* The rows of the input query, once it has been run. */
typedef struct StepRows
{
	CkptInput	input;
	CkptCheckpoint *cp;			/* new one that has them; NULL if it was not run */
} StepRows;

/*
 * step_protect makes sure that the tables of the step's checkpoint are read-only.
 */
static void
step_protect(const CkptStep *step)
{
	if (step->cp->input_table)
		ckpt_result_table_protect(step->cp->input_table, step->job.owner);
	ckpt_result_table_protect(step->cp->output_table, step->job.owner);
}

/*
 * ckpt_step_note_reuse notes what the step has done if it ends with the final
 * checkpoint that was decided on.
 */
void
ckpt_step_note_reuse(CkptStep *step, const CkptDecision *decision)
{
	CkptCheckpoint *cp = decision->cp;

	step->by_earlier = decision->by_earlier;
	step->full_reason = ckpt_reuse_full_reason(step->spec->kind, decision->reason, cp->rows_total,
											   decision->by_earlier);
	step->cp = cp;
	step->action = CKPT_STEP_REUSED;
	step->counts.total = cp->rows_total;
	step->counts.kept = cp->rows_total;
	step->counts.computed = 0;
	step->counts.failed = 0;
	step->done = ckpt_ledger_totals(cp);
	step->counts.output = step->done.output.rows;
}

/*
 * ckpt_step_reuse ends the step with that checkpoint.
 */
void
ckpt_step_reuse(CkptStep *step, const CkptDecision *decision)
{
	const CkptCheckpoint *cp = step->cp;

	ckpt_progress_phase(CKPT_PHASE_FINISHING, cp->rows_total);
	step_protect(step);
	ckpt_catalog_touch_checkpoint(cp->id);
	ckpt_cleanup_finished(&step->request.ref, cp, decision->alone, NULL);
	step->state = step->spec->kind == CKPT_SAVE ? STEP_PUBLISH : STEP_DONE;
}

/*
 * recompute_other_code drops the results of other versions of the code.
 */
static void
recompute_other_code(CkptStep *step, const CkptCode *code)
{
	ckpt_ledger_forget_other_code(step->cp, code);
	ckpt_result_table_keep(step->cp->output_table, step->spec->kind == CKPT_GEN ? 2 : 1,
						   ckpt_ledger_processed(step->cp));
}

/*
 * quarantine_row records that a row was being computed at two crashes, of which
 * so many are new.
 */
static void
quarantine_row(const CkptStep *step, int64 id, int attempts)
{
	const char *unit = ckpt_unit_word(step->spec->kind, true);
	CkptFailure failure = {
		.sqlstate = unpack_sql_state(ERRCODE_CRASH_SHUTDOWN),
		.message = psprintf("server process crashed twice while it computed this %s", unit),
		.detail = psprintf("The %s is not computed again before the code has changed.", unit),
		.attempts = attempts
	};

	ckpt_ledger_quarantine(step->cp, id, &failure);
}

/*
 * record_crashes notes which rows a process of an earlier run computed when it
 * crashed, with the code of that run.
 */
static void
record_crashes(const CkptStep *step)
{
	List	   *ids = ckpt_crash_marker_collect(step->cp->id);
	CkptIdSet  *processed = ids ? ckpt_ledger_processed(step->cp) : NULL;
	ListCell   *lc;

	foreach(lc, ids)
	{
		int64		id = *(int64 *) lfirst(lc);
		int			crashes;

		if (id > step->cp->rows_total || ckpt_idset_contains(processed, id))
			continue;
		crashes = ckpt_ledger_record_crash(step->cp, id);
		if (crashes > 1)
			quarantine_row(step, id, crashes);
	}
}

/*
 * quarantine_poisonous puts the rows that were being computed at two crashes, both
 * with the code of this call, into this job's quarantine, too.
 */
static void
quarantine_poisonous(const CkptStep *step)
{
	CkptIdSet  *poisonous = ckpt_ledger_crashed_twice(step->cp);

	for (int64 id = 1; (id = ckpt_idset_next_member(poisonous, id)) <= poisonous->max_id; id++)
		quarantine_row(step, id, 0);
}

/*
 * begin_until returns when the step begins no more rows, as ckpt_now_ms() has it:
 * when its time, or that of its job, is over.
 */
static int64
begin_until(const CkptStep *step)
{
	int64		elapsed = GetCurrentTimestamp() - step->started;

	if (step->spec->max_time == CKPT_NONE)
		return step->job.until;
	return Min(step->job.until, ckpt_now_ms() + (step->spec->max_time - elapsed) / 1000);
}

/*
 * step_begin_run makes the checkpoint ready for a run, in the transaction that
 * made or adopted it: workers see what is committed.
 */
static void
step_begin_run(CkptStep *step)
{
	CkptCheckpoint *cp = step->cp;
	const CkptCode *code = &step->request.code;

	step->computing = GetCurrentTimestamp();
	step->task.job_id = step->job.job_id;
	step->task.checkpoint_id = cp->id;
	step->task.owner = step->job.owner;
	step->task.spec = step->spec;
	step->task.until = begin_until(step);

	cp->job_id = step->job.job_id;
	record_crashes(step);
	(void) ckpt_ledger_note_code(cp, code);
	cp->code_hash = code->hash;
	cp->cache_version = step->spec->cache_version;
	ckpt_catalog_update_checkpoint(cp);
	if (step->spec->on_code_change == CKPT_CODE_RECOMPUTE)
		recompute_other_code(step, code);
	quarantine_poisonous(step);

	step->done = ckpt_ledger_totals(cp);
	step->counts.total = cp->rows_total;
	step->counts.kept = step->done.processed;
	step->counts.computed = 0;
	step->counts.failed = 0;
	step->counts.output = step->done.output.rows;
	step->by_earlier = step->done.processed - ckpt_ledger_rows_of_code(cp, code) -
		ckpt_ledger_count_given_up(cp);
	step->full_reason = ckpt_reuse_full_reason(step->spec->kind, step->reason, step->done.processed,
											   step->by_earlier);
	step->shared = palloc(sizeof(CkptRunShared));
	ckpt_run_share(step->shared, &step->task, cp->rows_total, 1, step->done.max_output_id + 1);
	ckpt_catalog_update_step(step->step_id, CKPT_STEP_RUNNING, step->full_reason, cp->id,
							 &step->counts, false);
	ckpt_progress_phase(CKPT_PHASE_RUNNING, cp->rows_total);
	ckpt_rate_note(&step->rate, 0);
	step->state = STEP_RUN;
}

/*
 * carry_over gives the step's checkpoint what others of this step of the run
 * group have for equal rows, unless that has been tried in vain.
 */
static void
carry_over(CkptStep *step, CkptCarryCounts *counts)
{
	CkptCarryFrom from = ckpt_reuse_carry_from(&step->request);
	ListCell   *lc;

	memset(counts, 0, sizeof(CkptCarryCounts));
	if (step->carry_error)
		return;
	step->carrying = true;
	ckpt_progress_phase(CKPT_PHASE_CARRYING, step->cp->rows_total);
	ckpt_carry_over(&from, step->cp, step->udf, step->job.owner, counts);
	foreach(lc, counts->used)
		ckpt_catalog_touch_checkpoint(((const CkptCheckpoint *) lfirst(lc))->id);
	step->carrying = false;
}

/*
 * ckpt_step_carry_ran_short returns whether an error is that carrying over, which only
 * saves work, has met a limit: of temporary files, say.
 */
bool
ckpt_step_carry_ran_short(const CkptStep *step, const ErrorData *error)
{
	return step->carrying &&
		ERRCODE_TO_CATEGORY(error->sqlerrcode) == ERRCODE_INSUFFICIENT_RESOURCES;
}

/*
 * ckpt_step_without_carry lets the step identify its input once more, and not carry
 * over this time.
 */
void
ckpt_step_without_carry(CkptStep *step, ErrorData *error)
{
	step->state = STEP_IDENTIFY;
	memset(&step->identity, 0, sizeof(CkptIdentity));
	step->cp = NULL;
	step->carrying = false;
	step->carry_error = error->message;
	ckpt_progress_phase(CKPT_PHASE_READING, CKPT_ROWS_UNKNOWN);
	ereport(NOTICE,
			(errmsg("step \"%s\": results of earlier work could not be carried over: %s",
					step->name, error->message),
			 errdetail("Rows are computed that have results already."),
			 error->hint ? errhint("%s", error->hint) : 0));
}

/*
 * step_adopt goes on with a partial checkpoint; if carry is set, others may have
 * results that it lacks.
 */
static void
step_adopt(CkptStep *step, CkptCheckpoint *cp, bool carry)
{
	CkptCarryCounts counts;

	step->cp = cp;
	step->action = CKPT_STEP_CONTINUED;
	step->kept_from = cp->job_id;
	if (cp->open_step != 0)
		step->done = ckpt_ledger_totals(cp);	/* for an error's context */
	ckpt_step_take_from_clients(step);
	/* from here on, nobody gives up a row of it */
	ckpt_catalog_lock_checkpoint(cp->id);
	step->done = ckpt_ledger_totals(cp);
	if (step->spec->output == NULL)
		step_protect(step);
	/* called again in its job: what failed is tried again */
	if (cp->job_id == step->job.job_id)
		ckpt_ledger_reopen_failed(cp, cp->job_id);
	if (carry)
		carry_over(step, &counts);
	step_begin_run(step);
}

/*
 * check_resume raises if the step, which is to be computed for step->reason, is
 * to be reused, as it does not read the step that the job resumes from.
 */
static void
check_resume(const CkptStep *step)
{
	if (step->resume != RESUME_OTHER)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("cannot resume job \"%s\" from step \"%s\"", step->job.name,
					step->job.resume_from),
			 errdetail("Step \"%s\", which does not read that step, cannot be reused: %s.",
					   step->name, step->reason),
			 errhint("Run the job without resume_from: only what is needed is computed.")));
}

/*
 * analyze_input analyses the input query once more: it was, in an earlier
 * transaction, and relations may have changed since.
 */
static Query *
analyze_input(CkptStep *step, List *outputs)
{
	const char *argument = ckpt_reuse_argument(step->spec->kind);
	Query	   *query = ckpt_query_analyze(step->spec->query, argument, outputs);
	char	   *then = ckpt_columns_text(step->request.input_desc);
	char	   *now;

	if (step->spec->kind == CKPT_AGG)
		query = ckpt_agg_input(query, step->spec->udf, step->spec->partition_by);
	now = ckpt_columns_text(ckpt_query_input_desc(query, argument));

	if (strcmp(now, then) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("columns of argument \"%s\" changed while the step ran",
						argument),
				 errdetail("They were %s and are %s.", then, now)));
	return query;
}

/*
 * step_prepare_identity finds out what can be told of the input's identity
 * without reading it.  It needs the rights of the job's owner.
 */
static void
step_prepare_identity(CkptStep *step, Query *query, List *outputs)
{
	Query	   *probe = step->spec->probe ? ckpt_query_analyze(step->spec->probe, "probe", outputs) : NULL;

	step->identity = ckpt_identity_prepare(query, outputs, step->job.owner, probe, step->spec->probe);
}

/*
 * step_let_go_of_input drops the input table of a map, whose output has the
 * input's columns, but for rows that were given up, which have no output.
 */
static void
step_let_go_of_input(CkptStep *step)
{
	CkptCheckpoint *cp = step->cp;
	CkptIdSet  *given_up = ckpt_ledger_given_up(cp);
	char	   *rest = NULL;

	if (given_up)
	{
		rest = ckpt_result_table_name(cp->job_name, cp->step, cp->id, "given_up");
		ckpt_result_table_copy(cp->input_table,
							   ckpt_result_table_create(rest, step->request.input_desc, cp->owner),
							   given_up);
	}
	if (!ckpt_input_view_try_drop_table(cp->input_table, cp->owner))
	{
		if (rest)
			(void) ckpt_input_view_try_drop_table(rest, cp->owner);
		return;
	}
	if (rest)
		ckpt_result_table_rename(rest, cp->input_table);
	else
		cp->input_table = NULL;
}

/*
 * ckpt_step_finish makes the checkpoint final.
 */
void
ckpt_step_finish(CkptStep *step)
{
	CkptCheckpoint *cp = step->cp;

	ckpt_progress_phase(CKPT_PHASE_FINISHING, cp->rows_total);
	step->done = ckpt_ledger_totals(cp);
	cp->final = true;
	if (step->udf)
	{
		const CkptCode *code = &step->request.code;

		/* as it was when it was run: each transaction has looked at it */
		step->request.code = step->udf->code;
		cp->code_hash = code->hash;
		(void) ckpt_ledger_note_code(cp, code);
		ckpt_catalog_update_checkpoint(cp);
		/* it may be that none of its rows is of the code that it is finished with */
		cp->mixed_code = ckpt_ledger_rows_of_code(cp, code) < step->done.processed;
	}
	cp->content_hash = ckpt_rowhash_finish(ckpt_rowhash_columns(ckpt_rowhash_create(step->request.output_desc)),
										   &step->done.output);

	if (step->spec->kind == CKPT_MAP)
		step_let_go_of_input(step);
	ckpt_ledger_finish(cp);
	ckpt_catalog_finish_checkpoint(cp, ckpt_reuse_key(&step->request, cp->input_hash));
	ckpt_cleanup_finished(&step->request.ref, cp, false, step->udf);
	step->state = step->spec->kind == CKPT_SAVE ? STEP_PUBLISH : STEP_DONE;
}

/*
 * name_tables names the tables of a new checkpoint; after the step, as long as it
 * has no number.
 */
static void
name_tables(const CkptStep *step, CkptCheckpoint *cp)
{
	bool		numbered = cp->id != 0;
	int64		id = numbered ? cp->id : step->step_id;

	cp->output_table = ckpt_result_table_name(cp->job_name, cp->step, id,
											  numbered ? "output" : "new_output");
	if (step->udf)
		cp->input_table = ckpt_result_table_name(cp->job_name, cp->step, id,
												 numbered ? "input" : "new_input");
}

/*
 * draw_number gives a new checkpoint its number and names its tables.  There may be
 * tables of those names, which a dump has brought without their records.
 */
static void
draw_number(const CkptStep *step, CkptCheckpoint *cp)
{
	do
	{
		cp->id = ckpt_catalog_next_checkpoint_id();
		name_tables(step, cp);
	} while (OidIsValid(ckpt_result_table_lookup(cp->output_table)) ||
			 (cp->input_table && OidIsValid(ckpt_result_table_lookup(cp->input_table))));
}

/*
 * make_tables makes the tables of a new checkpoint, and returns the one that the
 * query's rows are for: the input or, where there is no UDF, the output.  If a table of
 * that name has the input's rows, the input is a view of it.
 */
static Oid
make_tables(const CkptStep *step, CkptCheckpoint *cp, const char *rows)
{
	const CkptRequest *request = &step->request;
	Oid			input = InvalidOid;
	Oid			output;

	if (cp->id == 0)
		name_tables(step, cp);
	if (rows)
		ckpt_result_table_create_view(cp->input_table, request->input_desc, rows, cp->owner);
	else if (cp->input_table)
		input = ckpt_result_table_create(cp->input_table, request->input_desc, cp->owner);
	output = ckpt_result_table_create(cp->output_table, request->output_desc, cp->owner);
	return cp->input_table ? input : output;
}

/*
 * number_checkpoint gives a new checkpoint, whose rows are to be kept, its number.
 */
static void
number_checkpoint(const CkptStep *step, CkptCheckpoint *cp)
{
	char	   *output = cp->output_table;
	char	   *input = cp->input_table;

	draw_number(step, cp);
	ckpt_result_table_rename(output, cp->output_table);
	if (input)
		ckpt_result_table_rename(input, cp->input_table);
}

/*
 * new_checkpoint makes a checkpoint, which is not in the catalog yet and has no
 * number.
 */
static CkptCheckpoint *
new_checkpoint(const CkptStep *step)
{
	CkptCheckpoint *cp = palloc0(sizeof(CkptCheckpoint));
	const CkptRequest *request = &step->request;

	cp->owner = step->job.owner;
	cp->job_name = step->job.name;
	cp->step = step->name;
	cp->job_id = step->job.job_id;
	cp->kind = request->kind;
	cp->input_columns = ckpt_columns_text(request->input_desc);
	cp->output_columns = request->output_columns;
	cp->udf_columns = request->udf_columns;
	cp->code_hash = request->code.hash;
	cp->cache_version = step->spec->cache_version;
	cp->fresh = request->anew != NULL;
	return cp;
}

/*
 * input_processes returns how many processes may read a step's input: one, where the
 * order of rows counts, as it does within a group.
 */
static int
input_processes(const CkptSpec *spec)
{
	return spec->kind == CKPT_MAP || spec->kind == CKPT_GEN ? (int) spec->workers : 1;
}

/*
 * input_shown returns the name of the table that the step's input can be a view of, and
 * in *input what there is to know of its rows; NULL if the query is to be run.  Steps of
 * kind map let go of their input; others keep it, and clients may want it for long.
 */
static char *
input_shown(const CkptStep *step, Query *query, CkptInput *input)
{
	if (step->spec->kind != CKPT_MAP || step->spec->output)
		return NULL;
	return ckpt_input_view_table(query, step->request.input_desc, step->job.owner, input);
}

/*
 * step_read runs the input query, writes its rows to the tables of a new
 * checkpoint, and completes the input's identity.  A snapshot is active.
 */
static void
step_read(CkptStep *step, Query *query, List *outputs, StepRows *rows, bool keep)
{
	Query	   *shared;
	char	   *shown;
	Oid			relid;
	CkptUser	saved;
	bool		earlier = false;

	step->computing = GetCurrentTimestamp();
	rows->cp = new_checkpoint(step);
	if (keep)
		draw_number(step, rows->cp);
	shown = input_shown(step, query, &rows->input);
	relid = make_tables(step, rows->cp, shown);
	saved = ckpt_user_become(step->job.owner);
	if (shown == NULL)
	{
		ckpt_plans_renew(&step->identity.code);
		shared = ckpt_inline_share(&step->job, query, outputs, &earlier);
		if (step->spec->kind == CKPT_AGG)
		{
			shared = copyObject(shared);
			ckpt_agg_prepare_input(shared);
		}
		ckpt_input_materialize(shared, step->spec->query, relid, input_processes(step->spec),
							   &rows->input);
	}
	ckpt_identity_check(&step->identity, query, outputs, step->job.owner);
	if (earlier)
	{
		/* tables and code, as they are now, need not be what the rows follow from */
		step->identity.derivation = NULL;
		step->identity.probed = false;
	}
	ckpt_user_restore(saved);
	if (!step->identity.probed)
		step->identity.hash = rows->input.hash;
}

/*
 * any_inlined returns whether any of (CkptStepOutput *) outputs is of a step that is
 * not stored.
 */
static bool
any_inlined(const List *outputs)
{
	ListCell   *lc;

	foreach(lc, outputs)
	{
		if (((const CkptStepOutput *) lfirst(lc))->inlined)
			return true;
	}
	return false;
}

/*
 * step_read_apart reads the input for its identity alone, where that costs little
 * beside the writing of rows, and takes the identity if it is a known one.  Where
 * tables of this server tell whether they have changed, they have.
 */
static void
step_read_apart(CkptStep *step, Query *query, List *outputs)
{
	CkptIdentity identity = step->identity;

	if (identity.hash || identity.derivation || identity.probed || any_inlined(outputs) ||
		!ckpt_identity_read_apart(&identity, query, step->spec->query))
		return;
	ckpt_identity_check(&identity, query, outputs, step->job.owner);
	if (ckpt_reuse_is_final(&step->request, identity.hash))
		step->identity = identity;
}

/*
 * step_read_input finds out which input it is.  If that needs its rows, or if
 * they are to be kept in any case, the query is run.
 */
static void
step_read_input(CkptStep *step, StepRows *rows, bool keep)
{
	List	   *outputs = ckpt_step_outputs(step);
	CkptUser	saved;
	Query	   *query;

	PushActiveSnapshot(GetTransactionSnapshot());
	saved = ckpt_user_become(step->job.owner);
	query = analyze_input(step, outputs);
	/* a probe comes before what it stands for: changes since then are noticed */
	if (step->identity.hash == NULL)
		step_prepare_identity(step, query, outputs);
	if (!keep)
		step_read_apart(step, query, outputs);
	ckpt_user_restore(saved);
	if (keep || step->identity.hash == NULL)
		step_read(step, query, outputs, rows, keep);
	PopActiveSnapshot();
	ckpt_catalog_store_identity(step->step_id, step->identity.derivation,
								step->identity.hash);
}

/*
 * step_drop_rows drops the rows that were read, as they turned out to be known.
 */
static void
step_drop_rows(CkptStep *step, const StepRows *rows)
{
	if (rows->cp == NULL)
		return;
	step->computing = 0;
	(void) ckpt_result_table_drop(rows->cp->output_table, rows->cp->owner);
	if (rows->cp->input_table)
		(void) ckpt_result_table_drop(rows->cp->input_table, rows->cp->owner);
}

/*
 * step_materialize keeps the query's rows as the input of a new checkpoint or,
 * where there is no UDF, as its output.
 */
static void
step_materialize(CkptStep *step, StepRows *rows)
{
	CkptCheckpoint *cp;
	const CkptRequest *request = &step->request;
	const CkptInput *input = &rows->input;
	CkptCarryCounts counts = {0};

	if (rows->cp == NULL)
		step_read_input(step, rows, true);
	cp = rows->cp;
	if (cp->id == 0)
		number_checkpoint(step, cp);
	cp->input_hash = step->identity.hash;
	cp->rows_hash = input->hash;
	cp->rows_total = input->sum.rows;
	ckpt_catalog_insert_checkpoint(cp);
	step->cp = cp;
	step->action = CKPT_STEP_COMPUTED;
	if (step->udf)
	{
		if (ckpt_reuse_may_carry(request))
			carry_over(step, &counts);
		step->reason = step->carry_error ?
			psprintf("nothing could be carried over: %s", step->carry_error) :
			ckpt_reuse_carried_reason(&step->decision, &counts, cp->input_hash,
									  cp->rows_hash, cp->rows_total);
		if (counts.carried > 0)
		{
			step->action = CKPT_STEP_CARRIED_OVER;
			step->kept_from = counts.base->job_id;
			if (2 * counts.from_base > cp->rows_total)
				cp->carried_from = counts.base->id;
		}
		step->task.long_hashes = input->long_hashes;
		step_begin_run(step);
	}
	else
	{
		int64		nrows = input->sum.rows;

		step->reason = step->full_reason =
			ckpt_reuse_carried_reason(&step->decision, &counts, cp->input_hash,
									  cp->rows_hash, nrows);

		ckpt_ledger_store_query(cp, &input->sum);
		/* a query has no code but what its call says of it */
		if (step->spec->code_version || step->spec->depends_on)
			(void) ckpt_ledger_note_code(cp, &request->code);
		step->counts = (CkptStepCounts) {nrows, 0, nrows, 0, nrows, -1};
		ckpt_step_finish(step);
	}
}

/*
 * drop_restarted drops the unfinished checkpoints that are not to be continued,
 * as their code has changed.
 */
static void
drop_restarted(const CkptStep *step)
{
	ListCell   *lc;

	foreach(lc, step->request.restarted)
		ckpt_catalog_replace_checkpoint(((const CkptCheckpoint *) lfirst(lc))->id);
	if (step->request.restarted)
		ckpt_cleanup_replaced(&step->request.ref);
}

/*
 * reuse_final ends the step with the final checkpoint that was decided on.
 */
static void
reuse_final(CkptStep *step, const CkptDecision *decision)
{
	if (decision->accept)
		ckpt_ledger_accept_code(decision->cp, &step->request.code);
	ckpt_step_note_reuse(step, decision);
	ckpt_step_reuse(step, decision);
}

/*
 * identify_inlined finds out which input an inlined step has, if there may be a
 * checkpoint that is final, or something else needs to know.  The input is read only
 * if it is worth it: the rows of a query are computed by that.
 */
static void
identify_inlined(CkptStep *step, bool candidate)
{
	bool		read = candidate &&
		(step->udf || ckpt_catalog_was_stored(&step->request.ref, step->job.job_id));
	List	   *outputs = ckpt_step_outputs(step);
	CkptUser	saved;
	Query	   *query;

	PushActiveSnapshot(GetTransactionSnapshot());
	saved = ckpt_user_become(step->job.owner);
	query = analyze_input(step, outputs);
	step_prepare_identity(step, query, outputs);
	if (step->identity.hash == NULL && read)
	{
		ckpt_identity_read(&step->identity, query, step->spec->query, NULL);
		ckpt_identity_check(&step->identity, query, outputs, step->job.owner);
	}
	ckpt_user_restore(saved);
	PopActiveSnapshot();
	if (step->identity.hash)
		ckpt_catalog_store_identity(step->step_id, step->identity.derivation,
									step->identity.hash);
}

/*
 * check_resume_inlined raises if an inlined step is to be reused, and is known to be
 * another than it was.  reason says why no checkpoint serves it.  Whether tables that
 * it reads have changed is for the steps that read it to say.
 */
static void
check_resume_inlined(CkptStep *step, char *reason)
{
	bool		was_stored = ckpt_catalog_was_stored(&step->request.ref, step->job.job_id);

	step->reason = was_stored ? reason :
		ckpt_catalog_inlined_before(&step->request.ref, step->job.job_id, step->inlined);
	if (step->reason)
		check_resume(step);
}

/*
 * step_inline ends a step that is not stored, with a final checkpoint if one serves
 * it.
 */
static void
step_inline(CkptStep *step)
{
	CkptDecision decision;
	bool		candidate = ckpt_reuse_needs_identity(&step->request, &decision);

	if (candidate || step->spec->probe)
		identify_inlined(step, candidate);
	if (candidate && step->identity.hash)
		decision = ckpt_reuse_decide(&step->request, step->identity.hash);
	if (decision.action == CKPT_REUSE)
	{
		reuse_final(step, &decision);
		return;
	}
	if (step->identity.probed)
		step->inlined->probe = step->identity.hash;
	if (step->resume == RESUME_OTHER)
		check_resume_inlined(step, decision.reason);
	ckpt_catalog_store_inlined(step->step_id, step->inlined);
	step->action = CKPT_STEP_INLINED;
	step->reason = step->full_reason = ckpt_inline_reason(step->spec);
	step->state = STEP_DONE;
}

/*
 * ckpt_step_identify looks for a checkpoint that serves this step, or makes one.
 *
 * The query is run once, though its rows may turn out to be known: it may be
 * expensive, and to write rows costs a small multiple of reading them.
 */
void
ckpt_step_identify(CkptStep *step)
{
	CkptDecision decision;
	StepRows	rows = {.cp = NULL};

	if (step->inlined)
	{
		step_inline(step);
		return;
	}
	if (ckpt_reuse_needs_identity(&step->request, &decision))
	{
		step_read_input(step, &rows, false);
		decision = ckpt_reuse_decide(&step->request, step->identity.hash);
	}

	step->decision = decision;
	step->reason = decision.reason;
	if (decision.action != CKPT_COMPUTE)
		step_drop_rows(step, &rows);
	if (decision.action == CKPT_REUSE)
	{
		reuse_final(step, &decision);
		return;
	}
	check_resume(step);
	drop_restarted(step);
	if (decision.action == CKPT_CONTINUE)
		step_adopt(step, decision.cp, decision.carry);
	else
		step_materialize(step, &rows);
}
