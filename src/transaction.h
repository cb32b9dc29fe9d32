/*-------------------------------------------------------------------------
 *
 * transaction.h
 *	  The transactions that a step and its workers make for themselves.
 *
 * Does work, commits it, and hands back the error if either fails.  It knows
 * nothing of what the work is.  The states of a step, the loop of a run and the
 * workers call it, with SPI connected so that transactions may be ended.
 *
 * IDENTIFICATION
 *	  src/transaction.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef CKPT_TRANSACTION_H
#define CKPT_TRANSACTION_H

#include "subxact.h"

/* One of them. */
typedef struct CkptTransaction
{
	CkptWork	work;
	void	   *arg;
	const char *name;			/* for stop points */
	bool		async;			/* its commit does not wait for the disk; work may
								 * change that */
} CkptTransaction;

extern ErrorData *ckpt_transaction_run(CkptTransaction *transaction);
extern ErrorData *ckpt_transaction_commit(void);
extern ErrorData *ckpt_transaction_commit_async(void);
extern ErrorData *ckpt_transaction_rollback(void);
extern ErrorData *ckpt_transaction_catch(MemoryContext cxt);

/*
 * ckpt_transaction_is_ours gives a transaction that has just begun what our own
 * ones have, whatever the session's defaults are.
 */
static inline void
ckpt_transaction_is_ours(void)
{
	XactReadOnly = false;
	XactIsoLevel = XACT_READ_COMMITTED;
}

#endif							/* CKPT_TRANSACTION_H */
