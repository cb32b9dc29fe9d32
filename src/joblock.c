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
 * DISCARD ALL release them all the same: the job is then taken for dead.)  They
 * go with the extension, too, when the session next commits.
 *
 *	group	share lock: everybody who has a job's lock, on its run group.
 *			begin_job takes it exclusively, for its transaction: so it finds
 *			out whether anybody runs anything of the group.
 *	job		share lock: its session, each session that runs a step of it, and
 *			their workers.
 *	step	exclusive lock: the session that runs it.
 *	worker	share lock: the background processes that help with a step.
 *	clients	on a checkpoint, transaction-level.  Share lock: clients whose
 *			transaction marks rows of it; exclusive: who opens, finishes or takes it.
 *	claim	on a checkpoint, exclusive, for the moment in which rows are claimed.
 *	session	exclusive lock: a session that has claimed rows in its own name.
 *
 * IDENTIFICATION
 *	  src/joblock.c
 *
 *-------------------------------------------------------------------------
 */
#include "checkpoint.h"

#include "access/xact.h"
#include "catalog/namespace.h"
#include "joblock.h"
#include "miscadmin.h"
#include "storage/lock.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

/* Locks that go when a transaction ends one way or the other. */
typedef struct PendingRelease
{
	LOCKTAG		tag;
	LOCKMODE	mode;
	bool		at_commit;		/* else at abort */
	int			level;			/* nesting level of its (sub)transaction */
} PendingRelease;

static PendingRelease *pending = NULL;
static int	npending = 0;
static int	maxpending = 0;

/* The session's locks. */
typedef struct HeldLock
{
	LOCKTAG		tag;
	LOCKMODE	mode;
} HeldLock;

static HeldLock *held = NULL;
static int	nheld = 0;
static int	maxheld = 0;
static bool dropped = false;	/* the transaction has found the extension gone */

static void joblock_let_go(const LOCKTAG *tag, LOCKMODE mode);

static void
joblock_tag(LOCKTAG *tag, CkptLockClass class, int64 id)
{
	SET_LOCKTAG_ADVISORY(*tag, MyDatabaseId, (uint32) (id >> 32), (uint32) id,
						 class);
}

/*
 * joblock_end_level releases what is due when the (sub)transactions of a
 * nesting level and below end.
 */
static void
joblock_end_level(int level, bool commit)
{
	int			kept = 0;

	for (int i = 0; i < npending; i++)
	{
		if (pending[i].level < level)
			pending[kept++] = pending[i];
		else if (commit && level > 1)
		{
			/* it depends on the parent now */
			pending[kept] = pending[i];
			pending[kept++].level = level - 1;
		}
		else if (pending[i].at_commit == commit)
			joblock_let_go(&pending[i].tag, pending[i].mode);
	}
	npending = kept;
}

/*
 * joblock_extension_is_gone returns whether the extension that the locks are
 * about has been dropped.  Made anew, it counts its jobs from 1 again.
 */
static bool
joblock_extension_is_gone(void)
{
	Oid			schema = get_namespace_oid(CKPT_SCHEMA, true);

	return !OidIsValid(schema) || !OidIsValid(get_relname_relid("job", schema));
}

static void
joblock_xact_callback(XactEvent event, void *arg)
{
	if (event == XACT_EVENT_PRE_PREPARE && npending > 0)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("cannot prepare a transaction that has begun or ended a job"),
				 errhint("Commit it instead.")));
	if (event == XACT_EVENT_PRE_COMMIT)
		dropped = nheld > 0 && joblock_extension_is_gone();
	if (event != XACT_EVENT_COMMIT && event != XACT_EVENT_ABORT)
		return;
	joblock_end_level(1, event == XACT_EVENT_COMMIT);
	while (event == XACT_EVENT_COMMIT && dropped && nheld > 0)
		joblock_let_go(&held[nheld - 1].tag, held[nheld - 1].mode);
}

static void
joblock_subxact_callback(SubXactEvent event, SubTransactionId mySubid,
						 SubTransactionId parentSubid, void *arg)
{
	if (event == SUBXACT_EVENT_COMMIT_SUB || event == SUBXACT_EVENT_ABORT_SUB)
		joblock_end_level(GetCurrentTransactionNestLevel(),
						  event == SUBXACT_EVENT_COMMIT_SUB);
}

/*
 * ckpt_joblock_init prepares for releases at a transaction's end; called by
 * _PG_init.
 */
void
ckpt_joblock_init(void)
{
	RegisterXactCallback(joblock_xact_callback, NULL);
	RegisterSubXactCallback(joblock_subxact_callback, NULL);
}

/*
 * joblock_make_room prepares to note one more lock of the session, and forgets
 * those that others have released.
 */
static void
joblock_make_room(void)
{
	int			kept = 0;

	for (int i = 0; i < nheld; i++)
	{
		if (ckpt_lock_held_by_me(&held[i].tag, held[i].mode))
			held[kept++] = held[i];
	}
	nheld = kept;
	if (nheld < maxheld)
		return;
	if (held == NULL)
		held = MemoryContextAlloc(TopMemoryContext, 8 * sizeof(HeldLock));
	else
		held = repalloc(held, maxheld * 2 * sizeof(HeldLock));
	maxheld = maxheld == 0 ? 8 : maxheld * 2;
}

/*
 * joblock_let_go releases a session's lock, if nobody else has done so.
 */
static void
joblock_let_go(const LOCKTAG *tag, LOCKMODE mode)
{
	for (int i = nheld - 1; i >= 0; i--)
	{
		if (held[i].mode == mode && memcmp(&held[i].tag, tag, sizeof(LOCKTAG)) == 0)
		{
			held[i] = held[--nheld];
			break;
		}
	}
	if (ckpt_lock_held_by_me(tag, mode))
		(void) LockRelease(tag, mode, true);
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
	if (session)
		joblock_make_room();
	if (LockAcquire(&tag, mode, session, true) == LOCKACQUIRE_NOT_AVAIL)
		return false;
	if (session)
		held[nheld++] = (HeldLock) {tag, mode};
	return true;
}

/*
 * ckpt_joblock_wait takes a lock that goes with the transaction, and waits for it.
 */
void
ckpt_joblock_wait(CkptLockClass class, int64 id, LOCKMODE mode)
{
	LOCKTAG		tag;

	joblock_tag(&tag, class, id);
	(void) LockAcquire(&tag, mode, false, false);
}

/*
 * ckpt_joblock_release_early lets go of such a lock before the transaction ends.
 */
void
ckpt_joblock_release_early(CkptLockClass class, int64 id, LOCKMODE mode)
{
	LOCKTAG		tag;

	joblock_tag(&tag, class, id);
	(void) LockRelease(&tag, mode, false);
}

/*
 * ckpt_joblock_release lets go of a session's lock, at once.
 */
void
ckpt_joblock_release(CkptLockClass class, int64 id, LOCKMODE mode)
{
	LOCKTAG		tag;

	joblock_tag(&tag, class, id);
	joblock_let_go(&tag, mode);
}

static void
joblock_add_pending(CkptLockClass class, int64 id, LOCKMODE mode, bool at_commit)
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
	pending[npending].at_commit = at_commit;
	pending[npending].level = GetCurrentTransactionNestLevel();
	npending++;
}

/*
 * ckpt_joblock_release_at_commit lets go of a session's lock when the current
 * transaction commits, and keeps it if it, or a subtransaction around the
 * call, aborts.
 */
void
ckpt_joblock_release_at_commit(CkptLockClass class, int64 id, LOCKMODE mode)
{
	joblock_add_pending(class, id, mode, true);
}

/*
 * ckpt_joblock_release_at_abort lets go of a session's lock when the current
 * transaction, or a subtransaction around the call, aborts.
 */
void
ckpt_joblock_release_at_abort(CkptLockClass class, int64 id, LOCKMODE mode)
{
	joblock_add_pending(class, id, mode, false);
}

/*
 * ckpt_joblock_pids lists the processes that hold a lock.
 */
List *
ckpt_joblock_pids(CkptLockClass class, int64 id)
{
	LOCKTAG		tag;
	LockData   *locks = GetLockStatusData();
	List	   *pids = NIL;

	joblock_tag(&tag, class, id);
	for (int i = 0; i < locks->nelements; i++)
	{
		LockInstanceData *lock = &locks->locks[i];

		if (lock->holdMask != 0 && memcmp(&lock->locktag, &tag, sizeof(LOCKTAG)) == 0)
			pids = list_append_unique_int(pids, lock->pid);
	}
	pfree(locks->locks);
	pfree(locks);
	return pids;
}

/*
 * ckpt_joblock_holder returns the pid of a process that holds the lock, of
 * another one than this if there are several, or 0.
 */
int
ckpt_joblock_holder(CkptLockClass class, int64 id)
{
	List	   *pids = ckpt_joblock_pids(class, id);

	if (list_length(pids) > 1)
		pids = list_delete_int(pids, MyProcPid);
	return pids ? linitial_int(pids) : 0;
}

/*
 * ckpt_joblock_held_here returns whether this process holds the lock.
 */
bool
ckpt_joblock_held_here(CkptLockClass class, int64 id, LOCKMODE mode)
{
	LOCKTAG		tag;

	joblock_tag(&tag, class, id);
	return ckpt_lock_held_by_me(&tag, mode);
}
