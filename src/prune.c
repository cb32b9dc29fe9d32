/*-------------------------------------------------------------------------
 *
 * prune.c
 *	  Drops what has expired, and what a crash leaves behind.
 *
 * Nobody is waited for: what is locked stays until the next time.  Of each
 * checkpoint, tables and record go in one transaction; within a transaction
 * block, or a function, all is part of the caller's transaction.
 *
 * IDENTIFICATION
 *	  src/prune.c
 *
 *-------------------------------------------------------------------------
 */
#include "checkpoint.h"

#include <limits.h>

#include "access/htup_details.h"
#include "catalog.h"
#include "cleanup.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "input_view.h"
#include "job.h"
#include "miscadmin.h"
#include "prune.h"
#include "result_table.h"
#include "retention.h"
#include "role.h"
#include "transaction.h"
#include "utils/builtins.h"
#include "utils/snapmgr.h"

PG_FUNCTION_INFO_V1(checkpoint_prune);
PG_FUNCTION_INFO_V1(checkpoint_drop_checkpoint);
PG_FUNCTION_INFO_V1(checkpoint_drop_job);
PG_FUNCTION_INFO_V1(checkpoint_pin);
PG_FUNCTION_INFO_V1(checkpoint_unpin);

/* How many checkpoints, and old jobs, end_job drops. */
#define SOME	10

typedef struct Prune
{
	const CkptDue *due;
	int64		dropped;
	int64		bytes;
	Oid			history_owner;
} Prune;

static int64
table_bytes(const char *name, Oid owner)
{
	return name ? ckpt_result_table_bytes(name, owner) : 0;
}

/*
 * prune_one drops a checkpoint, or an orphan, if it still may go; or raises.
 */
static void
prune_one(void *arg)
{
	Prune	   *prune = (Prune *) arg;
	const CkptDue *due = prune->due;
	int64		bytes = 0;
	CkptCheckpoint cp;

	PushActiveSnapshot(GetTransactionSnapshot());
	if (due->table)
	{
		if (ckpt_retention_is_orphan(due))
		{
			bytes = table_bytes(due->table, due->owner);
			if (ckpt_input_view_drop_table(due->table, due->owner))
			{
				prune->bytes += bytes;
				prune->dropped++;
			}
		}
	}
	else if (ckpt_retention_lock_due(due->id) && ckpt_catalog_get_checkpoint(due->id, &cp))
	{
		bytes = table_bytes(cp.input_table, cp.owner) + table_bytes(cp.output_table, cp.owner);
		ckpt_cleanup_drop(&cp);
		prune->bytes += bytes;
		prune->dropped++;
	}
	PopActiveSnapshot();
}

static void
prune_lost(void *arg)
{
	ckpt_retention_forget_lost();
}

static void
prune_history(void *arg)
{
	ckpt_retention_forget_jobs(((Prune *) arg)->history_owner, NULL, INT_MAX);
}

/*
 * report says why something stays; what is in use, and a cancel, aside.
 */
static void
report(const CkptDue *due, const ErrorData *error)
{
	if (error->sqlerrcode == ERRCODE_OBJECT_IN_USE)
		return;
	if (due == NULL)
		ereport(NOTICE,
				(errmsg("old history is kept: %s", error->message)));
	else if (due->table)
		ereport(NOTICE,
				(errmsg("table \"%s.%s\" is kept: %s", CKPT_DATA_SCHEMA, due->table, error->message),
				 error->detail ? errdetail_internal("%s", error->detail) : 0));
	else
		ereport(NOTICE,
				(errmsg("checkpoint %lld is kept: %s", (long long) due->id, error->message),
				 error->detail ? errdetail_internal("%s", error->detail) : 0));
}

/*
 * do_part does a part of the work, in a transaction of its own unless the caller's
 * must go on.
 */
static void
do_part(CkptWork work, Prune *prune, bool atomic)
{
	CkptTransaction transaction = {.work = work,.arg = prune,.name = "prune"};
	Prune		before = *prune;
	ErrorData  *error = atomic ?
		ckpt_subxact_run(work, prune, CurrentMemoryContext, NULL) :
		ckpt_transaction_run(&transaction);

	if (error == NULL)
		return;
	prune->dropped = before.dropped;
	prune->bytes = before.bytes;
	if (error->sqlerrcode == ERRCODE_QUERY_CANCELED || error->sqlerrcode == ERRCODE_ADMIN_SHUTDOWN)
		ReThrowError(error);
	report(prune->due, error);
}

/*
 * prune_all prunes what the current user may: its own, that of roles that it is a
 * member of, or, for a superuser, all.
 */
static void
prune_all(Prune *prune, bool atomic)
{
	List	   *list = list_concat(ckpt_retention_due(), ckpt_retention_orphans());
	List	   *owners = ckpt_retention_owners(NULL);
	ListCell   *lc;

	foreach(lc, list)
	{
		prune->due = (CkptDue *) lfirst(lc);
		CHECK_FOR_INTERRUPTS();
		if (ckpt_role_may_use(prune->due->owner))
			do_part(prune_one, prune, atomic);
	}
	prune->due = NULL;
	do_part(prune_lost, prune, atomic);
	foreach(lc, owners)
	{
		prune->history_owner = lfirst_oid(lc);
		if (ckpt_role_may_use(prune->history_owner))
			do_part(prune_history, prune, atomic);
	}
}

/*
 * prune(INOUT dropped, INOUT bytes) returns how many checkpoints and orphans were
 * dropped, and how large they were.
 */
Datum
checkpoint_prune(PG_FUNCTION_ARGS)
{
	bool		atomic = fcinfo->context == NULL || !IsA(fcinfo->context, CallContext) ||
		castNode(CallContext, fcinfo->context)->atomic;
	Prune		prune = {0};
	TupleDesc	desc;
	Datum		values[2];
	bool		nulls[2] = {false, false};

	ckpt_job_check_writable("checkpoint.prune()");
	if (SPI_connect_ext(atomic ? 0 : SPI_OPT_NONATOMIC) != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect_ext failed");
	if (!atomic)
	{
		if (XactIsoLevel != XACT_READ_COMMITTED)
			SPI_commit();
		ckpt_transaction_is_ours();
	}
	ckpt_catalog_adopt(GetUserId());
	prune_all(&prune, atomic);
	SPI_finish();

	desc = CreateTemplateTupleDesc(2);
	TupleDescInitEntry(desc, 1, "dropped", INT8OID, -1, 0);
	TupleDescInitEntry(desc, 2, "bytes", INT8OID, -1, 0);
	BlessTupleDesc(desc);
	values[0] = Int64GetDatum(prune.dropped);
	values[1] = Int64GetDatum(prune.bytes);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(desc, values, nulls)));
}

static void
forget_some_jobs(void *arg)
{
	CkptStepRef *group = (CkptStepRef *) arg;

	ckpt_retention_forget_jobs(group->owner, group->job_name, SOME);
}

/*
 * ckpt_prune_some drops, in the current transaction, a few checkpoints of an owner
 * that may go, and a few old runs of a run group.  What cannot be dropped stays,
 * without a word.
 */
void
ckpt_prune_some(Oid owner, const char *name)
{
	CkptStepRef group = {owner, (char *) name, NULL};
	Prune		prune = {0};
	ListCell   *lc;

	foreach(lc, ckpt_retention_due_of(owner, SOME))
	{
		prune.due = (CkptDue *) lfirst(lc);
		(void) ckpt_subxact_try(prune_one, &prune);
	}
	(void) ckpt_subxact_try(forget_some_jobs, &group);
}

/*
 * refuse_used raises 55006 if a checkpoint is pinned, published or in use.
 */
static void
refuse_used(int64 id)
{
	char	   *use = ckpt_retention_use(id);

	if (use)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_IN_USE),
				 errmsg("cannot drop checkpoint %lld: it is %s", (long long) id, use),
				 strcmp(use, "pinned") == 0 ?
				 errhint("Call checkpoint.unpin() first.") :
				 strcmp(use, "published") == 0 ?
				 errhint("Publish another result under that name, or drop the name, first.") :
				 errhint("Wait until the job has ended, or the clients' claims.")));
}

/*
 * drop_checkpoint(id) drops tables and record of a checkpoint.
 */
Datum
checkpoint_drop_checkpoint(PG_FUNCTION_ARGS)
{
	int64		id = PG_ARGISNULL(0) ? 0 : PG_GETARG_INT64(0);
	CkptCheckpoint cp;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	ckpt_job_check_writable("checkpoint.drop_checkpoint()");
	ckpt_job_resolve_checkpoint(id, &cp);
	refuse_used(id);
	ckpt_cleanup_drop(&cp);
	PG_RETURN_VOID();
}

/*
 * drop_job(name) drops a run group: checkpoints, jobs and steps.
 */
Datum
checkpoint_drop_job(PG_FUNCTION_ARGS)
{
	char	   *name;
	Oid			owner;
	char	   *target;
	List	   *checkpoints;
	ListCell   *lc;

	ckpt_job_check_writable("checkpoint.drop_job()");
	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"name\" must not be null"),
				 errhint("Pass the name of a job.")));
	name = text_to_cstring(PG_GETARG_TEXT_PP(0));
	ckpt_catalog_adopt(GetUserId());
	owner = ckpt_job_group_owner(name);
	ckpt_job_lock_group(owner, name);
	checkpoints = ckpt_retention_group(owner, name);
	foreach(lc, checkpoints)
		refuse_used(((CkptDue *) lfirst(lc))->id);
	target = ckpt_retention_group_target(owner, name);
	if (target)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_IN_USE),
				 errmsg("cannot drop job \"%s\": it has published %s", name, target),
				 errhint("Call checkpoint.unpublish(%s), or drop it, first.", quote_literal_cstr(target))));
	foreach(lc, checkpoints)
	{
		CkptCheckpoint cp;

		if (ckpt_catalog_get_checkpoint(((CkptDue *) lfirst(lc))->id, &cp))
			ckpt_cleanup_drop(&cp);
	}
	ckpt_retention_forget_group(owner, name);
	PG_RETURN_VOID();
}

/*
 * pin(id, label) keeps a checkpoint from expiring; a second call changes the label.
 */
Datum
checkpoint_pin(PG_FUNCTION_ARGS)
{
	char	   *label = PG_ARGISNULL(1) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(1));
	CkptCheckpoint cp;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	ckpt_job_check_writable("checkpoint.pin()");
	ckpt_job_resolve_checkpoint(PG_GETARG_INT64(0), &cp);
	ckpt_retention_pin(cp.id, true, label);
	PG_RETURN_VOID();
}

/*
 * unpin(id) lets it expire again.
 */
Datum
checkpoint_unpin(PG_FUNCTION_ARGS)
{
	CkptCheckpoint cp;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	ckpt_job_check_writable("checkpoint.unpin()");
	ckpt_job_resolve_checkpoint(PG_GETARG_INT64(0), &cp);
	ckpt_retention_pin(cp.id, false, NULL);
	PG_RETURN_VOID();
}
