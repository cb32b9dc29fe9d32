/*-------------------------------------------------------------------------
 *
 * throttle.h
 *	  Is the server behind, so that a run should not write more for a while?
 *
 * Knows settings and the server, and nothing of what is run.  The loop of a run
 * calls it between two transactions.
 *
 * IDENTIFICATION
 *	  src/throttle.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef CKPT_THROTTLE_H
#define CKPT_THROTTLE_H

extern bool ckpt_throttle_replicas_lag(void);

#endif							/* CKPT_THROTTLE_H */
