/*-------------------------------------------------------------------------
 *
 * plans.h
 *	  Cached plans that are not those of the code any more.
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
