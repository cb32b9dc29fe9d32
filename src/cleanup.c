/*-------------------------------------------------------------------------
 *
 * cleanup.c
 *	  Drops checkpoints that are of no more use.
 *
 * A checkpoint goes whole, tables and metadata in one transaction, or stays:
 * nobody waits for a reader of its tables, and views over them are respected.
 * Tables that do not belong to the checkpoint's owner any more stay: then only
 * the record goes.
 *
 * IDENTIFICATION
 *	  src/cleanup.c
 *
 *-------------------------------------------------------------------------
 */
#include "checkpoint.h"

#include "catalog.h"
#include "cleanup.h"
#include "inhand.h"
#include "ledger.h"
#include "result_table.h"
#include "stoppoint.h"
#include "subxact.h"

/*
 * cleanup_drop drops a checkpoint, or raises if its tables are in use.
 */
static void
cleanup_drop(void *arg)
{
	const CkptCheckpoint *cp = (const CkptCheckpoint *) arg;

	ckpt_stop_point("drop of", "checkpoint");
	if ((cp->input_table && !ckpt_result_table_drop(cp->input_table, cp->owner)) ||
		!ckpt_result_table_drop(cp->output_table, cp->owner))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_IN_USE),
				 errmsg("tables of checkpoint %lld are in use", (long long) cp->id)));
	ckpt_ledger_forget(cp);
	ckpt_catalog_delete_checkpoint(cp->id);
	ckpt_inhand_forget(cp->id);
}

/*
 * ckpt_cleanup_superseded drops the partial checkpoints of a step of a run
 * group that has finished, but for the one that it may have finished with.
 */
void
ckpt_cleanup_superseded(const CkptStepRef *ref, int64 keep)
{
	ListCell   *lc;

	foreach(lc, ckpt_catalog_group_checkpoints(ref))
	{
		CkptCheckpoint *other = (CkptCheckpoint *) lfirst(lc);

		if (other->id != keep && !other->final)
			(void) ckpt_subxact_try(cleanup_drop, other);
	}
}
