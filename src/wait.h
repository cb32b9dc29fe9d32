/*-------------------------------------------------------------------------
 *
 * wait.h
 *	  Waits during which nobody has to wait for the waiting process.
 *
 * The process answers the server's barriers and notices that its client has gone.
 * Called by the session of a step and by its workers.  Callers see to it that their
 * transaction holds no lock meanwhile that another process may be waiting for.
 *
 * IDENTIFICATION
 *	  src/wait.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef CKPT_WAIT_H
#define CKPT_WAIT_H

#include <time.h>

/* How long a wait lasts at most before its caller looks around again, ms. */
#define CKPT_WAIT_MS	1000L

/* How long a process goes on or waits before it looks whether its job is paused, ms. */
#define CKPT_LOOK_MS	250L

/*
 * ckpt_now_ms is a cheap clock for deadlines: a few ns a call, some ms exact.
 */
static inline int64
ckpt_now_ms(void)
{
	struct timespec ts;

#ifdef CLOCK_MONOTONIC_COARSE
	clock_gettime(CLOCK_MONOTONIC_COARSE, &ts);
#else
	clock_gettime(CLOCK_MONOTONIC, &ts);
#endif
	return (int64) ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

extern void ckpt_wait(long timeout, uint32 event);
extern void ckpt_wait_check_client(void);
extern bool ckpt_wait_must_die(void);

#endif							/* CKPT_WAIT_H */
