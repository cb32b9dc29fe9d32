/*-------------------------------------------------------------------------
 *
 * stoppoint.h
 *	  Places where a test can stop, cancel or fail a process.
 *
 * Compiled in with -DCKPT_TEST_HOOKS only; otherwise a stop point is nothing.
 * Whoever has a place at which being interrupted is hard to hit from outside gives
 * the place a name.
 *
 * IDENTIFICATION
 *	  src/stoppoint.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef CKPT_STOPPOINT_H
#define CKPT_STOPPOINT_H

#ifdef CKPT_TEST_HOOKS
extern void ckpt_stop_point_init(void);
extern void ckpt_stop_point(const char *place, const char *what);
#else
#define ckpt_stop_point(place, what) ((void) 0)
#endif

#endif							/* CKPT_STOPPOINT_H */
