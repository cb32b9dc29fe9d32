/*-------------------------------------------------------------------------
 *
 * step_at_once.c
 *	  Ends a step at its start, if nothing has to be read for that.
 *
 * A step whose input is known, and which a final checkpoint serves, has nothing to
 * do.  Where its query reads no more than outputs of other steps, finding that out
 * takes a moment: it is done by the transaction that checks the call.  The step is
 * then stored once, as it has ended, and nobody sees it run.
 *
 * It decides as the state that identifies the input does, and of all that is not as
 * simple it leaves the decision to that.
 *
 * IDENTIFICATION
 *	  src/step_at_once.c
 *
 *-------------------------------------------------------------------------
 */
#include "checkpoint.h"

#include "asuser.h"
#include "step_internal.h"

/*
 * may_end_at_once returns whether the step is one that may end at its start.
 */
static bool
may_end_at_once(const CkptStep *step, Query *query, List *outputs)
{
	const CkptSpec *spec = step->spec;
	ListCell   *lc;

	if (spec->kind == CKPT_SAVE || spec->kind == CKPT_CHECK_EMPTY || spec->output ||
		spec->probe || step->storing || step->inlined || step->not_inlined ||
		step->request.anew || step->job.paused)
		return false;
	foreach(lc, outputs)
	{
		if (((const CkptStepOutput *) lfirst(lc))->inlined)
			return false;
	}
	return ckpt_identity_is_free(query);
}

/*
 * ckpt_step_reuse_at_once ends the step, which is not on record yet, with a final
 * checkpoint if one serves it for what its query reads, and returns whether it has.
 * The query is analysed with outputs in sight.  Needs an active snapshot.
 */
bool
ckpt_step_reuse_at_once(CkptStep *step, Query *query, List *outputs)
{
	CkptRequest *request = &step->request;
	CkptIdentity identity;
	CkptDecision decision;
	CkptStepEnd end;
	CkptUser	saved;

	if (!may_end_at_once(step, query, outputs))
		return false;
	saved = ckpt_user_become(step->job.owner);
	identity = ckpt_identity_prepare(query, outputs, step->job.owner, NULL, NULL);
	ckpt_user_restore(saved);
	if (identity.hash == NULL)
		return false;

	decision = ckpt_reuse_decide(request, identity.hash);
	request->restarted = NIL;
	if (decision.action != CKPT_REUSE || decision.accept)
		return false;
	ckpt_step_note_reuse(step, &decision);
	end.action = step->action;
	end.reason = step->full_reason;
	end.checkpoint_id = step->cp->id;
	end.derivation = identity.derivation;
	end.input_hash = identity.hash;
	end.counts = step->counts;
	end.started = step->started;
	step->step_id = ckpt_catalog_insert_step(step->job.job_id, step->name, step->spec, false,
											 outputs, &end);
	if (step->step_id != 0)
	{
		ckpt_step_reuse(step, &decision);
		return true;
	}
	/* it has failed and is called again, or was called before */
	step->cp = NULL;
	step->full_reason = NULL;
	step->by_earlier = 0;
	step->counts = (CkptStepCounts) {-1, -1, -1, -1, -1, -1};
	return false;
}
