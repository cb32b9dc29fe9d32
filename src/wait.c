/*-------------------------------------------------------------------------
 *
 * wait.c
 *	  Waits that nobody else has to wait for.
 *
 * A step waits for its workers, and while it does, the rest of the server
 * must not wait for the step.  Two things are needed for that.
 *
 * Process barriers: DROP DATABASE and DROP TABLESPACE of any database wait until
 * every process has closed the files that it has open.  A process that waits
 * with interrupts held has to answer them all the same.
 *
 * The client: a process that has no result to send does not notice that nobody
 * is there any more to read it.  So each wait looks for the client.
 *
 * What a wait must not do, and its caller has to see to: to wait for another
 * process while one's own transaction holds anything that the other process
 * may be waiting for.  The server's deadlock detector knows of locks only, and
 * would not find such a circle.
 *
 * IDENTIFICATION
 *	  src/wait.c
 *
 *-------------------------------------------------------------------------
 */
#include "checkpoint.h"

#include "miscadmin.h"
#include "storage/latch.h"
#include "storage/procsignal.h"
#include "wait.h"

/*
 * ckpt_wait_check_client lets the session die at its next interrupt if its
 * client is gone.
 */
void
ckpt_wait_check_client(void)
{
	if (MyProcPort && WaitEventSetCanReportClosed() && !pq_check_connection())
	{
		ClientConnectionLost = true;
		InterruptPending = true;
	}
}

/*
 * ckpt_wait_must_die returns whether the next interrupt to be served ends this
 * process.
 */
bool
ckpt_wait_must_die(void)
{
	return ProcDiePending || ClientConnectionLost;
}

/*
 * ckpt_wait waits for this process's latch, for at most so many ms.
 *
 * Barriers are served, other interrupts are not: they set the latch, and the
 * caller serves them if it can.
 */
void
ckpt_wait(long timeout, uint32 event)
{
	(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
					 timeout, event);
	ResetLatch(MyLatch);
	if (ProcSignalBarrierPending)
		ProcessProcSignalBarrier();
	ckpt_wait_check_client();
}
