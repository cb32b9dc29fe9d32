/*-------------------------------------------------------------------------
 *
 * reuse.c
 *	  Which earlier work serves a step: reuse, continue, carry over or compute.
 *
 * Looks at what is kept and says what is to be done, and why; does nothing.
 * The step that is run and the one that is only explained ask the same
 * questions here, in this order:
 *
 *	1.	Can anything serve at all?  If not, the input need not be identified.
 *	2.	With the input's identity: is there an unfinished fresh run, a final
 *		checkpoint under the key, an unfinished one of this step?
 *	3.	If not: whose results are good for equal rows?
 *
 * A step that is to be computed anew ignores what was kept before its job, and
 * goes on with what that job has left when it is called again.
 *
 * A checkpoint whose tables are not what they were is passed over, with a
 * warning; an expired one as if it did not exist.
 *
 * IDENTIFICATION
 *	  src/reuse.c
 *
 *-------------------------------------------------------------------------
 */
#include "checkpoint.h"

#include "agg.h"
#include "content.h"
#include "fingerprint.h"
#include "ledger.h"
#include "query.h"
#include "query_columns.h"
#include "result_table.h"
#include "reuse.h"
#include "rights.h"
#include "udf_outside.h"

/*
 * ckpt_reuse_argument returns the name of the argument that a step's query
 * comes in.
 */
const char *
ckpt_reuse_argument(CkptKind kind)
{
	return kind == CKPT_MAP || kind == CKPT_GEN || kind == CKPT_AGG ? "input" : "query";
}

/*
 * udf_columns returns the output's columns that the UDF gives, as text.
 */
static char *
udf_columns(const CkptRequest *request)
{
	int			first = request->udf ? request->udf->nplain : 0;
	TupleDesc	desc = CreateTemplateTupleDesc(request->output_desc->natts - first);

	for (int i = 1; i <= desc->natts; i++)
		TupleDescCopyEntry(desc, i, request->output_desc, first + i);
	return ckpt_columns_text(desc);
}

/*
 * has_missing returns whether a query reads an output that is not there yet.
 */
static bool
has_missing(List *outputs)
{
	ListCell   *lc;

	foreach(lc, outputs)
	{
		CkptStepOutput *output = (CkptStepOutput *) lfirst(lc);

		if (output->used && output->table == NULL)
			return true;
	}
	return false;
}

/*
 * depended_on returns the content hash of the rows that the code depends on, or
 * NULL where they depend on a step that is only explained, and would be computed.
 */
static char *
depended_on(const char *sql, List *outputs)
{
	Query	   *query = ckpt_query_analyze(sql, "depends_on", outputs);

	(void) ckpt_query_result_desc(query);
	if (has_missing(outputs))
		return NULL;
	ckpt_rights_check(query);
	return ckpt_content_of_query(query, sql, outputs);
}

/*
 * ckpt_reuse_analyze analyses a step's query, which it returns, and its UDF,
 * and notes in the request what they mean: all but whose step it is, and
 * whether it is to be computed anew.
 *
 * Runs with the rights of the current user.  Needs an active snapshot.
 */
Query *
ckpt_reuse_analyze(CkptRequest *request, const CkptSpec *spec, List *outputs)
{
	const char *argument = ckpt_reuse_argument(spec->kind);
	Query	   *query = ckpt_query_analyze(spec->query, argument, outputs);
	CkptCodeGiven given = {spec->cache_version, spec->code_version, NULL};

	request->spec = spec;
	if (spec->kind == CKPT_CHECK_EMPTY)
		return query;			/* nothing is kept of it, so its columns do not matter */
	if (spec->depends_on)
		given.depends_on = depended_on(spec->depends_on, outputs);
	/* what save publishes is kept as the rows of a query */
	request->kind = spec->kind == CKPT_SAVE ? CKPT_QUERY : spec->kind;

	if (spec->kind == CKPT_AGG)
		query = ckpt_agg_input(query, spec->udf, spec->partition_by);
	request->input_desc = ckpt_query_input_desc(query, argument);
	if (spec->output)
	{
		request->udf = ckpt_udf_outside(spec, &given, request->input_desc);
		request->output_desc = request->udf->output_desc;
		request->code = request->udf->code;
	}
	else if (spec->udf)
	{
		request->udf = ckpt_udf_analyze(spec->kind, spec->udf,
										ckpt_udf_shape(spec, request->input_desc), &given,
										request->input_desc);
		request->output_desc = request->udf->output_desc;
		request->code = request->udf->code;
	}
	else
	{
		request->output_desc = request->input_desc;
		request->code = ckpt_fingerprint_version(&given);
	}
	request->output_columns = ckpt_columns_text(request->output_desc);
	request->udf_columns = udf_columns(request);
	return query;
}

/*
 * ckpt_reuse_key puts together all that a final checkpoint is found by.
 */
char *
ckpt_reuse_key(const CkptRequest *request, const char *input_hash)
{
	return ckpt_hash_text(psprintf("%s\1%s\1%s\1%s\1%s",
								   ckpt_kind_name(request->kind), input_hash,
								   request->output_columns, request->code.hash,
								   request->code.cache_version ? request->code.cache_version : ""));
}

/*
 * lacks_rows returns whether a checkpoint's table, which is locked, is empty although
 * the checkpoint has rows: it comes from a dump without data, or was truncated.
 */
static bool
lacks_rows(const CkptCheckpoint *cp, const char *table)
{
	if (!ckpt_result_table_is_empty(table))
		return false;
	return cp->input_table && strcmp(table, cp->input_table) == 0 ? cp->rows_total > 0 :
		ckpt_ledger_totals(cp).output.rows > 0;
}

/*
 * table_usable returns whether a checkpoint's table is what it was; if it is
 * not, it may warn.  Columns of NULL are not looked at.  A table that is stays
 * locked until the transaction ends.
 */
static bool
table_usable(CkptRequest *request, const CkptCheckpoint *cp, const char *table,
			 const char *columns, bool warn)
{
	const char *fault = ckpt_result_table_fault(table, request->ref.owner, columns);
	ListCell   *lc;

	if (fault == NULL && lacks_rows(cp, table))
		fault = "its rows are gone";
	if (fault == NULL)
		return true;
	if (!warn)
		return false;
	foreach(lc, request->warned_about)
	{
		if (((const CkptCheckpoint *) lfirst(lc))->id == cp->id)
			return false;
	}
	request->warned_about = lappend(request->warned_about, unconstify(CkptCheckpoint *, cp));
	ereport(WARNING,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("checkpoint %lld of step \"%s\" cannot be used", (long long) cp->id,
					cp->step),
			 errdetail("Table \"%s.%s\": %s.", CKPT_DATA_SCHEMA, table, fault),
			 errhint("What it held is computed again.")));
	return false;
}

static bool
same_text(const char *a, const char *b)
{
	return strcmp(a ? a : "", b ? b : "") == 0;
}

/*
 * other_code says in words what tells the code that computed rows of a
 * checkpoint from the code at hand; NULL if nothing does.  A final one is taken
 * by the code that it was finished with, unless rows of other code are to be
 * recomputed.
 */
static char *
other_code(const CkptRequest *request, const CkptCheckpoint *cp)
{
	CkptCode	finished_with = {cp->code_hash, cp->cache_version, NULL};
	bool		by_rows = !cp->final || request->spec->on_code_change == CKPT_CODE_RECOMPUTE;
	List	   *versions = ckpt_ledger_codes(cp);
	bool		other_version = false;
	ListCell   *lc;

	if (request->udf == NULL)
		other_version = !same_text(cp->cache_version, request->code.cache_version);
	/* of a query without a word on its code, no version is on record */
	if (request->udf == NULL && versions == NIL)
	{
		char	   *difference = ckpt_code_difference(&(CkptCode) {.components = "{}"},
													  &request->code);

		if (difference)
			return difference;
	}
	foreach(lc, versions)
	{
		CkptCodeVersion *version = (CkptCodeVersion *) lfirst(lc);
		char	   *difference;

		if (by_rows ? version->rows == 0 : !ckpt_code_equal(&version->code, &finished_with))
			continue;
		/* not all that is on record of a version makes a difference */
		difference = strcmp(version->code.hash, request->code.hash) == 0 ? NULL :
			ckpt_code_difference(&version->code, &request->code);
		if (difference)
			return ckpt_fingerprint_describe(difference);
		other_version |= !same_text(version->code.cache_version, request->code.cache_version);
	}
	return other_version ? "cache_version changed" : NULL;
}

/*
 * may_give returns whether results of a checkpoint of the step's name are of the
 * form that the step gives now.
 */
static bool
may_give(const CkptRequest *request, const CkptCheckpoint *cp)
{
	if (cp->expired || cp->kind != request->kind)
		return false;
	return cp->udf_columns ? strcmp(cp->udf_columns, request->udf_columns) == 0 :
		strcmp(cp->output_columns, request->output_columns) == 0;
}

/*
 * is_of_step returns whether a checkpoint of the step's name could be what the
 * step is now: also the input has the same columns.
 */
static bool
is_of_step(const CkptRequest *request, const CkptCheckpoint *cp)
{
	return may_give(request, cp) &&
		strcmp(cp->output_columns, request->output_columns) == 0;
}

/*
 * is_current_code returns whether the code that a checkpoint was last worked on
 * with is that at hand.
 */
static bool
is_current_code(const CkptRequest *request, const CkptCheckpoint *cp)
{
	CkptCode	worked_with = {cp->code_hash, cp->cache_version, NULL};

	return ckpt_code_equal(&request->code, &worked_with);
}

/*
 * rows_of_code returns how many rows of a checkpoint the code at hand has
 * computed.
 */
static int64
rows_of_code(const CkptRequest *request, const CkptCheckpoint *cp)
{
	return ckpt_ledger_rows_of_code(cp, &request->code);
}

/*
 * rows_by_earlier returns how many rows of a checkpoint other code has computed.
 */
static int64
rows_by_earlier(const CkptRequest *request, const CkptCheckpoint *cp)
{
	if (request->udf == NULL || (cp->final && !cp->mixed_code && is_current_code(request, cp)))
		return 0;
	return ckpt_ledger_totals(cp).processed - rows_of_code(request, cp) -
		ckpt_ledger_count_given_up(cp);
}

/*
 * counts_as_current returns whether all rows of a final checkpoint count as
 * computed by the code at hand: within its run group, that is the code that it
 * was finished with, whichever code computed the rows that were kept, and code
 * that was accepted for it.
 */
static bool
counts_as_current(const CkptRequest *request, const CkptCheckpoint *cp)
{
	return request->spec->on_code_change != CKPT_CODE_RECOMPUTE &&
		strcmp(cp->job_name, request->ref.job_name) == 0 &&
		(is_current_code(request, cp) || ckpt_ledger_is_accepted(cp, &request->code));
}

/*
 * step_checkpoints lists (CkptCheckpoint *), newest first, what there is of the
 * step, and is not to be ignored.
 */
static List *
step_checkpoints(const CkptRequest *request)
{
	List	   *checkpoints = ckpt_catalog_group_checkpoints(&request->ref);
	List	   *of_job = NIL;
	ListCell   *lc;

	if (request->anew == NULL)
		return checkpoints;
	foreach(lc, checkpoints)
	{
		CkptCheckpoint *cp = (CkptCheckpoint *) lfirst(lc);

		if (cp->job_id == request->job_id && strcmp(cp->step, request->ref.step) == 0)
			of_job = lappend(of_job, cp);
	}
	return of_job;
}

/*
 * ckpt_reuse_may_carry returns whether results may be carried over to the step.
 */
bool
ckpt_reuse_may_carry(const CkptRequest *request)
{
	return request->udf && ckpt_carry_has_key(request->udf);
}

/*
 * others_have_more returns whether other checkpoints may have results that the
 * nth of the step's checkpoints, a partial one with the right input, lacks: a
 * newer one, or one that was continued later, went on with another input, or
 * the code at hand has computed nothing of this one but rows of an older one
 * (it was changed back).
 */
static bool
others_have_more(const CkptRequest *request, List *checkpoints, int nth)
{
	const CkptCheckpoint *cp = (const CkptCheckpoint *) list_nth(checkpoints, nth);
	bool		changed_back = !is_current_code(request, cp) && rows_of_code(request, cp) == 0;

	for (int i = 0; i < nth; i++)
	{
		if (may_give(request, (const CkptCheckpoint *) list_nth(checkpoints, i)))
			return true;
	}
	for (int i = nth + 1; i < list_length(checkpoints) && !cp->fresh; i++)
	{
		const CkptCheckpoint *older = (const CkptCheckpoint *) list_nth(checkpoints, i);

		if (may_give(request, older) &&
			(older->job_id > cp->job_id ||
			 (changed_back && ((older->final && counts_as_current(request, older)) ||
							   rows_of_code(request, older) > 0))))
			return true;
		if (older->fresh && !older->final)
			break;
	}
	return false;
}

/*
 * decide_partial looks for the newest partial checkpoint of this step of the
 * run group that has this input.  fresh_only takes none but that of a fresh run.
 */
static bool
decide_partial(CkptRequest *request, const char *input_hash, bool fresh_only,
			   CkptDecision *decision)
{
	List	   *checkpoints = step_checkpoints(request);
	ListCell   *lc;

	foreach(lc, checkpoints)
	{
		CkptCheckpoint *cp = (CkptCheckpoint *) lfirst(lc);
		char	   *code_change;

		/* without an input there is nothing to go on with */
		if (cp->final || cp->input_table == NULL || !is_of_step(request, cp) ||
			strcmp(cp->input_hash, input_hash) != 0)
			continue;
		if (fresh_only && !cp->fresh)
			return false;
		if (!table_usable(request, cp, cp->output_table, request->output_columns, true) ||
			!table_usable(request, cp, cp->input_table,
						  ckpt_columns_text(request->input_desc), true))
			continue;

		code_change = other_code(request, cp);
		if (code_change && request->spec->on_code_change == CKPT_CODE_RESTART)
		{
			request->restarted = list_append_unique_ptr(request->restarted, cp);
			continue;
		}
		decision->carry = ckpt_reuse_may_carry(request) &&
			others_have_more(request, checkpoints, foreach_current_index(lc));
		/* what others have is to come in the place of rows that are dropped */
		if (code_change && request->spec->on_code_change == CKPT_CODE_RECOMPUTE && decision->carry)
			return false;
		decision->action = CKPT_CONTINUE;
		decision->cp = cp;
		if (request->spec->on_code_change != CKPT_CODE_RECOMPUTE)
			decision->by_earlier = rows_by_earlier(request, cp);
		decision->reason = code_change ? code_change :
			psprintf("not finished by job %lld", (long long) cp->job_id);
		return true;
	}
	return false;
}

/*
 * has_unknown_code returns whether nothing is known of a step's code: clients compute
 * it, and have not said what stands for it.  Then it is known by the step's name alone.
 */
static bool
has_unknown_code(const CkptRequest *request)
{
	return request->spec->output && request->spec->code_version == NULL;
}

/*
 * decide_final looks for the newest final checkpoint under the key.
 */
static CkptCheckpoint *
decide_final(CkptRequest *request, const char *input_hash)
{
	ListCell   *lc;

	foreach(lc, ckpt_catalog_finals(request->ref.owner, request->ref.job_name,
									ckpt_reuse_key(request, input_hash)))
	{
		CkptCheckpoint *cp = (CkptCheckpoint *) lfirst(lc);

		if (request->anew &&
			(cp->job_id != request->job_id || strcmp(cp->step, request->ref.step) != 0))
			continue;
		if (has_unknown_code(request) &&
			(strcmp(cp->job_name, request->ref.job_name) != 0 || strcmp(cp->step, request->ref.step) != 0))
			continue;
		if (request->spec->on_code_change == CKPT_CODE_RECOMPUTE && rows_by_earlier(request, cp) > 0)
			continue;
		if (table_usable(request, cp, cp->output_table, request->output_columns, true))
			return cp;
	}
	return NULL;
}

/*
 * decide_accepted looks for the newest final checkpoint of this step of the run
 * group that has this input and counts as of the code at hand, or, if changes of
 * the code are accepted, is to.
 */
static bool
decide_accepted(CkptRequest *request, const char *input_hash, CkptDecision *decision)
{
	bool		accept = request->spec->on_code_change == CKPT_CODE_ACCEPT;
	ListCell   *lc;

	if (request->udf == NULL || request->spec->on_code_change == CKPT_CODE_RECOMPUTE)
		return false;
	foreach(lc, step_checkpoints(request))
	{
		CkptCheckpoint *cp = (CkptCheckpoint *) lfirst(lc);
		bool		counts;

		if (!cp->final || !is_of_step(request, cp) ||
			strcmp(cp->job_name, request->ref.job_name) != 0 ||
			strcmp(cp->input_hash, input_hash) != 0)
			continue;
		counts = counts_as_current(request, cp);
		if ((!counts && !accept) ||
			!table_usable(request, cp, cp->output_table, request->output_columns, true))
			continue;

		decision->action = CKPT_REUSE;
		decision->cp = cp;
		decision->by_earlier = rows_by_earlier(request, cp);
		decision->accept = !counts;
		decision->reason = counts ?
			psprintf("same input, and a change of code that was accepted: final checkpoint %lld of job %lld",
					 (long long) cp->id, (long long) cp->job_id) :
			psprintf("same input, change of code accepted: %s: final checkpoint %lld of job %lld",
					 other_code(request, cp), (long long) cp->id, (long long) cp->job_id);
		return true;
	}
	return false;
}

/*
 * decide_compute says why what this run group has, and used last, is of no use.
 */
static void
decide_compute(const CkptRequest *request, const char *input_hash, CkptDecision *decision)
{
	List	   *earlier = step_checkpoints(request);
	const CkptCheckpoint *last = NULL;
	char	   *code_change = NULL;
	ListCell   *lc;

	decision->action = CKPT_COMPUTE;
	decision->cp = NULL;
	decision->reason = request->anew ? request->anew : "no earlier work";
	foreach(lc, earlier)
	{
		CkptCheckpoint *cp = (CkptCheckpoint *) lfirst(lc);

		if (last == NULL || cp->last_used > last->last_used)
			last = cp;
	}
	if (last == NULL)
		return;
	if (last->kind == request->kind && !(last->final && counts_as_current(request, last)))
		code_change = other_code(request, last);
	if (last->expired)
		decision->reason = "earlier work has expired";
	else if (last->kind != request->kind)
		decision->reason = "kind of step changed";
	else if (!may_give(request, last))
		decision->reason = "output columns changed";
	else if (code_change &&
			 ((last->final && request->spec->on_code_change != CKPT_CODE_ACCEPT) ||
			  request->spec->on_code_change == CKPT_CODE_RESTART))
		decision->reason = code_change;
	else if (input_hash ? strcmp(last->input_hash, input_hash) != 0 :
			 !is_of_step(request, last))
	{
		decision->reason = "input changed";
		decision->rows_before = last->rows_total;
		decision->kind = last->kind;
	}
	else if (code_change)
		decision->reason = code_change;
	else
		decision->reason = "tables of earlier work cannot be used";
}

/*
 * has_used returns whether there is a final checkpoint that could be what the step
 * is now, if its input and a change of code allow: another step may have computed
 * it, and this one reused it.
 */
static bool
has_used(const CkptRequest *request)
{
	ListCell   *lc;

	if (request->udf == NULL)
		return false;
	foreach(lc, step_checkpoints(request))
	{
		const CkptCheckpoint *cp = (const CkptCheckpoint *) lfirst(lc);

		if (cp->final && is_of_step(request, cp))
			return true;
	}
	return false;
}

/*
 * ckpt_reuse_needs_identity returns whether there is anything that could serve
 * the step if its input turned out to be the right one.  If not, *decision is
 * to compute.
 */
bool
ckpt_reuse_needs_identity(CkptRequest *request, CkptDecision *decision)
{
	memset(decision, 0, sizeof(CkptDecision));
	decision->rows_before = -1;
	if (request->anew ? step_checkpoints(request) != NIL :
		ckpt_catalog_has_candidate(&request->ref, request->kind, request->output_columns,
								   request->code.hash) ||
		has_used(request))
		return true;
	decide_compute(request, NULL, decision);
	return false;
}

/*
 * ckpt_reuse_is_final returns whether a final checkpoint with an input of the given
 * identity is on record.  Whether it serves is for ckpt_reuse_decide() to say.
 */
bool
ckpt_reuse_is_final(CkptRequest *request, const char *input_hash)
{
	return ckpt_catalog_finals(request->ref.owner, request->ref.job_name,
							   ckpt_reuse_key(request, input_hash)) != NIL;
}

/*
 * ckpt_reuse_decide looks for a checkpoint that serves a step with an input of the
 * given identity.  The tables of the one it finds are locked until the
 * transaction ends.
 */
CkptDecision
ckpt_reuse_decide(CkptRequest *request, const char *input_hash)
{
	CkptDecision decision = {.action = CKPT_COMPUTE, .rows_before = -1};
	CkptCheckpoint *final = decide_final(request, input_hash);
	bool		alone = final && !ckpt_catalog_has_others(&request->ref, final->id);

	/* an unfinished fresh run was to replace what is final */
	if ((final == NULL || (!alone && ckpt_catalog_has_fresh(&request->ref, final->id))) &&
		decide_partial(request, input_hash, true, &decision) &&
		(final == NULL || final->id < decision.cp->id))
		return decision;
	decision = (CkptDecision) {.action = CKPT_COMPUTE, .rows_before = -1};
	if (final)
	{
		decision.action = CKPT_REUSE;
		decision.cp = final;
		decision.alone = alone;
		decision.by_earlier = rows_by_earlier(request, final);
		decision.reason = psprintf("same input%s: final checkpoint %lld of job %lld",
								   request->udf ? " and code" : "", (long long) final->id,
								   (long long) final->job_id);
		return decision;
	}
	if (decide_accepted(request, input_hash, &decision) ||
		decide_partial(request, input_hash, false, &decision))
		return decision;
	decide_compute(request, input_hash, &decision);
	return decision;
}

/*
 * base_usable returns whether results can be carried over from a checkpoint as
 * far as its tables are concerned.
 */
static bool
base_usable(CkptRequest *request, const CkptCheckpoint *base, bool warn)
{
	if (!table_usable(request, base, base->output_table, base->output_columns, warn))
		return false;
	/* a partial one is whole or nothing; the output of gen needs its input */
	return (request->kind == CKPT_MAP && base->final) ||
		(base->input_table != NULL &&
		 table_usable(request, base, base->input_table, base->input_columns, warn));
}

static bool
is_restarted(const CkptRequest *request, const CkptCheckpoint *cp)
{
	ListCell   *lc;

	foreach(lc, request->restarted)
	{
		if (((const CkptCheckpoint *) lfirst(lc))->id == cp->id)
			return true;
	}
	return false;
}

/*
 * carry_which says which results of a checkpoint may be carried over: of a
 * partial one all, whatever code computed them, of a final one those that count
 * as of the code at hand, or all, if changes of the code are accepted.
 */
static CkptCarryWhich
carry_which(void *arg, const CkptCheckpoint *base, bool warn)
{
	CkptRequest *request = (CkptRequest *) arg;
	CkptOnCodeChange on_code_change = request->spec->on_code_change;
	bool		all = base->final ?
		on_code_change == CKPT_CODE_ACCEPT || counts_as_current(request, base) :
		on_code_change != CKPT_CODE_RECOMPUTE && on_code_change != CKPT_CODE_RESTART;

	if (!may_give(request, base) || is_restarted(request, base) ||
		!base_usable(request, base, warn))
		return CKPT_CARRY_NONE;
	return all ? CKPT_CARRY_ALL : CKPT_CARRY_SAME_CODE;
}

/*
 * ckpt_reuse_carry_from says where results may be carried over from to a
 * checkpoint of the step.  The request must live until that is done.
 */
CkptCarryFrom
ckpt_reuse_carry_from(CkptRequest *request)
{
	CkptCarryFrom from = {
		.checkpoints = step_checkpoints(request),
		.which = carry_which,
		.arg = request,
		.code = request->code,
		.seconds_per_row = ckpt_catalog_seconds_per_row(&request->ref),
	};

	return from;
}

/*
 * unread_change says what has changed where the UDF reads the same values as from
 * a base.
 */
static char *
unread_change(const CkptDecision *decision, const CkptCheckpoint *base,
			  const char *input_hash, const char *rows_hash)
{
	if (base->rows_hash == NULL)
		return "input or probe changed, but no value that the udf reads";
	if (strcmp(base->rows_hash, rows_hash) != 0)
		return "input changed in columns that the udf does not read";
	if (strcmp(base->input_hash, input_hash) != 0)
		return "probe changed, and no row";
	return decision->reason;
}

/*
 * ckpt_reuse_carried_reason says why a step was computed, now that it is known
 * what came from earlier work.  input_hash identifies the input, rows_hash is the
 * content hash of its rows, which may be the same.
 */
char *
ckpt_reuse_carried_reason(const CkptDecision *decision, const CkptCarryCounts *counts,
						   const char *input_hash, const char *rows_hash, int64 rows)
{
	const CkptCheckpoint *base = counts->base;
	char	   *changed_rows;

	if (base == NULL || (decision->rows_before < 0 && counts->carried == 0))
	{
		if (decision->rows_before < 0 || decision->rows_before == rows)
			return decision->reason;
		return psprintf("input changed: %lld %s, %lld before", (long long) rows,
						ckpt_unit_word(decision->kind, false),
						(long long) decision->rows_before);
	}
	changed_rows = ckpt_carry_describe(counts);
	if (changed_rows == NULL)
		changed_rows = unread_change(decision, base, input_hash, rows_hash);
	if (base->final || counts->carried == 0 || counts->carried == rows)
		return changed_rows;
	return psprintf("%s; not finished by job %lld", changed_rows, (long long) base->job_id);
}

/*
 * ckpt_reuse_full_reason adds to a step's reason how many of the rows or groups that are
 * kept are by earlier code.
 */
char *
ckpt_reuse_full_reason(CkptKind kind, char *reason, int64 kept, int64 by_earlier)
{
	if (by_earlier <= 0)
		return reason;
	return psprintf("%s; %lld %s kept, %lld of them by earlier code", reason,
					(long long) kept, ckpt_unit_word(kind, false), (long long) by_earlier);
}
