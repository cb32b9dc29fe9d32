/*-------------------------------------------------------------------------
 *
 * step_report.c
 *	  What the user sees of a step: progress, its result, where an error is.
 *
 * IDENTIFICATION
 *	  src/step_report.c
 *
 *-------------------------------------------------------------------------
 */
#include "checkpoint.h"

#include "guc.h"
#include "step_internal.h"
#include "utils/timestamp.h"

/*
 * ckpt_step_progress reports on a long run.
 */
void
ckpt_step_progress(CkptStep *step)
{
	const CkptStepCounts *n = &step->counts;
	const char *units = ckpt_unit_word(step->spec->kind, false);
	TimestampTz now = GetCurrentTimestamp();
	double		seconds;
	double		rate;

	if (ckpt_progress_interval == 0 ||
		!TimestampDifferenceExceeds(step->reported, now, ckpt_progress_interval))
		return;
	step->reported = now;
	seconds = (double) (now - step->started) / USECS_PER_SEC;
	rate = n->computed / seconds;
	if (rate <= 0)
		return;
	ereport(NOTICE,
			(errmsg("step \"%s\": %lld of %lld %s (%.0f %%), %.1f %s/s, %.0f s left",
					step->name, (long long) (n->kept + n->computed), (long long) n->total, units,
					100.0 * (n->kept + n->computed) / Max(n->total, 1), rate, units,
					(n->total - n->kept - n->computed) / rate)));
}

/*
 * ckpt_step_notice is what the user sees of a finished step.
 */
void
ckpt_step_notice(const CkptStep *step)
{
	const CkptStepCounts *n = &step->counts;
	const char *units = ckpt_unit_word(step->spec->kind, false);
	char	   *failed = n->failed <= 0 ? "" :
		psprintf(", %lld failed: see checkpoint.errors", (long long) n->failed);
	char	   *by_earlier = step->by_earlier <= 0 ? "" :
		psprintf(", %lld of them by earlier code", (long long) step->by_earlier);

	if (step->spec->kind == CKPT_CHECK_EMPTY)
		ereport(NOTICE,
				(errmsg("step \"%s\": %s: the query returned no rows", step->name,
						ckpt_word(&ckpt_step_actions, step->action))));
	else if (step->action == CKPT_STEP_REUSED)
		ereport(NOTICE,
				(errmsg("step \"%s\": reused: final checkpoint %lld of job %lld%s",
						step->name, (long long) step->cp->id, (long long) step->cp->job_id,
						step->by_earlier <= 0 ? "" :
						psprintf(": %lld %s kept%s", (long long) n->kept, units, by_earlier))));
	else if (step->kept_from != 0)
		ereport(NOTICE,
				(errmsg("step \"%s\": %s: %lld of %lld %s computed, %lld kept from job %lld%s%s (%s)",
						step->name, ckpt_word(&ckpt_step_actions, step->action), (long long) n->computed,
						(long long) n->total, units, (long long) n->kept,
						(long long) step->kept_from, by_earlier, failed, step->reason)));
	else
		ereport(NOTICE,
				(errmsg("step \"%s\": %s: %lld of %lld %s computed%s (%s)",
						step->name, ckpt_word(&ckpt_step_actions, step->action), (long long) n->computed,
						(long long) n->total, units, failed, step->reason)));
}

/*
 * ckpt_step_add_context adds to an error what the step knows of it.
 */
void
ckpt_step_add_context(const CkptStep *step, ErrorData *error)
{
	StringInfoData buf;

	initStringInfo(&buf);
	if (error->context)
		appendStringInfo(&buf, "%s\n", error->context);
	appendStringInfo(&buf, "step \"%s\" of job \"%s\"", step->name, step->job.name);
	if (step->error_id != 0)
		appendStringInfo(&buf, ", %s " INT64_FORMAT, CKPT_ID_COLUMN, step->error_id);
	if (step->cp && step->udf)
		appendStringInfo(&buf, ", %lld of %lld %s kept",
						 (long long) step->done.processed,
						 (long long) step->cp->rows_total,
						 ckpt_unit_word(step->spec->kind, false));
	error->context = buf.data;
	if (error->hint == NULL)
		error->hint = pstrdup(CKPT_RERUN_HINT);
}
