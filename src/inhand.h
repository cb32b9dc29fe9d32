/*-------------------------------------------------------------------------
 *
 * inhand.h
 *	  Which row a process had in hand when it crashed.
 *
 * IDENTIFICATION
 *	  src/inhand.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef CKPT_INHAND_H
#define CKPT_INHAND_H

#include "nodes/pg_list.h"

/* The row in hand; 0 if there is none.  Any process may write to its own. */
extern volatile int64 *ckpt_inhand;

extern void ckpt_inhand_open(int64 checkpoint_id, int worker);
extern void ckpt_inhand_close(void);
extern List *ckpt_inhand_collect(int64 checkpoint_id);
extern void ckpt_inhand_forget(int64 checkpoint_id);

#endif							/* CKPT_INHAND_H */
