/*-------------------------------------------------------------------------
 *
 * plans.h
 *	  Cached plans that are not those of the code any more.
 *
 * Discards the session's plans that may be older than the code.  Does not know what
 * has changed, nor what the code is beyond its hash.  Whoever is about to run code of
 * the user calls it.
 *
 * IDENTIFICATION
 *	  src/plans.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef CKPT_PLANS_H
#define CKPT_PLANS_H

#include "code.h"

extern void ckpt_plans_renew(const CkptCode *code);

#endif							/* CKPT_PLANS_H */
