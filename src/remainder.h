/*-------------------------------------------------------------------------
 *
 * remainder.h
 *	  What a checkpoint has left to do, for SQL: the rows, and the ids.
 *
 * client.c asks it which checkpoint a row type stands for.
 *
 * IDENTIFICATION
 *	  src/remainder.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef CKPT_REMAINDER_H
#define CKPT_REMAINDER_H

#include "catalog.h"
#include "fmgr.h"

extern Oid	ckpt_remainder_table(FunctionCallInfo fcinfo, const char *function,
								 CkptCheckpoint *cp);

#endif							/* CKPT_REMAINDER_H */
