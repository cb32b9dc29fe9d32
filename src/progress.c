/*-------------------------------------------------------------------------
 *
 * progress.c
 *	  What each process of a running step does now, for other sessions to see.
 *
 * What is not committed yet, no table can show.  The server has room in each
 * process's entry of its activity statistics for the numbers of a command that
 * reports progress, such as CREATE INDEX.  Those of a step are written there, with
 * no such command: so the server's own views do not show them, they cost no shared
 * memory, and they go with the process.  A command that a user's function runs may
 * write over them: the number of the step tells whether they are a step's.
 *
 * With track_activities off nothing is written.
 *
 * IDENTIFICATION
 *	  src/progress.c
 *
 *-------------------------------------------------------------------------
 */
#include "checkpoint.h"

#include "catalog.h"
#include "compat.h"
#include "fmgr.h"
#include "funcapi.h"
#include "joblock.h"
#include "progress.h"
#include "role.h"
#include "utils/backend_progress.h"
#include "utils/backend_status.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

PG_FUNCTION_INFO_V1(checkpoint_step_processes);

/* The numbers, in the last places that the server has for some. */
typedef enum Field
{
	FIELD_STEP,
	FIELD_PHASE,
	FIELD_DONE,					/* rows; while the step runs, of this process */
	FIELD_TOTAL,
	FIELD_SINCE,				/* a while ago ... */
	FIELD_SINCE_DONE,			/* ... so many rows were done */
	FIELD_WAITING,
	NFIELDS
} Field;

#define PLACE(field)	(PGSTAT_NUM_PROGRESS_PARAM - NFIELDS + (field))

static int64 mine[NFIELDS];		/* FIELD_STEP is 0 where there is none */

static CkptRate my_rate;

/* Do rows come fast, more than one in a ms?  Looked at after so many of them. */
#define SOME_ROWS	64

static bool rows_come_fast = false;
static TimestampTz some_rows_since = 0;

/*
 * per_second returns how many rows were done a second, in so many microseconds.
 */
static double
per_second(int64 rows, int64 time)
{
	return time <= 0 ? 0 : (double) rows * USECS_PER_SEC / time;
}

/*
 * ckpt_rate_note notes how many rows are done now.  The samples then go back for
 * CKPT_RATE_SECONDS or, where rows take longer, to the last sample before that.  To
 * begin anew, set rate->n to 0.
 */
void
ckpt_rate_note(CkptRate *rate, int64 rows_done)
{
	TimestampTz now = GetCurrentTimestamp();
	int			drop = rate->n == lengthof(rate->samples) ? 1 : 0;

	if (rate->n > 0 && now - rate->samples[rate->n - 1].time < USECS_PER_SEC)
		return;
	while (drop + 1 < rate->n &&
		   now - rate->samples[drop + 1].time >= CKPT_RATE_SECONDS * USECS_PER_SEC)
		drop++;
	rate->n -= drop;
	memmove(rate->samples, rate->samples + drop, rate->n * sizeof(rate->samples[0]));
	rate->samples[rate->n].time = now;
	rate->samples[rate->n++].done = rows_done;
}

/*
 * ckpt_rate_get returns the rate in rows a second, if so many are done now.
 */
double
ckpt_rate_get(const CkptRate *rate, int64 rows_done)
{
	return rate->n == 0 ? 0 : per_second(rows_done - rate->samples[0].done,
										 GetCurrentTimestamp() - rate->samples[0].time);
}

/*
 * take_sample notes how many rows are done now, and says since when the rate is
 * counted.
 */
static void
take_sample(void)
{
	ckpt_rate_note(&my_rate, mine[FIELD_DONE]);
	mine[FIELD_SINCE] = my_rate.samples[0].time;
	mine[FIELD_SINCE_DONE] = my_rate.samples[0].done;
}

static void
publish(void)
{
	int			places[NFIELDS];

	for (int i = 0; i < NFIELDS; i++)
		places[i] = PLACE(i);
	pgstat_progress_update_multi_param(NFIELDS, places, mine);
}

/*
 * ckpt_progress_begin says that this process works on a step, which begins with
 * reading its input.
 */
void
ckpt_progress_begin(int64 step_id)
{
	mine[FIELD_STEP] = step_id;
	ckpt_progress_phase(CKPT_PHASE_READING, CKPT_ROWS_UNKNOWN);
}

/*
 * ckpt_progress_phase begins a phase in which so many rows are to be done.
 */
void
ckpt_progress_phase(CkptPhase phase, int64 rows_total)
{
	if (mine[FIELD_STEP] == 0)
		return;
	mine[FIELD_PHASE] = phase;
	mine[FIELD_DONE] = phase == CKPT_PHASE_FINISHING ? rows_total : 0;
	mine[FIELD_TOTAL] = rows_total;
	mine[FIELD_WAITING] = CKPT_WAITING_NOT;
	my_rate.n = 0;
	rows_come_fast = false;
	some_rows_since = GetCurrentTimestamp();
	take_sample();
	publish();
}

/*
 * ckpt_progress_rows says how many rows are done in this phase.  It is cheap enough
 * to be called for each row: where rows come fast, only some of them are told.
 */
void
ckpt_progress_rows(int64 rows_done)
{
	TimestampTz now;

	if (mine[FIELD_STEP] == 0 || (rows_come_fast && rows_done % SOME_ROWS != 0))
		return;
	mine[FIELD_DONE] = rows_done;
	if (rows_done % SOME_ROWS != 0)
	{
		pgstat_progress_update_param(PLACE(FIELD_DONE), rows_done);
		return;
	}
	now = GetCurrentTimestamp();
	rows_come_fast = now - some_rows_since < SOME_ROWS * 1000;
	some_rows_since = now;
	take_sample();
	publish();
}

/*
 * ckpt_progress_computed says that this process has computed so many more rows.
 */
void
ckpt_progress_computed(int64 rows)
{
	if (mine[FIELD_STEP] == 0)
		return;
	mine[FIELD_DONE] += rows;
	take_sample();
	publish();
}

/*
 * ckpt_progress_wait says what this process begins to wait for; CKPT_WAITING_NOT
 * is that the wait is over.
 */
void
ckpt_progress_wait(CkptWaitingFor what)
{
	if (mine[FIELD_STEP] == 0 || mine[FIELD_WAITING] == what)
		return;
	mine[FIELD_WAITING] = what;
	publish();
}

/*
 * ckpt_progress_end says that this process works on no step any more.
 */
void
ckpt_progress_end(void)
{
	if (mine[FIELD_STEP] == 0)
		return;
	memset(mine, 0, sizeof(mine));
	publish();
}

/*
 * put_process returns a process of a step to the caller of _step_processes().
 */
static void
put_process(ReturnSetInfo *rsinfo, int pid, bool leads, const int64 *numbers)
{
	Datum		values[7] = {Int32GetDatum(pid), BoolGetDatum(leads)};
	bool		nulls[7] = {false, false, true, true, true, true, true};

	if (numbers && numbers[FIELD_PHASE] >= 0 && numbers[FIELD_PHASE] < ckpt_phases.n)
	{
		values[2] = CStringGetTextDatum(ckpt_word(&ckpt_phases, (int) numbers[FIELD_PHASE]));
		values[3] = Int64GetDatum(numbers[FIELD_DONE]);
		values[4] = Int64GetDatum(numbers[FIELD_TOTAL]);
		values[5] = Float8GetDatum(per_second(numbers[FIELD_DONE] - numbers[FIELD_SINCE_DONE],
											  GetCurrentTimestamp() - numbers[FIELD_SINCE]));
		nulls[2] = nulls[3] = nulls[5] = false;
		nulls[4] = numbers[FIELD_TOTAL] == CKPT_ROWS_UNKNOWN;
	}
	if (numbers && numbers[FIELD_WAITING] > CKPT_WAITING_NOT &&
		numbers[FIELD_WAITING] < ckpt_waits.n)
	{
		values[6] = CStringGetTextDatum(ckpt_word(&ckpt_waits, (int) numbers[FIELD_WAITING]));
		nulls[6] = false;
	}
	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
}

/*
 * step_numbers returns what a process has said of a step, or NULL.
 */
static const int64 *
step_numbers(int pid, int64 step_id)
{
	for (int i = 1; i <= pgstat_fetch_stat_numbackends(); i++)
	{
		LocalPgBackendStatus *local = ckpt_local_backend_status(i);
		const int64 *numbers;

		if (local == NULL || local->backendStatus.st_procpid != pid)
			continue;
		numbers = &local->backendStatus.st_progress_param[PLACE(0)];
		return numbers[FIELD_STEP] == step_id ? numbers : NULL;
	}
	return NULL;
}

/*
 * _step_processes(step_id) returns the processes that work on a step, and what
 * each has said of that.  Of steps that the user may not see there are none.
 */
Datum
checkpoint_step_processes(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	int64		step_id = PG_GETARG_INT64(0);
	Oid			owner = ckpt_catalog_step_owner(step_id);
	ListCell   *lc;

	InitMaterializedSRF(fcinfo, 0);
	if (!OidIsValid(owner) || !ckpt_role_may_use(owner))
		return (Datum) 0;
	foreach(lc, ckpt_joblock_pids(CKPT_LOCK_STEP, step_id))
		put_process(rsinfo, lfirst_int(lc), true, step_numbers(lfirst_int(lc), step_id));
	foreach(lc, ckpt_joblock_pids(CKPT_LOCK_WORKER, step_id))
		put_process(rsinfo, lfirst_int(lc), false, step_numbers(lfirst_int(lc), step_id));
	return (Datum) 0;
}
