/*-------------------------------------------------------------------------
 *
 * step_internal.h
 *	  A step while it runs, for the files that the state machine consists of.
 *
 * step.c goes through the states; step_prepare.c checks the call and starts the
 * step; step_checkpoint.c finds or makes its checkpoint, and finishes it;
 * step_at_once.c ends it at its start if nothing has to be read for that;
 * step_check.c looks at rows that are not to be there;
 * step_failure.c records how the step failed; step_report.c tells the user;
 * step_client.c opens and finishes steps that clients compute.
 * They know nothing of how rows are computed.  No other file may include it.
 *
 * IDENTIFICATION
 *	  src/step_internal.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef CKPT_STEP_INTERNAL_H
#define CKPT_STEP_INTERNAL_H

#include "catalog.h"
#include "datatype/timestamp.h"
#include "identity.h"
#include "ledger.h"
#include "progress.h"
#include "reuse.h"
#include "run.h"
#include "spec.h"
#include "step.h"
#include "udf.h"
#include "worker.h"

/* What to do after an error that ends the job. */
#define CKPT_RERUN_HINT \
	"A rerun of the job continues from here: call checkpoint.begin_job() again."

typedef enum CkptStepState
{
	STEP_CHECK,
	STEP_IDENTIFY,
	STEP_RUN,
	STEP_COLLECT,
	STEP_PUBLISH,
	STEP_DONE
} CkptStepState;

/* Where the step stands in a job that resumes from a step. */
typedef enum CkptResume
{
	RESUME_NOT,					/* in none */
	RESUME_OTHER,				/* does not read that step: must be reused */
	RESUME_NEW,					/* the same, but no earlier run had it */
	RESUME_FROM					/* that step, or reads it: is computed anew */
} CkptResume;

typedef struct CkptStep
{
	/* what is asked for */
	const CkptSpec *spec;
	char	   *name;			/* of save, unless it was given: its target, qualified */
	CkptTarget *target;			/* of save */

	/* what that means */
	CkptJob		job;
	CkptResume	resume;
	CkptRequest request;
	CkptUdf    *udf;			/* map and gen */
	bool		storing;		/* it was inlined, and is to be stored now ... */
	List	   *may_read;		/* ... reading these steps */
	CkptInline *inlined;		/* it is to be inlined: how; or NULL */
	char	   *not_inlined;	/* what keeps it from being inlined, though asked
								 * for; or NULL */
	char	   *reads_inlined;	/* the inlined steps that it reads, in words */
	const char *to_store;		/* inlined step that must be stored first, or NULL */
	CkptIdentity identity;		/* of the input */

	/* where it is */
	CkptStepState state;
	int64		step_id;
	bool		job_locked;
	bool		paused;			/* its job was, when last looked at */
	CkptCheckpoint *cp;
	CkptWorkDone done;			/* what is on record of cp */
	CkptRunTask task;
	CkptRunShared *shared;
	CkptRun    *run;			/* or NULL */
	int			nworkers;		/* that are to help */
	CkptWorkers *run_workers;	/* or NULL */
	bool		carrying;		/* results of earlier work are being carried over */
	char	   *carry_error;	/* why that could not be done, or NULL */
	int			passes;			/* over the input, after the first */
	CkptStepAction action;
	CkptDecision decision;		/* what serves it */
	char	   *reason;			/* why that */
	char	   *full_reason;	/* the same, and how many rows are by earlier code */
	int64		by_earlier;		/* rows kept that other code has computed */
	int64		kept_from;		/* job that computed the rows kept, or 0 */
	CkptStepCounts counts;
	TimestampTz started;
	TimestampTz computing;		/* since when; 0 is not yet */
	TimestampTz reported;		/* progress, last time */
	CkptRate	rate;			/* of the rows computed */

	/* what ended it */
	ErrorData  *error;			/* or NULL */
	int64		error_id;		/* the row that it is about, or 0 */
	bool		stopped;		/* which is that a budget is spent */
} CkptStep;

/* step.c */
extern void ckpt_step_release(CkptStep *step);
extern void ckpt_step_end_workers(CkptStep *step);
extern void ckpt_step_count(CkptStep *step);
extern void ckpt_step_clock(CkptStep *step);

/* step_at_once.c */
extern bool ckpt_step_reuse_at_once(CkptStep *step, Query *query, List *outputs);

/* step_checkpoint.c */
extern void ckpt_step_identify(CkptStep *step);
extern void ckpt_step_note_reuse(CkptStep *step, const CkptDecision *decision);
extern void ckpt_step_reuse(CkptStep *step, const CkptDecision *decision);
extern bool ckpt_step_carry_ran_short(const CkptStep *step, const ErrorData *error);
extern void ckpt_step_without_carry(CkptStep *step, ErrorData *error);
extern void ckpt_step_finish(CkptStep *step);

/* step_check.c */
extern void ckpt_step_check_empty(CkptStep *step);

/* step_prepare.c */
extern void ckpt_step_prepare(void *arg);
extern List *ckpt_step_outputs(const CkptStep *step);

/* step_client.c */
extern void ckpt_step_take_from_clients(CkptStep *step);

/* step_failure.c */
extern void ckpt_step_check_budgets(CkptStep *step);
pg_noreturn extern void ckpt_step_fail(CkptStep *step);

/* step_report.c */
extern void ckpt_step_progress(CkptStep *step);
extern void ckpt_step_notice(const CkptStep *step);
extern void ckpt_step_add_context(const CkptStep *step, ErrorData *error);

#endif							/* CKPT_STEP_INTERNAL_H */
