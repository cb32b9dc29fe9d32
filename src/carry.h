/*-------------------------------------------------------------------------
 *
 * carry.h
 *	  Carries results over to a new input.
 *
 * Decides which rows get a result from which earlier checkpoint, and how long it is
 * worth looking.  Does not know whether the code counts as the same (its caller says
 * so), nor what a job is.  step_checkpoint.c carries over; explain.c, reuse.c and
 * cleanup.c ask what would be.
 *
 * IDENTIFICATION
 *	  src/carry.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef CKPT_CARRY_H
#define CKPT_CARRY_H

#include "catalog.h"
#include "code.h"
#include "match_source.h"
#include "tcop/dest.h"
#include "udf.h"

/* Which results of a checkpoint may be carried over. */
typedef enum CkptCarryWhich
{
	CKPT_CARRY_NONE,
	CKPT_CARRY_SAME_CODE,		/* those that the code at hand has computed */
	CKPT_CARRY_ALL
} CkptCarryWhich;

/* Says so; warn says whether the user is to be told of tables out of order. */
typedef CkptCarryWhich (*CkptCarryDecide) (void *arg, const CkptCheckpoint *cp, bool warn);

/* Where to carry over from. */
typedef struct CkptCarryFrom
{
	List	   *checkpoints;	/* of the step, newest first */
	CkptCarryDecide which;		/* asked of each that is come to */
	void	   *arg;
	CkptCode	code;			/* at hand */
	double		seconds_per_row;	/* that computing costs; < 0 is not known */
} CkptCarryFrom;

/*
 * What was carried over, and how the new input differs, in the columns that the
 * UDF reads, from that of the base that has results for most of its rows; rows of
 * the base count for that whether they have a result or not.
 */
typedef struct CkptCarryCounts
{
	int64		carried;		/* rows that got a result, of any base */
	int64		by_earlier;		/* of these, results of other code */
	const CkptCheckpoint *base; /* that has most of the rows; NULL: there is none */
	int64		from_base;		/* rows that got its results */
	List	   *used;			/* (const CkptCheckpoint *) all that gave results */
	int64		added;
	int64		changed;
	int64		removed;
} CkptCarryCounts;

extern bool ckpt_carry_has_key(const CkptUdf *udf);
extern void ckpt_carry_over(const CkptCarryFrom *from, const CkptCheckpoint *cp,
							CkptUdf *udf, Oid owner, CkptCarryCounts *counts);
extern void ckpt_carry_count(const CkptCarryFrom *from, CkptKeptKeys *keys,
							 CkptUdf *udf, Oid owner, CkptCarryCounts *counts);
extern void ckpt_carry_count_to(const CkptCarryFrom *from, const CkptCheckpoint *cp,
								CkptUdf *udf, Oid owner, CkptCarryCounts *counts);
extern bool ckpt_carry_supersedes(const CkptCheckpoint *cp, const CkptCheckpoint *partial,
								  CkptUdf *udf, Oid owner);
extern char *ckpt_carry_describe(const CkptCarryCounts *counts);

#endif							/* CKPT_CARRY_H */
