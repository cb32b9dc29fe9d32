/*-------------------------------------------------------------------------
 *
 * progress.h
 *	  What each process of a running step does now, for other sessions to see.
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

/* A number of rows that is not known yet. */
#define CKPT_ROWS_UNKNOWN	(-1)

extern void ckpt_progress_begin(int64 step_id);
extern void ckpt_progress_phase(CkptPhase phase, int64 rows_total);
extern void ckpt_progress_rows(int64 rows_done);
extern void ckpt_progress_computed(int64 rows);
extern void ckpt_progress_wait(CkptWaitingFor what);
extern double ckpt_progress_rate(void);
extern void ckpt_progress_end(void);

#endif							/* CKPT_PROGRESS_H */
