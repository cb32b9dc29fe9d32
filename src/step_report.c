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

#include <math.h>

#include "guc.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "step_internal.h"
#include "utils/timestamp.h"

/* A progress report has so many columns at most, without the client's prefix. */
#define REPORT_COLUMNS	80

/* Its bar: a long name makes it shorter. */
#define BAR_COLUMNS		20
#define MIN_BAR_COLUMNS 10

/*
 * char_columns returns how many columns the first character of a text needs; one that
 * cannot be shown is shown as a space.
 */
static int
char_columns(const char *c)
{
	int			columns = pg_encoding_dsplen(GetDatabaseEncoding(), c);

	return columns < 0 ? 1 : columns;
}

static int
text_columns(const char *text)
{
	int			columns = 0;

	for (; *text; text += pg_mblen(text))
		columns += char_columns(text);
	return columns;
}

/*
 * append_name appends a step's name, on one line and with so many columns at most.
 */
static void
append_name(StringInfo buf, const char *name, int columns)
{
	bool		cut = text_columns(name) > columns;

	columns -= cut ? 3 : 0;
	for (; *name && char_columns(name) <= columns; name += pg_mblen(name))
	{
		columns -= char_columns(name);
		if (pg_encoding_dsplen(GetDatabaseEncoding(), name) < 0)
			appendStringInfoChar(buf, ' ');
		else
			appendBinaryStringInfo(buf, name, pg_mblen(name));
	}
	if (cut)
		appendStringInfoString(buf, "...");
}

/*
 * short_number writes a number in six columns at most.
 */
static char *
short_number(double n)
{
	static const char units[] = "MGTPE";
	int			unit = 0;

	if (n < 99.95)
		return psprintf(n == floor(n) ? "%.0f" : "%.1f", n);
	if (n < 999999.5)
		return psprintf("%.0f", n);
	for (n /= 1e6; n >= 999.95 && units[unit + 1]; unit++)
		n /= 1000;
	return psprintf("%.1f%c", n, units[unit]);
}

/*
 * short_time writes a time in seven columns at most.
 */
static char *
short_time(double seconds)
{
	if (seconds < 99.5)
		return psprintf("%.0f s", seconds);
	if (seconds < 99.5 * 60)
		return psprintf("%.0f min", seconds / 60);
	if (seconds < 99.5 * 3600)
		return psprintf("%.0f h", seconds / 3600);
	return psprintf("%.0f d", Min(seconds / 86400, 99999));
}

/*
 * progress_line is a report on a long run: name, bar, share, rate and time left, on
 * one line.
 */
static char *
progress_line(const char *name, const char *units, int64 done, int64 total, double rate)
{
	double		share = total > 0 ? (double) done / total : 1;
	char	   *numbers = psprintf(" %d %% of %s %s%s", (int) (share * 100), short_number(total), units,
								   rate <= 0 ? "" :
								   psprintf(", %s %s/s, %s left", short_number(rate), units,
											short_time((total - done) / rate)));
	int			room = REPORT_COLUMNS - (int) strlen("step \"\": []") - (int) strlen(numbers);
	int			name_room = Min(text_columns(name), room - MIN_BAR_COLUMNS);
	int			bar = Min(room - name_room, BAR_COLUMNS);
	StringInfoData buf;

	initStringInfo(&buf);
	appendStringInfoString(&buf, "step \"");
	append_name(&buf, name, name_room);
	appendStringInfoString(&buf, "\": [");
	for (int i = 0; i < bar; i++)
		appendStringInfoChar(&buf, i < (int) (share * bar) ? '#' : '.');
	appendStringInfo(&buf, "]%s", numbers);
	return buf.data;
}

/*
 * ckpt_step_progress reports on a long run.
 */
void
ckpt_step_progress(CkptStep *step)
{
	const CkptStepCounts *n = &step->counts;
	const char *units = ckpt_unit_word(step->spec->kind, false);
	TimestampTz now = GetCurrentTimestamp();
	double		rate;

	ckpt_rate_note(&step->rate, n->computed);
	if (ckpt_progress_interval == 0 ||
		!TimestampDifferenceExceeds(step->reported, now, ckpt_progress_interval))
		return;
	step->reported = now;
	rate = ckpt_rate_get(&step->rate, n->computed);
	if (n->computed <= 0)
		return;
	ereport(NOTICE,
			(errmsg_internal("%s", progress_line(step->name, units, n->kept + n->computed,
												 n->total, rate))));
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

	if (step->not_inlined)
		ereport(NOTICE,
				(errmsg("step \"%s\": stored, not inlined: %s", step->name, step->not_inlined)));
	if (step->action == CKPT_STEP_INLINED)
		ereport(NOTICE,
				(errmsg("step \"%s\": inlined: it is part of the queries that read it (%s)",
						step->name, step->reason)));
	else if (step->spec->kind == CKPT_CHECK_EMPTY)
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
	if (step->reads_inlined && (step->state == STEP_IDENTIFY || step->state == STEP_CHECK))
		appendStringInfo(&buf, "%s, read by step \"%s\"\n", step->reads_inlined, step->name);
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
