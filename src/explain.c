/*-------------------------------------------------------------------------
 *
 * explain.c
 *	  What the next run of a job would do.
 *
 * Goes through the steps as the last run called them, asks reuse.c what it
 * would ask if they were run, and passes on which outputs the later steps would
 * see.  Inputs are read where a run would have to read them to decide; no UDF
 * is called and nothing is changed.
 *
 * Of a step that reads the output of one that would be computed, only that it would
 * be computed, too, can be told, and only if no rows could make a difference.  Nothing
 * can be told if the run would have failed before it.
 *
 * IDENTIFICATION
 *	  src/explain.c
 *
 *-------------------------------------------------------------------------
 */
#include "checkpoint.h"

#include "access/tupdesc.h"
#include "access/xact.h"
#include "asuser.h"
#include "fmgr.h"
#include "funcapi.h"
#include "identity.h"
#include "inline.h"
#include "job.h"
#include "ledger.h"
#include "miscadmin.h"
#include "query.h"
#include "reuse.h"
#include "subxact.h"
#include "utils/builtins.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

PG_FUNCTION_INFO_V1(checkpoint_explain_job);

/* A step that is explained, and what is found out about it. */
typedef struct Explained
{
	const CkptSpec *spec;
	List	   *outputs;		/* CkptStepOutputs of the steps before it */
	CkptRequest request;
	bool		known;			/* not if it depends on another step */
	CkptStepAction action;
	int64		total;			/* -1 is not known */
	int64		kept;
	char	   *reason;
	CkptStepOutput output;
} Explained;

/*
 * depends_on returns the name of a step that is not computed yet and whose
 * output the analysed query or probe reads, or NULL.
 */
static const char *
depends_on(List *outputs)
{
	const char *step = NULL;
	ListCell   *lc;

	foreach(lc, outputs)
	{
		CkptStepOutput *output = (CkptStepOutput *) lfirst(lc);

		if (step == NULL &&
			(((output->used || output->within) && output->desc) ||
			 (output->inlined && output->ids_used)))
			step = output->step;
	}
	return step;
}

/*
 * forget_reading makes outputs as if no query had been analysed with them.
 */
static void
forget_reading(List *outputs)
{
	ListCell   *lc;

	foreach(lc, outputs)
	{
		CkptStepOutput *output = (CkptStepOutput *) lfirst(lc);

		output->used = output->ids_used = output->within = false;
	}
}

/*
 * explain_inline finds out whether an inlined step would be one, and how later steps
 * would see it.
 */
static bool
explain_inline(Explained *ex, Query *query, Query *probe)
{
	CkptRequest *request = &ex->request;
	CkptDecision decision;
	CkptIdentity identity = {0};
	char	   *obstacle;
	CkptInline *inlined = ckpt_inline_make(request, ex->outputs, &obstacle);
	bool		candidate;

	if (inlined == NULL)
		return false;
	candidate = ckpt_reuse_needs_identity(request, &decision);
	if (candidate || probe)
	{
		identity = ckpt_identity_prepare(query, ex->outputs, request->ref.owner, probe,
										 ex->spec->probe);
		if (identity.hash == NULL && candidate &&
			(request->udf || ckpt_catalog_was_stored(&request->ref, 0)))
			ckpt_identity_read(&identity, query, ex->spec->query, NULL);
		if (identity.hash && candidate &&
			ckpt_reuse_decide(request, identity.hash).action == CKPT_REUSE)
			return false;
	}
	if (identity.probed)
		inlined->probe = identity.hash;
	ex->action = CKPT_STEP_INLINED;
	ex->reason = ckpt_inline_reason(ex->spec);
	ex->output.inlined = inlined;
	ex->output.desc = NULL;
	return true;
}

/*
 * explain_compute finds out how many rows a step would compute: the input has to
 * be read for that, and compared with those whose results may be carried over.
 */
static void
explain_compute(Explained *ex, const CkptDecision *decision,
				const CkptIdentity *identity, Query *query)
{
	CkptRequest *request = &ex->request;
	const char *sql = ex->spec->query;
	CkptCarryCounts counts = {0};
	CkptIdentity rows = {0};

	ex->action = CKPT_STEP_COMPUTED;
	if (ckpt_reuse_may_carry(request))
	{
		CkptKeptKeys *keys = ckpt_kept_keys_create(request->udf);
		CkptCarryFrom from = ckpt_reuse_carry_from(request);

		(void) ckpt_query_run(query, sql, &keys->pub);
		ckpt_carry_count(&from, keys, request->udf, request->ref.owner, &counts);
		ex->total = keys->rows;
		keys->pub.rDestroy(&keys->pub);
	}
	if (counts.base == NULL || ckpt_carry_describe(&counts) == NULL)
		ckpt_identity_read(&rows, query, sql, &ex->total);

	ex->kept = counts.carried;
	if (counts.carried > 0)
		ex->action = CKPT_STEP_CARRIED_OVER;
	ex->reason = ckpt_reuse_carried_reason(decision, &counts,
											identity->hash ? identity->hash : rows.hash,
											rows.hash, ex->total);
	ex->reason = ckpt_reuse_full_reason(ex->spec->kind, ex->reason, ex->kept, counts.by_earlier);
}

/*
 * explain_continue finds out what a partial checkpoint has, and gets from others.
 */
static void
explain_continue(Explained *ex, const CkptDecision *decision)
{
	CkptRequest *request = &ex->request;
	CkptCarryCounts counts = {0};

	ex->action = CKPT_STEP_CONTINUED;
	if (ex->spec->on_code_change == CKPT_CODE_RECOMPUTE)
		ex->kept = ckpt_ledger_rows_of_code(decision->cp, &request->code) +
			ckpt_ledger_count_given_up(decision->cp);
	if (decision->carry)
	{
		CkptCarryFrom from = ckpt_reuse_carry_from(request);

		ckpt_carry_count_to(&from, decision->cp, request->udf, request->ref.owner, &counts);
		ex->kept += counts.carried;
	}
	ex->reason = ckpt_reuse_full_reason(ex->spec->kind, decision->reason, ex->kept,
										 decision->by_earlier + counts.by_earlier);
}

/*
 * explain_step finds out what a step would do.  It runs with the rights of the
 * job's owner.
 */
static void
explain_step(Explained *ex)
{
	CkptRequest *request = &ex->request;
	CkptDecision decision;
	CkptIdentity identity = {0};
	Query	   *query;
	Query	   *probe = NULL;
	const char *upstream;
	const char *anew;

	forget_reading(ex->outputs);
	query = ckpt_reuse_analyze(request, ex->spec, ex->outputs);
	ex->output.desc = request->output_desc;
	if (ex->spec->probe)
		probe = ckpt_query_analyze(ex->spec->probe, "probe", ex->outputs);
	anew = ckpt_inline_anew(ex->outputs);
	request->anew = !ex->spec->cache_enabled ? "cache disabled" :
		anew ? psprintf("cache disabled by step \"%s\"", anew) : NULL;

	upstream = depends_on(ex->outputs);
	if (upstream)
	{
		ex->reason = psprintf("depends on step \"%s\"", upstream);
		if (!ckpt_reuse_needs_identity(request, &decision) &&
			decision.action == CKPT_COMPUTE &&
			(!ckpt_reuse_may_carry(request) || ckpt_reuse_carry_from(request).checkpoints == NIL))
		{
			ex->known = true;
			ex->action = CKPT_STEP_COMPUTED;
			ex->reason = psprintf("%s; %s", decision.reason, ex->reason);
		}
		return;
	}

	ex->known = true;
	if (ex->spec->kind == CKPT_CHECK_EMPTY)
	{
		ex->action = CKPT_STEP_COMPUTED;
		ex->reason = CKPT_CHECK_REASON;
		return;
	}
	if (ckpt_inline_wanted(ex->spec) && explain_inline(ex, query, probe))
		return;
	if (ckpt_reuse_needs_identity(request, &decision))
	{
		identity = ckpt_identity_prepare(query, ex->outputs, request->ref.owner, probe,
										 ex->spec->probe);
		if (identity.hash == NULL)
			ckpt_identity_read(&identity, query, ex->spec->query, NULL);
		decision = ckpt_reuse_decide(request, identity.hash);
	}
	ex->reason = decision.reason;
	if (decision.action == CKPT_COMPUTE)
	{
		explain_compute(ex, &decision, &identity, query);
		return;
	}

	ex->total = decision.cp->rows_total;
	ex->kept = ckpt_ledger_totals(decision.cp).processed;
	if (decision.action == CKPT_REUSE)
	{
		ex->action = CKPT_STEP_REUSED;
		ex->output.table = decision.cp->output_table;
		ex->output.desc = NULL;
		ex->reason = ckpt_reuse_full_reason(ex->spec->kind, ex->reason, ex->kept, decision.by_earlier);
	}
	else
		explain_continue(ex, &decision);
}

/*
 * explain_work does it in a subtransaction.  Whoever else asks, a member of the
 * owning role or a superuser, gives the owner's code none of his own rights.
 */
static void
explain_work(void *arg)
{
	Explained  *ex = (Explained *) arg;
	CkptUser	saved = ckpt_user_become(ex->request.ref.owner);

	explain_step(ex);
	ckpt_user_restore(saved);
}

/*
 * explain_row writes a row of the result.
 */
static void
explain_row(const Explained *ex, ReturnSetInfo *rsinfo)
{
	Datum		values[8];
	bool		nulls[8] = {false};
	int64		left = Max(ex->total, 0) - ex->kept;
	double		cost = left > 0 ? ckpt_catalog_seconds_per_row(&ex->request.ref) : 0;
	Interval	estimate = {0};

	values[0] = CStringGetTextDatum(ex->spec->step);
	values[1] = CStringGetTextDatum(ckpt_kind_name(ex->spec->kind));
	nulls[2] = !ex->known;
	values[2] = CStringGetTextDatum(ckpt_word(&ckpt_step_actions, ex->action));
	values[3] = Int64GetDatum(ex->total);
	values[4] = Int64GetDatum(ex->kept);
	values[5] = Int64GetDatum(left);
	nulls[3] = nulls[4] = nulls[5] = ex->total < 0;

	nulls[6] = ex->total < 0 || cost < 0;
	estimate.time = (TimeOffset) (left * cost * USECS_PER_SEC);
	values[6] = IntervalPGetDatum(&estimate);
	values[7] = CStringGetTextDatum(ex->reason);
	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
}

/*
 * explain_job(name) returns, for each step of a job that the current user may use,
 * what running it again would do.
 */
Datum
checkpoint_explain_job(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	char	   *name = PG_ARGISNULL(0) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(0));
	Oid			owner;
	List	   *outputs = NIL;
	const char *failed = NULL;	/* step that would */
	ListCell   *lc;

	if (name == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"name\" must not be null"),
				 errhint("Pass the name of a job.")));
	if (!XactReadOnly)
		ckpt_catalog_adopt(GetUserId());
	owner = ckpt_job_group_owner(name);

	InitMaterializedSRF(fcinfo, 0);
	foreach(lc, ckpt_catalog_recorded_steps(owner, name))
	{
		const CkptSpec *spec = (const CkptSpec *) lfirst(lc);
		Explained  *ex = palloc0(sizeof(Explained));

		ex->spec = spec;
		ex->outputs = outputs;
		ex->total = -1;
		ex->request.ref = (CkptStepRef) {owner, name, spec->step};
		ex->output.step = spec->step;
		ex->output.kind = spec->kind;
		if (failed)
			ex->reason = psprintf("step \"%s\" before it would fail", failed);
		else
		{
			ErrorData  *error = ckpt_subxact_run(explain_work, ex, CurrentMemoryContext, NULL);

			if (error)
			{
				if (error->sqlerrcode == ERRCODE_QUERY_CANCELED)
					ReThrowError(error);
				failed = spec->step;
				ex->known = true;
				ex->action = CKPT_STEP_FAILED;
				ex->reason = error->message;
			}
		}
		explain_row(ex, rsinfo);
		outputs = lappend(outputs, &ex->output);
	}
	return (Datum) 0;
}
