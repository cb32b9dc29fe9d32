/*-------------------------------------------------------------------------
 *
 * progress.h
 *	  What each process of a running step does now, for other sessions to see.
 *
 * A rate says how many rows were done a second in the last half minute.
 *
 * A process says which step it works on, in which phase, how many rows it has come
 * to, and what it waits for; the view checkpoint.progress shows it.  The module
 * does not know what a step is beyond its number, nor what is on record of it.
 * Steps, run.c, worker.c, and whatever goes through many rows in one transaction
 * (input.c, carry.c) call it.  Without a step, the calls do nothing.
 *
 * IDENTIFICATION
 *	  src/progress.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef CKPT_PROGRESS_H
#define CKPT_PROGRESS_H

#include "checkpoint.h"

#include "datatype/timestamp.h"

/* A number of rows that is not known yet. */
#define CKPT_ROWS_UNKNOWN	(-1)

/* Rates are those of so many of the last seconds. */
#define CKPT_RATE_SECONDS	30

/* How many rows were done when, oldest first: about one sample each second. */
typedef struct CkptRate
{
	int			n;
	struct
	{
		TimestampTz time;
		int64		done;
	}			samples[CKPT_RATE_SECONDS + 2];
} CkptRate;

extern void ckpt_rate_note(CkptRate *rate, int64 rows_done);
extern double ckpt_rate_get(const CkptRate *rate, int64 rows_done);

extern void ckpt_progress_begin(int64 step_id);
extern void ckpt_progress_phase(CkptPhase phase, int64 rows_total);
extern void ckpt_progress_rows(int64 rows_done);
extern void ckpt_progress_computed(int64 rows);
extern void ckpt_progress_wait(CkptWaitingFor what);
extern void ckpt_progress_end(void);

#endif							/* CKPT_PROGRESS_H */
