/*-------------------------------------------------------------------------
 *
 * carry.h
 *	  Carries results over to a new input.
 *
 * IDENTIFICATION
 *	  src/carry.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef CKPT_CARRY_H
#define CKPT_CARRY_H

#include "catalog.h"
#include "udf.h"

extern bool ckpt_carry_possible(CkptUdf *udf, const char *table);
extern int64 ckpt_carry_over(const CkptCheckpoint *base, const CkptCheckpoint *cp,
							 CkptUdf *udf, Oid owner, const char *only_code,
							 const char *only_version);

#endif							/* CKPT_CARRY_H */
