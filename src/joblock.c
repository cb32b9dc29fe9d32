/*-------------------------------------------------------------------------
 *
 * joblock.c
 *	  Locks that say which jobs and steps are alive.
 *
 * "Running" is never a stored flag alone: a row says that a job was started,
 * and a lock that somebody lives who runs it.  The lock goes with its process
 * however that ends.
 *
 * The locks are session-level, because steps commit, and of the advisory kind,
 * because those alone survive a transaction's abort; a field of the tag keeps
 * them apart from the users' advisory locks.  (pg_advisory_unlock_all() and
 * DISCARD ALL release them all the same: the job is then taken for dead until
 * its next step locks it again.)
 *
 *	job		share lock: its session, and every session that runs a step of it.
 *			begin_job tests for life by asking for an exclusive lock.
 *	step	exclusive lock: the session that runs it.
 *	group	exclusive lock, for the length of begin_job's transaction.
 *
 * IDENTIFICATION
 *	  src/joblock.c
 *
 *-------------------------------------------------------------------------
 */
#include "checkpoint.h"

#include "access/xact.h"
#include "joblock.h"
#include "miscadmin.h"
#include "storage/lock.h"
#include "utils/memutils.h"

/* Locks that go when the transaction commits. */
typedef struct PendingRelease
{
	LOCKTAG		tag;
	LOCKMODE	mode;
} PendingRelease;

static PendingRelease *pending = NULL;
static int	npending = 0;
static int	maxpending = 0;

static void
joblock_tag(LOCKTAG *tag, CkptLockClass class, int64 id)
{
	SET_LOCKTAG_ADVISORY(*tag, MyDatabaseId, (uint32) (id >> 32), (uint32) id,
						 class);
}

static void
joblock_xact_callback(XactEvent event, void *arg)
{
	if (event != XACT_EVENT_COMMIT && event != XACT_EVENT_ABORT)
		return;
	if (event == XACT_EVENT_COMMIT)
	{
		for (int i = 0; i < npending; i++)
			(void) LockRelease(&pending[i].tag, pending[i].mode, true);
	}
	npending = 0;
}

/*
 * ckpt_joblock_init prepares for releases at commit; called by _PG_init.
 */
void
ckpt_joblock_init(void)
{
	RegisterXactCallback(joblock_xact_callback, NULL);
}

/*
 * ckpt_joblock_acquire takes a lock if it is free and returns whether it did.
 *
 * A session's lock is held until ckpt_joblock_release() or the process ends;
 * taken twice, it must be released twice.  The other kind goes with the
 * transaction.
 */
bool
ckpt_joblock_acquire(CkptLockClass class, int64 id, LOCKMODE mode, bool session)
{
	LOCKTAG		tag;

	joblock_tag(&tag, class, id);
	return LockAcquire(&tag, mode, session, true) != LOCKACQUIRE_NOT_AVAIL;
}

/*
 * ckpt_joblock_release lets go of a session's lock, at once.
 */
void
ckpt_joblock_release(CkptLockClass class, int64 id, LOCKMODE mode)
{
	LOCKTAG		tag;

	joblock_tag(&tag, class, id);
	(void) LockRelease(&tag, mode, true);
}

/*
 * ckpt_joblock_release_at_commit lets go of a session's lock when the current
 * transaction commits, and keeps it if it aborts.
 */
void
ckpt_joblock_release_at_commit(CkptLockClass class, int64 id, LOCKMODE mode)
{
	if (npending == maxpending)
	{
		int			newmax = Max(8, maxpending * 2);

		if (pending == NULL)
			pending = MemoryContextAlloc(TopMemoryContext,
										 newmax * sizeof(PendingRelease));
		else
			pending = repalloc(pending, newmax * sizeof(PendingRelease));
		maxpending = newmax;
	}
	joblock_tag(&pending[npending].tag, class, id);
	pending[npending].mode = mode;
	npending++;
}

/*
 * joblock_scan looks for a holder of a lock: this process if here is true,
 * any process otherwise, another one rather than this.  Returns its pid, or 0.
 */
static int
joblock_scan(CkptLockClass class, int64 id, bool here)
{
	LOCKTAG		tag;
	LockData   *locks = GetLockStatusData();
	int			pid = 0;

	joblock_tag(&tag, class, id);
	for (int i = 0; i < locks->nelements; i++)
	{
		LockInstanceData *lock = &locks->locks[i];

		if (lock->holdMask == 0 ||
			memcmp(&lock->locktag, &tag, sizeof(LOCKTAG)) != 0)
			continue;
		if (lock->pid == MyProcPid)
			pid = MyProcPid;
		else if (!here)
		{
			pid = lock->pid;
			break;
		}
	}
	pfree(locks->locks);
	pfree(locks);
	return pid;
}

/*
 * ckpt_joblock_holder returns the pid of a process that holds the lock, of
 * another one if there are several, or 0.
 */
int
ckpt_joblock_holder(CkptLockClass class, int64 id)
{
	return joblock_scan(class, id, false);
}

/*
 * ckpt_joblock_held_here returns whether this process holds the lock.
 */
bool
ckpt_joblock_held_here(CkptLockClass class, int64 id)
{
	return joblock_scan(class, id, true) != 0;
}
