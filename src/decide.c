/*-------------------------------------------------------------------------
 *
 * decide.c
 *	  Which earlier work serves a step: reuse, continue or compute.
 *
 * Looks at what is kept and says what is to be done, and why; does nothing.
 * The step that is run and the one that is only explained ask the same
 * questions here, in this order:
 *
 *	1.	Can anything serve at all?  If not, the input need not be identified.
 *	2.	With the input's identity: is there an unfinished fresh run, a final
 *		checkpoint under the key, an unfinished one of this step?
 *
 * A checkpoint whose tables are not what they were is passed over, with a
 * warning; an expired one as if it did not exist.
 *
 * IDENTIFICATION
 *	  src/decide.c
 *
 *-------------------------------------------------------------------------
 */
#include "checkpoint.h"

#include "decide.h"
#include "query.h"
#include "result_table.h"

const char *const ckpt_on_code_change_names[CKPT_NUM_ON_CODE_CHANGE] = {
	[CKPT_CODE_CONTINUE] = "continue",
	[CKPT_CODE_RECOMPUTE] = "recompute",
	[CKPT_CODE_RESTART] = "restart",
};

/*
 * ckpt_decide_argument returns the name of the argument that a step's query
 * comes in.
 */
const char *
ckpt_decide_argument(CkptKind kind)
{
	return kind == CKPT_MAP || kind == CKPT_GEN ? "input" : "query";
}

/*
 * ckpt_decide_analyze analyses a step's query, which it returns, and its UDF,
 * and notes in the request what they mean: all but whose step it is, and
 * whether it is to be computed anew.
 *
 * Runs with the rights of the current user.  Needs an active snapshot.
 */
Query *
ckpt_decide_analyze(CkptRequest *request, const CkptStepCall *call, List *outputs)
{
	const char *argument = ckpt_decide_argument(call->kind);
	Query	   *query = ckpt_query_analyze(call->query, argument, outputs);

	/* what save publishes is kept as the rows of a query */
	request->kind = call->kind == CKPT_SAVE ? CKPT_QUERY : call->kind;
	request->cache_version = call->cache_version;
	while (strcmp(call->on_code_change,
				  ckpt_on_code_change_names[request->on_code_change]) != 0)
		request->on_code_change++;

	request->input_desc = ckpt_query_input_desc(query, argument);
	if (call->udf)
	{
		request->udf = ckpt_udf_analyze(call->kind, call->udf, request->input_desc);
		request->output_desc = request->udf->output_desc;
		request->fingerprint = request->udf->fingerprint;
	}
	else
	{
		request->output_desc = request->input_desc;
		request->fingerprint = ckpt_fingerprint_none();
	}
	request->output_columns = ckpt_columns_text(request->output_desc);
	return query;
}

/*
 * ckpt_decide_key puts together all that a final checkpoint is found by.
 */
char *
ckpt_decide_key(const CkptRequest *request, const char *input_hash)
{
	return ckpt_hash_text(psprintf("%s\1%s\1%s\1%s\1%s",
								   ckpt_kind_name(request->kind), input_hash,
								   request->output_columns, request->fingerprint->hash,
								   request->cache_version ? request->cache_version : ""));
}

/*
 * ckpt_decide_usable returns whether a checkpoint's table is what it was, and
 * warns if it is not.  Columns of NULL are not looked at.  A table that is
 * stays locked until the transaction ends.
 */
bool
ckpt_decide_usable(CkptRequest *request, const CkptCheckpoint *cp, const char *table,
				   const char *columns)
{
	const char *fault = ckpt_result_table_fault(table, request->ownerid, columns);
	ListCell   *lc;

	if (fault == NULL)
		return true;
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

/*
 * other_code says in words what tells the code that computed rows of a
 * checkpoint (for a final one: that it was finished with) from the code at
 * hand; NULL if nothing does.
 */
static char *
other_code(const CkptRequest *request, const CkptCheckpoint *cp)
{
	bool		other_version = false;
	ListCell   *lc;

	foreach(lc, ckpt_catalog_code_versions(cp->id))
	{
		CkptCodeVersion *version = (CkptCodeVersion *) lfirst(lc);
		char	   *difference;

		if (cp->final && strcmp(version->code_hash, cp->code_hash) != 0)
			continue;
		difference = ckpt_catalog_code_difference(version->components,
												  request->fingerprint->components);
		if (difference)
			return ckpt_fingerprint_describe(difference);
		other_version |= strcmp(version->cache_version ? version->cache_version : "",
								request->cache_version ? request->cache_version : "") != 0;
	}
	return other_version ? "cache_version changed" : NULL;
}

/*
 * decide_partial looks for the newest partial checkpoint of this step of the
 * run group that has this input.  fresh_only takes none but that of a fresh
 * run, and only if nothing newer is final.
 */
static bool
decide_partial(CkptRequest *request, const char *input_hash, bool fresh_only,
			   CkptDecision *decision)
{
	ListCell   *lc;

	foreach(lc, ckpt_catalog_group_checkpoints(request->owner, request->job_name,
											   request->step))
	{
		CkptCheckpoint *cp = (CkptCheckpoint *) lfirst(lc);
		char	   *code_change;

		if (fresh_only && (cp->final || !cp->fresh))
			return false;
		if (cp->final || cp->expired || cp->kind != request->kind ||
			strcmp(cp->input_hash, input_hash) != 0 ||
			strcmp(cp->output_columns, request->output_columns) != 0 ||
			!ckpt_decide_usable(request, cp, cp->output_table, request->output_columns) ||
			!ckpt_decide_usable(request, cp, cp->input_table,
								ckpt_columns_text(request->input_desc)))
			continue;

		code_change = other_code(request, cp);
		if (code_change && request->on_code_change == CKPT_CODE_RESTART)
			return false;
		decision->action = CKPT_CONTINUE;
		decision->cp = cp;
		decision->reason = code_change ? code_change :
			psprintf("not finished by job %lld", (long long) cp->job_id);
		return true;
	}
	return false;
}

/*
 * decide_compute says why what this run group has is of no use.
 */
static void
decide_compute(const CkptRequest *request, const char *input_hash, CkptDecision *decision)
{
	List	   *earlier;
	CkptCheckpoint *last;
	char	   *code_change;

	decision->action = CKPT_COMPUTE;
	decision->cp = NULL;
	decision->reason = request->anew;
	if (request->anew)
		return;

	decision->reason = "no earlier work";
	earlier = ckpt_catalog_group_checkpoints(request->owner, request->job_name, request->step);
	if (earlier == NIL)
		return;
	last = (CkptCheckpoint *) linitial(earlier);
	code_change = last->kind == request->kind ? other_code(request, last) : NULL;
	if (last->expired)
		decision->reason = "earlier work has expired";
	else if (last->kind != request->kind)
		decision->reason = "kind of step changed";
	else if (strcmp(last->output_columns, request->output_columns) != 0)
		decision->reason = "output columns changed";
	else if (code_change &&
			 (last->final || request->on_code_change == CKPT_CODE_RESTART))
		decision->reason = code_change;
	else if (input_hash && strcmp(last->input_hash, input_hash) != 0)
	{
		decision->reason = "input changed";
		decision->rows_before = last->rows_total;
	}
	else
		decision->reason = "tables of earlier work cannot be used";
}

/*
 * ckpt_decide_needs_identity returns whether there is anything that could serve
 * the step if its input turned out to be the right one.  If not, *decision is
 * to compute.
 */
bool
ckpt_decide_needs_identity(CkptRequest *request, CkptDecision *decision)
{
	memset(decision, 0, sizeof(CkptDecision));
	decision->rows_before = -1;
	if (request->anew == NULL &&
		ckpt_catalog_has_candidate(request->owner, request->job_name, request->step,
								   request->kind, request->output_columns,
								   request->fingerprint->hash))
		return true;
	decide_compute(request, NULL, decision);
	return false;
}

/*
 * ckpt_decide looks for a checkpoint that serves a step with an input of the
 * given identity.  The tables of the one it finds are locked until the
 * transaction ends.
 */
CkptDecision
ckpt_decide(CkptRequest *request, const char *input_hash)
{
	CkptDecision decision = {CKPT_COMPUTE, NULL, NULL, -1};
	ListCell   *lc;

	/* an unfinished fresh run was to replace what is final */
	if (decide_partial(request, input_hash, true, &decision))
		return decision;
	foreach(lc, ckpt_catalog_finals(request->owner, request->job_name,
									ckpt_decide_key(request, input_hash)))
	{
		CkptCheckpoint *cp = (CkptCheckpoint *) lfirst(lc);

		if (ckpt_decide_usable(request, cp, cp->output_table, request->output_columns))
		{
			decision.action = CKPT_REUSE;
			decision.cp = cp;
			decision.reason = psprintf("same input%s: final checkpoint %lld of job %lld",
									   request->udf ? " and code" : "", (long long) cp->id,
									   (long long) cp->job_id);
			return decision;
		}
	}
	if (decide_partial(request, input_hash, false, &decision))
		return decision;
	decide_compute(request, input_hash, &decision);
	return decision;
}

/*
 * ckpt_decide_describe_input says how an input changed of which nothing is
 * known but the numbers of its rows.
 */
char *
ckpt_decide_describe_input(int64 before, int64 now)
{
	if (before == now)
		return "input changed";
	return psprintf("input changed: %lld rows, %lld before", (long long) now,
					(long long) before);
}
