/*-------------------------------------------------------------------------
 *
 * pinned.h
 *	  Settings while the extension prints, compares or hashes.
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
