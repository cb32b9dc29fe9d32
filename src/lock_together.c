/*-------------------------------------------------------------------------
 *
 * lock_together.c
 *	  Waits for exclusive locks on several relations at the same time.
 *
 * Readers that open some relations in different orders, and many of them: who gets the
 * lock on one relation after a wait finds the others taken by readers that opened
 * them meanwhile and now wait for the first.  They cannot finish, so the lock must be
 * given up; and the next try fares no better.
 *
 * So a helper waits for each relation: a parallel worker, which is a member of this
 * process's lock group.  All of them begin to wait at the same moment.  From then on a
 * new reader has to wait for the relation that it opens first, and so holds none.  What
 * is in the way are readers that have opened some of the relations, but not all, at that
 * moment: that takes each of them but some microseconds.  If there is one, the try
 * fails as soon as that is seen, and the next one will find others.
 *
 * Locks of a lock group do not conflict: when all helpers have got their locks, this
 * process takes the same ones at once, and the helpers let go.
 *
 * IDENTIFICATION
 *	  src/lock_together.c
 *
 *-------------------------------------------------------------------------
 */
#include "checkpoint.h"

#include "access/parallel.h"
#include "access/xact.h"
#include "lock_together.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "port/atomics.h"
#include "storage/condition_variable.h"
#include "storage/ipc.h"
#include "storage/lmgr.h"
#include "storage/lock.h"
#include "tcop/tcopprot.h"
#include "utils/guc.h"
#include "utils/snapmgr.h"

/* The one thing that the processes share. */
#define KEY_SHARED		1

/* How long to wait before looking around again, ms. */
#define LOOK_INTERVAL	10

/* A process that has to do with the relations. */
typedef struct Reader
{
	int			pid;
	bool		holds;			/* one of them ... */
	bool		waits;			/* ... and waits for another */
} Reader;

typedef struct LockShared
{
	ConditionVariable changed;	/* any of: */
	pg_atomic_uint32 nready;	/* helpers that could begin to wait */
	pg_atomic_uint32 go;		/* they are to begin */
	pg_atomic_uint32 ngranted;	/* helpers that have got their locks */
	pg_atomic_uint32 done;		/* they are to let go */
	Oid			relids[FLEXIBLE_ARRAY_MEMBER];	/* by number of the helper */
} LockShared;

/*
 * wait_for waits until a number has reached a value.
 */
static void
wait_for(LockShared *shared, pg_atomic_uint32 *number, uint32 value)
{
	while (pg_atomic_read_u32(number) < value)
	{
		(void) ConditionVariableTimedSleep(&shared->changed, LOOK_INTERVAL, PG_WAIT_EXTENSION);
		CHECK_FOR_INTERRUPTS();
	}
	ConditionVariableCancelSleep();
}

static void
tell(LockShared *shared, pg_atomic_uint32 *number)
{
	(void) pg_atomic_fetch_add_u32(number, 1);
	ConditionVariableBroadcast(&shared->changed);
}

/*
 * ckpt_lock_together_main is what a helper does.
 *
 * That a lock was not got is nothing to be logged, nor that the helper ends therefore:
 * so it ends as if nothing had happened once the leader knows, and takes the leader's
 * order to end for a cancel.
 */
void
ckpt_lock_together_main(dsm_segment *seg, shm_toc *toc)
{
	LockShared *shared = (LockShared *) shm_toc_lookup(toc, KEY_SHARED, false);

	log_min_messages = PANIC;
	pqsignal(SIGTERM, StatementCancelHandler);
	PG_TRY();
	{
		tell(shared, &shared->nready);
		wait_for(shared, &shared->go, 1);
		LockRelationOid(shared->relids[ParallelWorkerNumber], AccessExclusiveLock);
		tell(shared, &shared->ngranted);
		wait_for(shared, &shared->done, 1);
	}
	PG_CATCH();
	{
		HOLD_INTERRUPTS();
		EmitErrorReport();
		proc_exit(0);
	}
	PG_END_TRY();
}

/*
 * start_helpers starts a helper for each relation, and returns what is shared with
 * them, or NULL if there are not enough.
 */
static LockShared *
start_helpers(ParallelContext *pcxt, const Oid *relids, int n)
{
	Size		size = offsetof(LockShared, relids) + n * sizeof(Oid);
	LockShared *shared;

	shm_toc_estimate_chunk(&pcxt->estimator, size);
	shm_toc_estimate_keys(&pcxt->estimator, 1);
	InitializeParallelDSM(pcxt);
	if (pcxt->seg == NULL)
		return NULL;
	shared = (LockShared *) shm_toc_allocate(pcxt->toc, size);
	memset(shared, 0, size);
	ConditionVariableInit(&shared->changed);
	pg_atomic_init_u32(&shared->nready, 0);
	pg_atomic_init_u32(&shared->go, 0);
	pg_atomic_init_u32(&shared->ngranted, 0);
	pg_atomic_init_u32(&shared->done, 0);
	memcpy(shared->relids, relids, n * sizeof(Oid));
	shm_toc_insert(pcxt->toc, KEY_SHARED, shared);
	LaunchParallelWorkers(pcxt);
	if (pcxt->nworkers_launched < n)
		return NULL;
	WaitForParallelWorkersToAttach(pcxt);
	wait_for(shared, &shared->nready, n);
	return shared;
}

/*
 * is_stuck returns whether a reader holds one of the relations and waits for another:
 * then the helpers wait for each other's relation in vain.
 */
static bool
is_stuck(const Oid *relids, int n)
{
	LockData   *locks = GetLockStatusData();
	Reader	   *readers = palloc0(locks->nelements * sizeof(Reader));
	int			nreaders = 0;
	bool		stuck = false;

	for (int i = 0; i < locks->nelements && !stuck; i++)
	{
		LockInstanceData *lock = &locks->locks[i];
		bool		ours = false;
		int			r = 0;

		for (int j = 0; j < n; j++)
			ours |= lock->locktag.locktag_type == LOCKTAG_RELATION &&
				lock->locktag.locktag_field1 == MyDatabaseId &&
				lock->locktag.locktag_field2 == relids[j];
		if (!ours || lock->leaderPid == MyProcPid)
			continue;
		while (r < nreaders && readers[r].pid != lock->pid)
			r++;
		nreaders = Max(nreaders, r + 1);
		readers[r].pid = lock->pid;
		readers[r].holds |= lock->holdMask != 0;
		readers[r].waits |= lock->waitLockMode != NoLock;
		stuck = readers[r].holds && readers[r].waits;
	}
	pfree(readers);
	pfree(locks->locks);
	pfree(locks);
	return stuck;
}

/*
 * await_locks waits until all helpers have got their locks, or raises.
 */
static void
await_locks(LockShared *shared, const Oid *relids, int n)
{
	while (pg_atomic_read_u32(&shared->ngranted) < n)
	{
		if (ConditionVariableTimedSleep(&shared->changed, LOOK_INTERVAL, PG_WAIT_EXTENSION) &&
			is_stuck(relids, n))
			ereport(ERROR,
					(errcode(ERRCODE_LOCK_NOT_AVAILABLE),
					 errmsg("a reader of some relations waits for others")));
		CHECK_FOR_INTERRUPTS();
	}
	ConditionVariableCancelSleep();
}

/*
 * ckpt_lock_together takes exclusive locks on several relations, or raises 55P03 when
 * it has waited for so many ms.  Returns false, without a lock, if there are not enough
 * processes for that.
 *
 * To be called in a subtransaction, whose end releases the locks and ends the helpers.
 */
bool
ckpt_lock_together(const Oid *relids, int n, int timeout)
{
	int			nestlevel = NewGUCNestLevel();
	ParallelContext *pcxt;
	LockShared *shared;

	(void) set_config_option("lock_timeout", psprintf("%d", timeout), PGC_USERSET,
							 PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	/* helpers cannot get one, and their locks need it */
	(void) GetCurrentTransactionId();
	PushActiveSnapshot(GetTransactionSnapshot());
	EnterParallelMode();
	pcxt = CreateParallelContext("checkpoint", "ckpt_lock_together_main", n);
	shared = start_helpers(pcxt, relids, n);
	if (shared)
	{
		tell(shared, &shared->go);
		await_locks(shared, relids, n);
		for (int i = 0; i < n; i++)
			LockRelationOid(relids[i], AccessExclusiveLock);
		tell(shared, &shared->done);
		WaitForParallelWorkersToFinish(pcxt);
	}
	DestroyParallelContext(pcxt);
	ExitParallelMode();
	PopActiveSnapshot();
	AtEOXact_GUC(false, nestlevel);
	return shared != NULL;
}
