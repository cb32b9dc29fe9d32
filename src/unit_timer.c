/*-------------------------------------------------------------------------
 *
 * unit_timer.c
 *	  Ends a call of the user's function that takes too long.
 *
 * To set a timer for each call would cost more than many a call.  So one timer
 * ticks while calls are made, and at each tick looks whether the unit is still
 * the one that it has seen before: a call may take up to two ticks longer than its
 * limit, and never less.
 *
 * A call is ended as by a cancel, which code in any language heeds.  The server
 * has one flag for all cancels; so those that come by signal, as a user's and the
 * other timeouts' do, are counted: a cancel that came as well wins.
 *
 * IDENTIFICATION
 *	  src/unit_timer.c
 *
 *-------------------------------------------------------------------------
 */
#include "checkpoint.h"

#include <signal.h>

#include "libpq/pqsignal.h"
#include "miscadmin.h"
#include "spec.h"
#include "tcop/tcopprot.h"
#include "unit_timer.h"
#include "utils/memutils.h"
#include "utils/timeout.h"
#include "utils/timestamp.h"

/* So many ticks in the time that a call may take, and how long one may be, ms. */
#define TICKS		10
#define MAX_TICK	1000

#define MESSAGE		"call took longer than unit_timeout"

volatile int64 ckpt_unit_number = 0;	/* of the unit whose call is made */
volatile bool ckpt_unit_overdue = false;	/* its call was told to end */

static volatile bool running = false;
static TimeoutId timer;
static volatile int64 seen_number;	/* of the unit at the last tick ... */
static volatile TimestampTz seen_at;	/* ... which was first seen then */
static volatile int64 limit_us;
static volatile sig_atomic_t ncancels = 0;	/* that came by signal */
static sig_atomic_t ncancels_before;

/*
 * on_tick is called by the timer, within a signal handler.
 */
static void
on_tick(void)
{
	TimestampTz now = GetCurrentTimestamp();

	if (!running)
		return;
	if (ckpt_unit_number != seen_number)
	{
		seen_number = ckpt_unit_number;
		seen_at = now;
	}
	else if (!ckpt_unit_overdue && now - seen_at >= limit_us)
	{
		ckpt_unit_overdue = true;
		QueryCancelPending = true;
		InterruptPending = true;
	}
}

static void
on_cancel(SIGNAL_ARGS)
{
	ncancels++;
	StatementCancelHandler(postgres_signal_arg);
}

/*
 * ckpt_unit_timer_start lets the timer tick, for calls that may take so many
 * microseconds each; not if limit is CKPT_NONE.  ckpt_unit_timer_stop() is to
 * follow, whatever happens.
 */
void
ckpt_unit_timer_start(int64 limit)
{
	static bool registered = false;
	int			tick = (int) Max(1, Min(MAX_TICK, limit / (TICKS * 1000)));

	if (limit == CKPT_NONE)
		return;
	if (!registered)
	{
		timer = RegisterTimeout(USER_TIMEOUT, on_tick);
		pqsignal(SIGINT, on_cancel);
		registered = true;
	}
	ncancels_before = ncancels;
	seen_number = -1;
	limit_us = limit;
	ckpt_unit_overdue = false;
	running = true;
	enable_timeout_every(timer, TimestampTzPlusMilliseconds(GetCurrentTimestamp(), tick), tick);
}

/*
 * ckpt_is_cancel tells a cancel, a user's or the timer's, from timeouts of the server,
 * which have the same code.  Some languages put something before its message.
 */
bool
ckpt_is_cancel(const ErrorData *error)
{
	return error->sqlerrcode == ERRCODE_QUERY_CANCELED &&
		strstr(error->message, _("canceling statement due to user request")) != NULL;
}

/*
 * ckpt_unit_timer_stop stops the timer.  If it has ended a call, whose error this
 * is, the error says so from now on.
 */
void
ckpt_unit_timer_stop(ErrorData *error)
{
	if (!running)
		return;
	running = false;
	disable_timeout(timer, false);
	if (!ckpt_unit_overdue)
		return;
	if (error && ckpt_is_cancel(error) && ncancels == ncancels_before)
	{
		error->message = MemoryContextStrdup(error->assoc_context, MESSAGE);
		error->detail = MemoryContextStrdup(error->assoc_context,
											psprintf("It may take " INT64_FORMAT " ms.", limit_us / 1000));
	}
	ckpt_unit_timer_forget();
}

/*
 * ckpt_unit_timer_forget takes back that a call was told to end, which has ended
 * before it knew.
 */
void
ckpt_unit_timer_forget(void)
{
	ckpt_unit_overdue = false;
	QueryCancelPending = false;
	if (ncancels != ncancels_before)
	{
		QueryCancelPending = true;
		InterruptPending = true;
	}
}

/*
 * ckpt_unit_timed_out tells a call that took too long from one that was
 * cancelled, which has the same code.
 */
bool
ckpt_unit_timed_out(const ErrorData *error)
{
	return error->sqlerrcode == ERRCODE_QUERY_CANCELED && strcmp(error->message, MESSAGE) == 0;
}
