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
#include "tcop/dest.h"
#include "udf.h"

/*
 * Can results be carried over from a checkpoint, as far as its tables go?  If
 * not, warn says whether the user is to be told.
 */
typedef bool (*CkptCarryUsable) (void *arg, const CkptCheckpoint *cp, bool warn);

/* Where to carry over from. */
typedef struct CkptCarryFrom
{
	List	   *checkpoints;	/* of the step, newest first */
	CkptCarryUsable usable;		/* asked of each that is come to */
	void	   *arg;
	bool		only_same_code;
	double		seconds_per_row;	/* that computing costs; < 0 is not known */
} CkptCarryFrom;

/*
 * What was carried over, and how the new input differs from that of the newest
 * base in the columns that the UDF reads; rows of the base count for that
 * whether they have a result or not.
 */
typedef struct CkptCarryCounts
{
	int64		carried;		/* rows that got a result, of any base */
	int64		from_job;		/* of the newest base that gave any */
	bool		compared;		/* there was a base */
	int64		added;
	int64		changed;
	int64		removed;
} CkptCarryCounts;

/* What a dry run knows of the new input: pub receives its query's rows. */
typedef struct CkptCarryKeys
{
	DestReceiver pub;
	int64		rows;
	struct CkptCarryKeysState *state;
} CkptCarryKeys;

extern bool ckpt_carry_has_key(const CkptUdf *udf);
extern void ckpt_carry_over(const CkptCarryFrom *from, const CkptCheckpoint *cp,
							CkptUdf *udf, Oid owner, CkptCarryCounts *counts);
extern CkptCarryKeys *ckpt_carry_keys_create(CkptUdf *udf);
extern void ckpt_carry_count(const CkptCarryFrom *from, CkptCarryKeys *keys,
							 CkptUdf *udf, Oid owner, CkptCarryCounts *counts);
extern char *ckpt_carry_describe(const CkptCarryCounts *counts);

#endif							/* CKPT_CARRY_H */
