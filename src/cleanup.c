/*-------------------------------------------------------------------------
 *
 * cleanup.c
 *	  Drops checkpoints that are of no more use.
 *
 * A checkpoint goes whole, tables and metadata in one transaction, or stays:
 * nobody waits for a reader of its tables, and views over them are respected.  A table
 * that is the input of another checkpoint as well stays as that one's.
 * Tables that do not belong to the checkpoint's owner any more stay: then only
 * the record goes.
 *
 * IDENTIFICATION
 *	  src/cleanup.c
 *
 *-------------------------------------------------------------------------
 */
#include "checkpoint.h"

#include "carry.h"
#include "catalog.h"
#include "cleanup.h"
#include "crash_marker.h"
#include "input_view.h"
#include "lease.h"
#include "ledger.h"
#include "result_table.h"
#include "stoppoint.h"
#include "subxact.h"

/*
 * ckpt_cleanup_drop drops a checkpoint.  Raises 55006 if its tables are in use, and
 * 2BP01 if an object of a user depends on them.  The caller answers for the right to.
 */
void
ckpt_cleanup_drop(const CkptCheckpoint *cp)
{
	ckpt_stop_point("drop of", "checkpoint");
	if ((cp->input_table && !ckpt_input_view_drop_table(cp->input_table, cp->owner)) ||
		!ckpt_input_view_drop_table(cp->output_table, cp->owner))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_IN_USE),
				 errmsg("tables of checkpoint %lld are in use", (long long) cp->id),
				 errhint("Try again when nobody reads them.")));
	ckpt_ledger_forget(cp);
	ckpt_lease_forget(cp->id);
	ckpt_catalog_delete_checkpoint(cp->id);
	ckpt_crash_marker_forget(cp->id);
}

static void
cleanup_drop(void *arg)
{
	ckpt_cleanup_drop((const CkptCheckpoint *) arg);
}

/*
 * ckpt_cleanup_replaced drops the checkpoints of a step of a run group that are
 * replaced; those in use, another time.
 */
void
ckpt_cleanup_replaced(const CkptStepRef *ref)
{
	ListCell   *lc;

	foreach(lc, ckpt_catalog_replaced_checkpoints(ref))
		(void) ckpt_subxact_try(cleanup_drop, lfirst(lc));
}

typedef struct Superseding
{
	const CkptCheckpoint *cp;
	const CkptCheckpoint *partial;
	CkptUdf    *udf;
	bool		result;
} Superseding;

static void
compare_tables(void *arg)
{
	Superseding *s = (Superseding *) arg;
	Oid			owner = s->cp->owner;

	s->result = s->partial->input_table != NULL &&
		ckpt_result_table_fault(s->partial->input_table, owner, NULL) == NULL &&
		ckpt_carry_supersedes(s->cp, s->partial, s->udf, owner);
}

/*
 * is_superseded returns whether a final checkpoint has most of what a partial one
 * with another input has.  If that cannot be found out, it has not.
 */
static bool
is_superseded(const CkptCheckpoint *cp, const CkptCheckpoint *partial, CkptUdf *udf)
{
	Superseding s = {cp, partial, udf, false};

	return udf && ckpt_subxact_try(compare_tables, &s) && s.result;
}

/*
 * ckpt_cleanup_finished drops what is of no more use when a step of a run group
 * has finished with a final checkpoint: unfinished ones with its input, those
 * with other inputs that it supersedes, and what it replaces.  alone says that the step
 * is known to have none of these.  udf is NULL if it was there before: then it
 * supersedes nothing.
 */
void
ckpt_cleanup_finished(const CkptStepRef *ref, const CkptCheckpoint *cp, bool alone, CkptUdf *udf)
{
	ListCell   *lc;

	foreach(lc, alone ? NIL : ckpt_catalog_unfinished_checkpoints(ref))
	{
		CkptCheckpoint *other = (CkptCheckpoint *) lfirst(lc);

		if (other->id != cp->id &&
			(strcmp(other->input_hash, cp->input_hash) == 0 || is_superseded(cp, other, udf)))
			ckpt_catalog_replace_checkpoint(other->id);
	}
	if (!alone)
		ckpt_cleanup_replaced(ref);
	if (cp->carried_from != 0 && ckpt_catalog_replace_chain(cp->id))
		ckpt_cleanup_replaced(ref);
}
