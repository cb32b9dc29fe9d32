/*-------------------------------------------------------------------------
 *
 * transaction.c
 *	  The transactions that a step and its workers make for themselves.
 *
 * They are read-write and READ COMMITTED, whatever the session's default.
 * Their work is done in a subtransaction: after any error what is left to do in
 * the transaction is its commit, or the record of the error.
 *
 * Interrupts are let in while the work is done, as far as the work does not hold
 * them itself.  They are held from its end until it is committed: a cancel that
 * comes late changes nothing.
 *
 * Transactions are ended through SPI, which must be connected so that it may,
 * in workers as in the session's procedures.  The next one has then begun: there
 * is no time without.  One that has done nothing holds nothing, neither locks
 * nor a snapshot, and may be waited in.
 *
 * IDENTIFICATION
 *	  src/transaction.c
 *
 *-------------------------------------------------------------------------
 */
#include "checkpoint.h"

#include "access/xact.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "stoppoint.h"
#include "transaction.h"
#include "utils/guc.h"
#include "utils/memutils.h"

/*
 * end_transaction commits or rolls back, and returns the error (of a deferred
 * constraint, say) if it could not.  A new transaction has begun then, too,
 * unless it is the caller's state that does not allow to end one.
 */
static ErrorData *
end_transaction(void (*end) (void))
{
	MemoryContext cxt = CurrentMemoryContext;
	/* the server leaves some bytes of each commit behind */
	MemoryContext scratch = AllocSetContextCreate(cxt, "checkpoint commit",
												  ALLOCSET_SMALL_SIZES);
	uint32		holdoff = InterruptHoldoffCount;
	ErrorData  *volatile error = NULL;

	MemoryContextSwitchTo(scratch);
	PG_TRY();
	{
		end();
	}
	PG_CATCH();
	{
		error = ckpt_catch_error(cxt, holdoff);
	}
	PG_END_TRY();
	MemoryContextSwitchTo(cxt);
	MemoryContextDelete(scratch);
	return error;
}

/*
 * ckpt_transaction_commit commits, and returns the error if it could not.
 */
ErrorData *
ckpt_transaction_commit(void)
{
	return end_transaction(SPI_commit);
}

/*
 * dont_wait lets the transaction's commit not wait for the disk.
 */
static void
dont_wait(void)
{
	if (synchronous_commit > SYNCHRONOUS_COMMIT_OFF)
		(void) set_config_option("synchronous_commit", "off", PGC_USERSET,
								 PGC_S_SESSION, GUC_ACTION_LOCAL, true, 0, false);
}

/*
 * ckpt_transaction_commit_async does the same, and does not wait for the disk.
 */
ErrorData *
ckpt_transaction_commit_async(void)
{
	dont_wait();
	return end_transaction(SPI_commit);
}

/*
 * ckpt_transaction_rollback rolls back, and returns the error if it could not.
 */
ErrorData *
ckpt_transaction_rollback(void)
{
	return end_transaction(SPI_rollback);
}

/*
 * ckpt_transaction_catch takes, in a PG_CATCH(), an error that came between two
 * transactions, in the given context, and rolls back.
 */
ErrorData *
ckpt_transaction_catch(MemoryContext cxt)
{
	ErrorData  *error = ckpt_catch_error(cxt, 0);

	HOLD_INTERRUPTS();
	while (GetCurrentTransactionNestLevel() > 1)
		RollbackAndReleaseCurrentSubTransaction();
	(void) ckpt_transaction_rollback();
	RESUME_INTERRUPTS();
	return error;
}

static void
do_work(void *arg)
{
	CkptTransaction *transaction = (CkptTransaction *) arg;

	RESUME_INTERRUPTS();
	transaction->work(transaction->arg);
	HOLD_INTERRUPTS();
}

/*
 * ckpt_transaction_run does work in the transaction that has just begun, and
 * commits it.
 *
 * Returns the error of the work, which is undone then, or that of its commit, in
 * CurrentMemoryContext, or NULL.
 */
ErrorData *
ckpt_transaction_run(CkptTransaction *transaction)
{
	ErrorData  *error;
	ErrorData  *commit_error;

	HOLD_INTERRUPTS();
	ckpt_transaction_is_ours();
	error = ckpt_subxact_run(do_work, transaction, CurrentMemoryContext, NULL);
	ckpt_stop_point("before commit of", transaction->name);
	if (transaction->async)
		dont_wait();
	commit_error = ckpt_transaction_commit();
	ckpt_stop_point("after commit of", transaction->name);
	RESUME_INTERRUPTS();
	return error ? error : commit_error;
}
