/*-------------------------------------------------------------------------
 *
 * subxact.c
 *	  Runs work in a subtransaction of its own and hands its error back.
 *
 * A step meets two kinds of error: the user's function fails, and anything
 * else fails.  Both leave SPI connections, snapshots, locks and memory
 * behind, which only a (sub)transaction's end clears away.  So each piece of
 * work runs in an internal subtransaction, and after an error the surrounding
 * transaction is as good as new and can record what happened.
 *
 * A subtransaction that wrote nothing has no transaction id and costs about
 * as much as a function call.
 *
 * IDENTIFICATION
 *	  src/subxact.c
 *
 *-------------------------------------------------------------------------
 */
#include "checkpoint.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "subxact.h"
#include "utils/memutils.h"
#include "utils/resowner.h"

/*
 * ckpt_catch_error takes the error that a PG_CATCH() handles, in the given
 * context, and holds interrupts as they were held before it: ereport(ERROR)
 * lets go of them.
 */
ErrorData *
ckpt_catch_error(MemoryContext cxt, uint32 holdoff)
{
	ErrorData  *error;

	InterruptHoldoffCount = holdoff;
	MemoryContextSwitchTo(cxt);
	error = CopyErrorData();
	FlushErrorState();
	return error;
}

/*
 * ckpt_subxact_run calls work(arg) in a subtransaction.
 *
 * Returns NULL if it went well; the subtransaction's effects are then part of
 * the current transaction.  Otherwise everything that work did in the
 * database is undone and the error is returned, in error_cxt.
 * *wrote tells whether the subtransaction had got a transaction id, that is,
 * whether it had written anything.  Memory that work allocated in a context
 * outside of the subtransaction's stays.
 *
 * Interrupts may be held when called: they are when it returns.
 */
ErrorData *
ckpt_subxact_run(CkptWork work, void *arg, MemoryContext error_cxt, bool *wrote)
{
	MemoryContext oldcxt = CurrentMemoryContext;
	ResourceOwner oldowner = CurrentResourceOwner;
	int			level = GetCurrentTransactionNestLevel();
	uint32		holdoff = InterruptHoldoffCount;
	volatile bool has_xid = false;
	ErrorData  *volatile edata = NULL;

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(oldcxt);

	PG_TRY();
	{
		work(arg);

		has_xid = TransactionIdIsValid(GetCurrentTransactionIdIfAny());
		ReleaseCurrentSubTransaction();
		MemoryContextSwitchTo(oldcxt);
		CurrentResourceOwner = oldowner;
	}
	PG_CATCH();
	{
		edata = ckpt_catch_error(error_cxt, holdoff);

		/* The error may have left subtransactions of its own open. */
		while (GetCurrentTransactionNestLevel() > level + 1)
			RollbackAndReleaseCurrentSubTransaction();
		has_xid = TransactionIdIsValid(GetCurrentTransactionIdIfAny());
		RollbackAndReleaseCurrentSubTransaction();
		MemoryContextSwitchTo(oldcxt);
		CurrentResourceOwner = oldowner;
	}
	PG_END_TRY();

	if (wrote)
		*wrote = has_xid;
	return edata;
}

/*
 * ckpt_subxact_try calls work(arg) in a subtransaction and returns whether it
 * went well: what fails may be left undone.  A cancel is passed on.
 */
bool
ckpt_subxact_try(CkptWork work, void *arg)
{
	ErrorData  *error = ckpt_subxact_run(work, arg, CurrentMemoryContext, NULL);

	if (error && error->sqlerrcode == ERRCODE_QUERY_CANCELED)
		ReThrowError(error);
	return error == NULL;
}
