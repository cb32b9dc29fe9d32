/*-------------------------------------------------------------------------
 *
 * publish_view.c
 *	  Views that show the outputs of checkpoints: makes them, or makes them show
 *	  others.
 *
 * Replacing a view takes an exclusive lock on it, which has to wait for its readers
 * while new readers queue behind it.  So the lock is tried for a short time and given
 * up again, with growing pauses between two tries.
 *
 * Of several views all locks are needed at a time, so that a statement that reads
 * several sees one version of all.  A try has a subtransaction, whose end releases
 * what it has got.  If the locks are not free at once, helpers wait for all of them at
 * the same time (lock_together.c).  Where there are no processes for that, they are
 * waited for one after the other, from the one that was refused last.  A reader that
 * holds one of the views and waits for another is let through when the try ends.  In
 * the pauses the locks are taken if all are free, which keeps nobody waiting.
 *
 * A change of columns that the server does not allow drops the view and makes it anew,
 * with all that its owner gave it.  target.c has seen to it that nothing depends on
 * the view then.
 *
 * IDENTIFICATION
 *	  src/publish_view.c
 *
 *-------------------------------------------------------------------------
 */
#include "checkpoint.h"

#include "access/htup_details.h"
#include "access/reloptions.h"
#include "access/table.h"
#include "access/xact.h"
#include "asuser.h"
#include "catalog/dependency.h"
#include "catalog/indexing.h"
#include "catalog/namespace.h"
#include "catalog/pg_attribute.h"
#include "catalog/pg_class.h"
#include "commands/comment.h"
#include "common/pg_prng.h"
#include "distributed.h"
#include "executor/spi.h"
#include "guc.h"
#include "lock_together.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "pgstat.h"
#include "publish_view.h"
#include "result_table.h"
#include "storage/lmgr.h"
#include "subxact.h"
#include "target.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
#include "wait.h"

/*
 * Pauses between two tries, ms.  For one view, tries cost its readers most; for several,
 * it takes many of them where there are many readers.
 */
#define FIRST_PAUSE		10
#define LONGEST_PAUSE	1000
#define LONGEST_PAUSE_SEVERAL	100
/* How often several locks are looked at in a pause, ms. */
#define LOOK_INTERVAL	5

/* A try to change views. */
typedef struct ViewTry
{
	List	   *changes;
	Oid			owner;
	int			at;				/* the view whose lock it was at */
	int64		until;			/* ckpt_now_ms() */
} ViewTry;

/* What a view's owner has given it. */
typedef struct ViewTrimmings
{
	char	   *options;		/* WITH clause, or "" */
	char	   *comment;		/* or NULL */
	Acl		   *acl;			/* or NULL */
	List	   *columns;		/* ColumnTrimmings */
} ViewTrimmings;

typedef struct ColumnTrimmings
{
	char	   *name;
	char	   *comment;		/* or NULL */
	Acl		   *acl;			/* or NULL */
} ColumnTrimmings;

/*
 * ckpt_view_shows returns whether the target is a view that shows the given output
 * already.  No lock is taken on it.
 */
bool
ckpt_view_shows(const CkptTarget *target, const char *output_table)
{
	Oid			relid = ckpt_target_relid(target);
	Oid			shown = OidIsValid(relid) ? ckpt_target_shown_table(relid) : InvalidOid;

	return OidIsValid(shown) && shown == ckpt_result_table_lookup(output_table);
}

/*
 * execute runs a command of the owner's that is about a view, for this server only.
 */
static void
execute(const char *sql, Oid owner)
{
	CkptUser	saved = ckpt_user_become(owner);
	int			nestlevel = NewGUCNestLevel();

	ckpt_distributed_keep_local();
	SPI_connect();
	if (SPI_execute(sql, false, 0) != SPI_OK_UTILITY)
		elog(ERROR, "could not execute \"%s\"", sql);
	SPI_finish();
	AtEOXact_GUC(true, nestlevel);
	ckpt_user_restore(saved);
}

/*
 * view_options returns the WITH clause that keeps the options of a view, if it
 * exists and has any: replacing it would reset them.
 */
static char *
view_options(Oid relid)
{
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
	StringInfoData buf;
	Datum		options;
	bool		isnull;
	ListCell   *lc;

	initStringInfo(&buf);
	if (!HeapTupleIsValid(tuple))
		return buf.data;
	options = SysCacheGetAttr(RELOID, tuple, Anum_pg_class_reloptions, &isnull);
	if (!isnull)
	{
		foreach(lc, untransformRelOptions(options))
		{
			DefElem    *option = lfirst_node(DefElem, lc);

			appendStringInfo(&buf, "%s%s = %s", buf.len == 0 ? "WITH (" : ", ",
							 quote_identifier(option->defname),
							 quote_literal_cstr(strVal(option->arg)));
		}
		appendStringInfoChar(&buf, ')');
	}
	ReleaseSysCache(tuple);
	return buf.data;
}

/*
 * make_view makes a view of a query that shows an output, or replaces it.
 */
static void
make_view(const CkptViewChange *change, const char *command, const char *options, Oid owner)
{
	StringInfoData sql;

	initStringInfo(&sql);
	appendStringInfo(&sql, "%s %s %s AS SELECT ", command, change->target->qualified, options);
	for (int i = 0; i < change->desc->natts; i++)
		appendStringInfo(&sql, "%s%s", i > 0 ? ", " : "",
						 quote_identifier(NameStr(TupleDescAttr(change->desc, i)->attname)));
	appendStringInfo(&sql, " FROM ONLY %s",
					 quote_qualified_identifier(CKPT_DATA_SCHEMA, change->output_table));
	execute(sql.data, owner);
}

/*
 * acl_of returns a copy of the privileges in a catalog tuple, or NULL.
 */
static Acl *
acl_of(int cache, HeapTuple tuple, AttrNumber attnum)
{
	bool		isnull;
	Datum		acl = SysCacheGetAttr(cache, tuple, attnum, &isnull);

	return isnull ? NULL : DatumGetAclPCopy(acl);
}

/*
 * remember_trimmings returns what a view's owner has given it.
 */
static ViewTrimmings *
remember_trimmings(Oid relid)
{
	ViewTrimmings *trimmings = palloc0(sizeof(ViewTrimmings));
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for relation %u", relid);
	trimmings->options = view_options(relid);
	trimmings->comment = GetComment(relid, RelationRelationId, 0);
	trimmings->acl = acl_of(RELOID, tuple, Anum_pg_class_relacl);
	ReleaseSysCache(tuple);

	for (AttrNumber i = 1;; i++)
	{
		ColumnTrimmings *column = palloc0(sizeof(ColumnTrimmings));

		tuple = SearchSysCache2(ATTNUM, ObjectIdGetDatum(relid), Int16GetDatum(i));
		if (!HeapTupleIsValid(tuple))
			break;
		column->name = pstrdup(NameStr(((Form_pg_attribute) GETSTRUCT(tuple))->attname));
		column->comment = GetComment(relid, RelationRelationId, i);
		column->acl = acl_of(ATTNUM, tuple, Anum_pg_attribute_attacl);
		ReleaseSysCache(tuple);
		trimmings->columns = lappend(trimmings->columns, column);
	}
	return trimmings;
}

/*
 * store_acl stores privileges on a relation, or on a column of it, in place of those
 * in a catalog tuple that is a copy.
 */
static void
store_acl(Oid catalog, int cache, HeapTuple tuple, AttrNumber acl_attnum, Oid relid,
		  AttrNumber attnum, Oid owner, Acl *acl)
{
	Relation	rel = table_open(catalog, RowExclusiveLock);
	int			natts = RelationGetNumberOfAttributes(rel);
	Datum	   *values = palloc0(natts * sizeof(Datum));
	bool	   *nulls = palloc0(natts * sizeof(bool));
	bool	   *replaces = palloc0(natts * sizeof(bool));
	Acl		   *old = acl_of(cache, tuple, acl_attnum);
	Oid		   *members = NULL;
	Oid		   *old_members = NULL;
	int			nmembers = acl ? aclmembers(acl, &members) : 0;
	int			nold = old ? aclmembers(old, &old_members) : 0;
	HeapTuple	new;

	values[acl_attnum - 1] = PointerGetDatum(acl);
	nulls[acl_attnum - 1] = acl == NULL;
	replaces[acl_attnum - 1] = true;
	new = heap_modify_tuple(tuple, RelationGetDescr(rel), values, nulls, replaces);
	CatalogTupleUpdate(rel, &new->t_self, new);
	updateAclDependencies(RelationRelationId, relid, attnum, owner, nold, old_members,
						  nmembers, members);
	table_close(rel, RowExclusiveLock);
	CommandCounterIncrement();
}

/*
 * give_trimmings gives a view, which is new, what another of its name had; columns
 * that it does not have are passed over.
 */
static void
give_trimmings(const ViewTrimmings *trimmings, Oid relid, Oid owner)
{
	HeapTuple	tuple = SearchSysCacheCopy1(RELOID, ObjectIdGetDatum(relid));
	ListCell   *lc;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for relation %u", relid);
	store_acl(RelationRelationId, RELOID, tuple, Anum_pg_class_relacl, relid, 0, owner,
			  trimmings->acl);
	if (trimmings->comment)
		CreateComments(relid, RelationRelationId, 0, trimmings->comment);
	foreach(lc, trimmings->columns)
	{
		const ColumnTrimmings *column = (const ColumnTrimmings *) lfirst(lc);
		AttrNumber	attnum = get_attnum(relid, column->name);

		if (attnum == InvalidAttrNumber)
			continue;
		if (column->acl)
			store_acl(AttributeRelationId, ATTNUM,
					  SearchSysCacheCopy2(ATTNUM, ObjectIdGetDatum(relid), Int16GetDatum(attnum)),
					  Anum_pg_attribute_attacl, relid, attnum, owner, column->acl);
		if (column->comment)
			CreateComments(relid, RelationRelationId, attnum, column->comment);
	}
}

/*
 * change_view makes a view, or changes it.  If there is one, it is locked.
 */
static void
change_view(const CkptViewChange *change, Oid owner)
{
	const CkptTarget *target = change->target;
	Oid			relid = ckpt_target_relid(target);
	ViewTrimmings *trimmings;

	if (change->output_table == NULL)
	{
		execute(psprintf("DROP VIEW %s", target->qualified), owner);
		return;
	}
	ckpt_target_check(target, change->desc, owner);
	if (!OidIsValid(relid) || ckpt_target_keeps_columns(relid, change->desc))
	{
		make_view(change, "CREATE OR REPLACE VIEW", view_options(relid), owner);
		return;
	}
	trimmings = remember_trimmings(relid);
	execute(psprintf("DROP VIEW %s", target->qualified), owner);
	make_view(change, "CREATE VIEW", trimmings->options, owner);
	give_trimmings(trimmings, ckpt_target_relid(target), owner);
}

/*
 * lock_view locks a view, and waits for that until the try is over.
 */
static void
lock_view(const ViewTry *try, Oid relid)
{
	int			nestlevel;
	int64		left;

	if (ConditionalLockRelationOid(relid, AccessExclusiveLock))
		return;
	left = Max(try->until - ckpt_now_ms(), 1);
	nestlevel = NewGUCNestLevel();
	(void) set_config_option("lock_timeout", psprintf("%lld", (long long) left), PGC_USERSET,
							 PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	LockRelationOid(relid, AccessExclusiveLock);
	AtEOXact_GUC(false, nestlevel);
}

/*
 * current_views lists what stands under the names of the views now.
 */
static List *
current_views(const ViewTry *try)
{
	List	   *relids = NIL;
	ListCell   *lc;

	foreach(lc, try->changes)
		relids = lappend_oid(relids, ckpt_target_relid(((CkptViewChange *) lfirst(lc))->target));
	return relids;
}

/*
 * lock_all_free locks the views if all are free now, and returns whether it did.
 */
static bool
lock_all_free(ViewTry *try)
{
	List	   *relids = current_views(try);

	for (int i = 0; i < list_length(relids); i++)
	{
		Oid			relid = list_nth_oid(relids, i);

		if (!OidIsValid(relid) || ConditionalLockRelationOid(relid, AccessExclusiveLock))
			continue;
		while (--i >= 0)
		{
			if (OidIsValid(list_nth_oid(relids, i)))
				UnlockRelationOid(list_nth_oid(relids, i), AccessExclusiveLock);
		}
		return false;
	}
	return true;
}

/*
 * lock_in_turn locks views one after the other, from the one whose lock was refused
 * last.
 */
static void
lock_in_turn(ViewTry *try, List *relids)
{
	int			n = list_length(relids);
	int			first = try->at;

	for (int i = 0; i < n; i++)
	{
		try->at = (first + i) % n;
		if (OidIsValid(list_nth_oid(relids, try->at)))
			lock_view(try, list_nth_oid(relids, try->at));
	}
}

/*
 * lock_at_once waits for the locks on several views at the same time, and returns
 * whether it could.
 */
static bool
lock_at_once(List *relids)
{
	Oid		   *oids = palloc(list_length(relids) * sizeof(Oid));
	int			n = 0;
	ListCell   *lc;

	foreach(lc, relids)
	{
		if (OidIsValid(lfirst_oid(lc)))
			oids[n++] = lfirst_oid(lc);
	}
	return n > 1 && ckpt_lock_together(oids, n, ckpt_publish_lock_timeout);
}

/*
 * try_change locks the views and changes them.  It runs in a subtransaction.
 */
static void
try_change(void *arg)
{
	ViewTry    *try = (ViewTry *) arg;
	List	   *relids;
	ListCell   *lc;

	AcceptInvalidationMessages();
	relids = current_views(try);
	if (!lock_all_free(try) && !lock_at_once(relids))
		lock_in_turn(try, relids);
	if (!equal(relids, current_views(try)))
		ereport(ERROR,
				(errcode(ERRCODE_LOCK_NOT_AVAILABLE),
				 errmsg("a published view was replaced meanwhile")));
	PushActiveSnapshot(GetTransactionSnapshot());
	foreach(lc, try->changes)
		change_view((const CkptViewChange *) lfirst(lc), try->owner);
	PopActiveSnapshot();
}

/*
 * pause_tries waits for so many ms; not longer than until all of several views are
 * free, which then are locked.
 */
static void
pause_tries(ViewTry *try, int64 pause)
{
	int64		until = ckpt_now_ms() + pause;
	bool		several = list_length(try->changes) > 1;
	int64		left;

	while ((left = until - ckpt_now_ms()) > 0)
	{
		ckpt_wait(several ? Min(left, LOOK_INTERVAL) : left, PG_WAIT_EXTENSION);
		CHECK_FOR_INTERRUPTS();
		if (several && lock_all_free(try))
			return;
	}
}

/*
 * holders returns in words which other processes have a relation open, or NULL.
 */
static char *
holders(Oid relid)
{
	LockData   *locks = GetLockStatusData();
	StringInfoData buf;
	LOCKTAG		tag;

	SET_LOCKTAG_RELATION(tag, MyDatabaseId, relid);
	initStringInfo(&buf);
	for (int i = 0; i < locks->nelements; i++)
	{
		LockInstanceData *lock = &locks->locks[i];

		if (lock->holdMask != 0 && lock->pid != MyProcPid &&
			memcmp(&lock->locktag, &tag, sizeof(LOCKTAG)) == 0)
			appendStringInfo(&buf, "%s%d", buf.len > 0 ? ", " : "", lock->pid);
	}
	return buf.len > 0 ? buf.data : NULL;
}

/*
 * raise_in_use raises 55P03: readers have kept a view for too long.
 */
static void
raise_in_use(const ViewTry *try)
{
	const CkptTarget *target = NULL;
	char	   *pids = NULL;
	ListCell   *lc;

	foreach(lc, try->changes)
	{
		target = ((const CkptViewChange *) lfirst(lc))->target;
		pids = holders(ckpt_target_relid(target));
		if (pids)
			break;
	}
	ereport(ERROR,
			(errcode(ERRCODE_LOCK_NOT_AVAILABLE),
			 errmsg("could not change view %s: others use it", target->qualified),
			 pids ? errdetail("Processes that have it open: %s.", pids) : 0,
			 errhint("What was computed is kept: repeat the call when they are done, or set checkpoint.publish_timeout to more than %d ms.",
					 ckpt_publish_timeout)));
}

/*
 * ckpt_views_change changes all views of a list (CkptViewChange *), or raises.  Until
 * it has locked all of them, nobody waits for them longer than
 * checkpoint.publish_lock_timeout at a time.
 */
void
ckpt_views_change(List *changes, Oid owner)
{
	ViewTry		try = {changes, owner};
	int64		last = ckpt_now_ms() + ckpt_publish_timeout;
	int64		pause = FIRST_PAUSE;

	if (changes == NIL)
		return;
	for (;;)
	{
		ErrorData  *error;

		try.until = ckpt_now_ms() + ckpt_publish_lock_timeout;
		error = ckpt_subxact_run(try_change, &try, CurrentMemoryContext, NULL);
		if (error == NULL)
			return;
		if (error->sqlerrcode != ERRCODE_LOCK_NOT_AVAILABLE &&
			error->sqlerrcode != ERRCODE_T_R_DEADLOCK_DETECTED)
			ReThrowError(error);
		if (ckpt_now_ms() >= last)
			raise_in_use(&try);
		pause_tries(&try, (int64) (pause * (0.5 + 0.5 * pg_prng_double(&pg_global_prng_state))));
		pause = Min(pause * 2, list_length(changes) > 1 ? LONGEST_PAUSE_SEVERAL : LONGEST_PAUSE);
	}
}
