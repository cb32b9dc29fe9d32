/*-------------------------------------------------------------------------
 *
 * pinned.h
 *	  Pins the settings on which printed, compared or hashed text depends.
 *
 * Between ckpt_pinned_begin() and ckpt_pinned_end() no code of a user may run: it
 * is to see the settings of its session.  Anybody may call it who makes text that
 * is stored.
 *
 * IDENTIFICATION
 *	  src/pinned.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef CKPT_PINNED_H
#define CKPT_PINNED_H

#include "fmgr.h"

extern int	ckpt_pinned_begin(void);
extern int	ckpt_pinned_begin_if_needed(void);
extern void ckpt_pinned_end(int nestlevel);
extern bytea *ckpt_pinned_send(FmgrInfo *function, Datum value);

#endif							/* CKPT_PINNED_H */
