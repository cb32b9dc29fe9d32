/*-------------------------------------------------------------------------
 *
 * throttle.c
 *	  Is the server behind, so that a run should not write more for a while?
 *
 * IDENTIFICATION
 *	  src/throttle.c
 *
 *-------------------------------------------------------------------------
 */
#include "checkpoint.h"

#include "access/xlog.h"
#include "guc.h"
#include "replication/walsender.h"
#include "replication/walsender_private.h"
#include "storage/spin.h"
#include "throttle.h"

/*
 * ckpt_throttle_replicas_lag returns whether a standby has not replayed more WAL
 * than it may.  One that has never said how far it is does not count.
 */
bool
ckpt_throttle_replicas_lag(void)
{
	XLogRecPtr	written;

	if (ckpt_max_replica_lag == 0)
		return false;
	written = GetXLogWriteRecPtr();
	for (int i = 0; i < max_wal_senders; i++)
	{
		WalSnd	   *sender = &WalSndCtl->walsnds[i];
		XLogRecPtr	replayed;

		SpinLockAcquire(&sender->mutex);
		replayed = sender->pid == 0 ? InvalidXLogRecPtr : sender->apply;
		SpinLockRelease(&sender->mutex);
		if (!XLogRecPtrIsInvalid(replayed) && replayed + (uint64) ckpt_max_replica_lag < written)
			return true;
	}
	return false;
}
