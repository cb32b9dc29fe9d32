/*-------------------------------------------------------------------------
 *
 * carry_base.h
 *	  What can be told of an earlier checkpoint's tables before rows are matched.
 *
 * It knows what the tables have, and not which code may use it: see reuse.c.  Only
 * carry.c calls it; the tables of a base are locked.
 *
 * IDENTIFICATION
 *	  src/carry_base.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef CKPT_CARRY_BASE_H
#define CKPT_CARRY_BASE_H

#include "catalog.h"
#include "idset.h"
#include "udf.h"

extern bool ckpt_carry_base_has_key(CkptUdf *udf, const CkptCheckpoint *base);
extern bool ckpt_carry_base_means_the_same(CkptUdf *udf, const CkptCheckpoint *base);
extern CkptIdSet *ckpt_carry_base_given_up(const CkptCheckpoint *cp);

#endif							/* CKPT_CARRY_BASE_H */
