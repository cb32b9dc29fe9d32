/*-------------------------------------------------------------------------
 *
 * step_check.c
 *	  A step that looks for rows where there must be none: check_empty.
 *
 * Its query is run in each run of the job, and nothing is kept.
 *
 * IDENTIFICATION
 *	  src/step_check.c
 *
 *-------------------------------------------------------------------------
 */
#include "checkpoint.h"

#include "asuser.h"
#include "executor/tuptable.h"
#include "fmgr.h"
#include "funcapi.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "query.h"
#include "step_internal.h"
#include "utils/fmgroids.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

/* How many rows an error shows, and at most how many bytes of each. */
#define SHOWN_ROWS	3
#define SHOWN_BYTES	200

typedef struct CheckReceiver
{
	DestReceiver pub;
	int64		rows;
	StringInfoData shown;		/* the first of them */
	MemoryContext cxt;			/* for one row */
} CheckReceiver;

/*
 * show_row writes a row as text, cut where it is long.
 */
static void
show_row(CheckReceiver *receiver, TupleTableSlot *slot)
{
	MemoryContext oldcxt = MemoryContextSwitchTo(receiver->cxt);
	FmgrInfo	finfo;
	char	   *text;
	int			len;

	/* the rows of a parallel plan have a descriptor of their own */
	(void) BlessTupleDesc(slot->tts_tupleDescriptor);
	fmgr_info(F_RECORD_OUT, &finfo);
	text = OutputFunctionCall(&finfo, ExecFetchSlotHeapTupleDatum(slot));
	len = (int) strlen(text);
	MemoryContextSwitchTo(oldcxt);
	if (receiver->shown.len > 0)
		appendStringInfoString(&receiver->shown, ", ");
	if (len > SHOWN_BYTES)
		appendStringInfo(&receiver->shown, "%.*s...", pg_mbcliplen(text, len, SHOWN_BYTES), text);
	else
		appendStringInfoString(&receiver->shown, text);
	MemoryContextReset(receiver->cxt);
}

static bool
check_receive(TupleTableSlot *slot, DestReceiver *self)
{
	CheckReceiver *receiver = (CheckReceiver *) self;

	if (receiver->rows++ < SHOWN_ROWS)
		show_row(receiver, slot);
	return true;
}

static void
check_startup(DestReceiver *self, int operation, TupleDesc typeinfo)
{
}

static void
check_shutdown(DestReceiver *self)
{
}

/*
 * raise_rows raises 23514: the query has returned rows.
 */
static void
raise_rows(const CkptStep *step, const CheckReceiver *receiver)
{
	long long	rows = receiver->rows;

	ereport(ERROR,
			(errcode(ERRCODE_CHECK_VIOLATION),
			 step->spec->message ? errmsg("%s", step->spec->message) :
			 errmsg("check \"%s\" failed", step->name),
			 rows > SHOWN_ROWS ?
			 errdetail("The query returned %lld rows, the first of them: %s.", rows,
					   receiver->shown.data) :
			 errdetail_plural("The query returned %lld row: %s.", "The query returned %lld rows: %s.",
							  (unsigned long) rows, rows, receiver->shown.data)));
}

/*
 * ckpt_step_check_empty runs the step's query, as the job's owner, and raises if it
 * returns a row.
 */
void
ckpt_step_check_empty(CkptStep *step)
{
	CheckReceiver receiver = {{check_receive, check_startup, check_shutdown, check_shutdown, DestNone}};
	List	   *outputs = ckpt_step_outputs(step);
	CkptUser	saved;

	initStringInfo(&receiver.shown);
	receiver.cxt = AllocSetContextCreate(CurrentMemoryContext, "checkpoint check",
										 ALLOCSET_SMALL_SIZES);
	PushActiveSnapshot(GetTransactionSnapshot());
	saved = ckpt_user_become(step->job.owner);
	(void) ckpt_query_run(ckpt_query_analyze(step->spec->query, "query", outputs),
						  step->spec->query, &receiver.pub);
	ckpt_user_restore(saved);
	PopActiveSnapshot();
	if (receiver.rows > 0)
		raise_rows(step, &receiver);
	step->counts = (CkptStepCounts) {0, 0, 0, 0, 0, -1};
	step->action = CKPT_STEP_COMPUTED;
	step->reason = step->full_reason = CKPT_CHECK_REASON;
	step->state = STEP_DONE;
}
