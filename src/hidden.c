/*-------------------------------------------------------------------------
 *
 * hidden.c
 *	  Tables whose changes logical replication does not see.
 *
 * Subscribers do not have our tables: a publication FOR ALL TABLES would stop
 * at the first row of them.  Where a subscriber has them, results and the
 * record of what is processed must both come, or neither.
 *
 * The server has a mark for tables that only it knows of, which keeps their
 * changes from all output plugins that do not ask for them: it is meant for the
 * new heap of a table that is being rewritten, and has the number of the old
 * one (pg_class.relrewrite).  We set it to the table's own number.  The TOAST
 * table must have the mark, too: decoding would keep its rows for a row that
 * never comes, and fail at the next one that does.
 *
 * The mark stays with VACUUM FULL and CLUSTER.  A dump and pg_upgrade lose it,
 * and an ALTER TABLE that writes the table anew makes a TOAST table without it.
 * So each transaction that writes to such a table looks whether it is there.
 * It has no other effect in the server, and is not set where WAL is not meant to
 * be decoded.
 *
 * IDENTIFICATION
 *	  src/hidden.c
 *
 *-------------------------------------------------------------------------
 */
#include "checkpoint.h"

#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/indexing.h"
#include "catalog/pg_class.h"
#include "hidden.h"
#include "storage/lmgr.h"
#include "utils/rel.h"
#include "utils/syscache.h"

/*
 * has_mark returns whether a relation has the mark, and its TOAST table, or
 * InvalidOid, in *toast.
 */
static bool
has_mark(Oid relid, Oid *toast)
{
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
	bool		marked;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for relation %u", relid);
	marked = OidIsValid(((Form_pg_class) GETSTRUCT(tuple))->relrewrite);
	*toast = ((Form_pg_class) GETSTRUCT(tuple))->reltoastrelid;
	ReleaseSysCache(tuple);
	return marked;
}

/*
 * set_mark gives a relation the mark, unless another process has meanwhile.
 */
static void
set_mark(Oid relid)
{
	Relation	pg_class;
	HeapTuple	tuple;
	Form_pg_class form;

	/* one process does it; the others wait for its transaction */
	LockRelationOid(relid, ShareUpdateExclusiveLock);
	pg_class = table_open(RelationRelationId, RowExclusiveLock);
	tuple = SearchSysCacheCopy1(RELOID, ObjectIdGetDatum(relid));
	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for relation %u", relid);
	form = (Form_pg_class) GETSTRUCT(tuple);
	if (!OidIsValid(form->relrewrite))
	{
		form->relrewrite = relid;
		CatalogTupleUpdate(pg_class, &tuple->t_self, tuple);
		CommandCounterIncrement();
	}
	heap_freetuple(tuple);
	table_close(pg_class, RowExclusiveLock);
}

/*
 * ckpt_hidden_ensure makes sure that logical replication does not see what the
 * current transaction writes to a table from here on.
 *
 * The caller has the table locked against being rewritten until the transaction
 * ends.
 */
void
ckpt_hidden_ensure(Oid relid)
{
	Oid			toast;
	Oid			none;

	if (!XLogLogicalInfoActive())
		return;
	if (!has_mark(relid, &toast))
		set_mark(relid);
	if (OidIsValid(toast) && !has_mark(toast, &none))
		set_mark(toast);
}
