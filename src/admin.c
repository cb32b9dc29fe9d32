/*-------------------------------------------------------------------------
 *
 * admin.c
 *	  Functions behind the views.
 *
 * IDENTIFICATION
 *	  src/admin.c
 *
 *-------------------------------------------------------------------------
 */
#include "checkpoint.h"

#include "fmgr.h"
#include "guc.h"
#include "utils/timestamp.h"

PG_FUNCTION_INFO_V1(checkpoint_retention);

/*
 * _retention(): the setting, as an interval.
 */
Datum
checkpoint_retention(PG_FUNCTION_ARGS)
{
	Interval   *interval = palloc0(sizeof(Interval));

	interval->day = ckpt_retention / (24 * 60);
	interval->time = (int64) (ckpt_retention % (24 * 60)) * SECS_PER_MINUTE * USECS_PER_SEC;
	PG_RETURN_INTERVAL_P(interval);
}
