/*-------------------------------------------------------------------------
 *
 * unit_timer.h
 *	  Ends a call of the user's function that takes too long.
 *
 * The timer knows nothing of rows: the runner says when a batch's calls begin and
 * end, and when the next unit begins.  Nobody else calls it, but for the question
 * whether an error is the timer's.
 *
 * IDENTIFICATION
 *	  src/unit_timer.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef CKPT_UNIT_TIMER_H
#define CKPT_UNIT_TIMER_H

#include "checkpoint.h"

extern volatile int64 ckpt_unit_number;
extern volatile bool ckpt_unit_overdue;

extern void ckpt_unit_timer_start(int64 limit);
extern void ckpt_unit_timer_stop(ErrorData *error);
extern void ckpt_unit_timer_forget(void);
extern bool ckpt_is_cancel(const ErrorData *error);
extern bool ckpt_unit_timed_out(const ErrorData *error);

/*
 * ckpt_unit_begin says that the next unit begins, which is cheap.
 */
static inline void
ckpt_unit_begin(void)
{
	ckpt_unit_number++;
	if (unlikely(ckpt_unit_overdue))
		ckpt_unit_timer_forget();
}

#endif							/* CKPT_UNIT_TIMER_H */
