/*-------------------------------------------------------------------------
 *
 * crash_marker.h
 *	  Notes in a file which row a process computes, in case it crashes.
 *
 * The note survives the crash, the transaction does not.  So the next run learns
 * which row to be careful with.  The module knows numbers only: a checkpoint, a
 * process of its run, a row or some that follow each other.  A process of a run opens its mark and writes to it;
 * the next run collects the marks of crashed processes, and the ledger counts
 * crashes of a row.
 *
 * IDENTIFICATION
 *	  src/crash_marker.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef CKPT_CRASH_MARKER_H
#define CKPT_CRASH_MARKER_H

#include "nodes/pg_list.h"

/* Id of the row that this process computes, or of the first, 0 for none; always may be written to. */
extern volatile int64 *ckpt_crash_marker;

extern void ckpt_crash_marker_extend(int64 last);
extern void ckpt_crash_marker_open(int64 checkpoint_id, int worker);
extern void ckpt_crash_marker_close(void);
extern List *ckpt_crash_marker_collect(int64 checkpoint_id);
extern void ckpt_crash_marker_forget(int64 checkpoint_id);

#endif							/* CKPT_CRASH_MARKER_H */
