/*-------------------------------------------------------------------------
 *
 * publish.c
 *	  Shows checkpoints' outputs under stable names.
 *
 * What is published together changes in one transaction: publish_table.c merges rows
 * into tables, and then publish_view.c makes views show other outputs.  This file sees
 * to it that publishers of one name exclude each other, and keeps on record who has
 * published what.
 *
 * Publishers of one name take a lock of the extension's own, for their transaction,
 * before they look at what is there.  They take the locks of several names in one
 * order.
 *
 * IDENTIFICATION
 *	  src/publish.c
 *
 *-------------------------------------------------------------------------
 */
#include "checkpoint.h"

#include "access/table.h"
#include "catalog/namespace.h"
#include "common/hashfn.h"
#include "fmgr.h"
#include "guc.h"
#include "job.h"
#include "joblock.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "publish.h"
#include "publish_table.h"
#include "publish_view.h"
#include "result_table.h"
#include "role.h"
#include "target.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "wait.h"

/* How often a publisher looks whether another is done, ms. */
#define LOOK_INTERVAL	20

PG_FUNCTION_INFO_V1(checkpoint_unpublish);

/* A target, and what it is to show. */
typedef struct TargetChange
{
	CkptTarget *target;
	CkptTargetRecord before;	/* if it is on record */
	bool		recorded;
	char	   *output_table;
	TupleDesc	desc;			/* the columns to show */
	bool		made;			/* what stands there was made by a step */
	bool		changed;
} TargetChange;

/*
 * lock_name keeps other publishers away from a name until the transaction ends.  It
 * waits for one that is there already.
 */
static void
lock_name(const CkptTarget *target)
{
	char	   *key = psprintf("%s\1%s", target->schema, target->name);
	int64		id = (int64) hash_any_extended((unsigned char *) key, (int) strlen(key), 0);
	int64		last = ckpt_now_ms() + ckpt_publish_timeout;

	while (!ckpt_joblock_acquire(CKPT_LOCK_TARGET, id, ExclusiveLock, false))
	{
		int			pid = ckpt_joblock_holder(CKPT_LOCK_TARGET, id);

		if (ckpt_now_ms() >= last)
			ereport(ERROR,
					(errcode(ERRCODE_LOCK_NOT_AVAILABLE),
					 errmsg("target %s is being published by another process", target->qualified),
					 pid != 0 ? errdetail("Process %d does so.", pid) : 0,
					 errhint("What was computed is kept: repeat the call when it is done.")));
		ckpt_wait(LOOK_INTERVAL, PG_WAIT_EXTENSION);
		CHECK_FOR_INTERRUPTS();
	}
}

/*
 * output_columns returns the columns of an output table that are shown to others.
 */
static TupleDesc
output_columns(const CkptTarget *target, const char *table, Oid owner)
{
	Relation	rel = ckpt_result_table_open(table, "output", target->step, owner, NULL,
											 AccessShareLock);
	TupleDesc	desc = CreateTemplateTupleDesc(RelationGetNumberOfAttributes(rel) - 1);

	for (int i = 1; i <= desc->natts; i++)
		TupleDescCopyEntry(desc, i, RelationGetDescr(rel), i + 1);
	table_close(rel, NoLock);
	return desc;
}

/*
 * look_at finds out what a target is to show, and checks that it may.
 */
static TargetChange *
look_at(CkptTarget *target, Oid owner)
{
	TargetChange *publication = palloc0(sizeof(TargetChange));
	CkptCheckpoint cp;

	if (!ckpt_catalog_get_checkpoint(target->checkpoint_id, &cp) || cp.output_table == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("checkpoint %lld of step \"%s\" was dropped before it was published",
						(long long) target->checkpoint_id, target->step),
				 errhint("Run the job again: the step is computed anew.")));
	publication->target = target;
	publication->output_table = cp.output_table;
	publication->desc = output_columns(target, cp.output_table, owner);
	publication->recorded = ckpt_catalog_get_target(target->schema, target->name,
													&publication->before);
	ckpt_target_check(target, publication->desc, owner);
	return publication;
}

/*
 * tell_of_other_job says whose target it was, if another job published it before.
 */
static void
tell_of_other_job(const TargetChange *publication, const CkptJob *job)
{
	const CkptTargetRecord *before = &publication->before;

	if (!publication->recorded || before->job_name == NULL ||
		(before->owner == job->owner && strcmp(before->job_name, job->name) == 0))
		return;
	ereport(NOTICE,
			(errmsg("target %s was published by job \"%s\" before", publication->target->qualified,
					before->job_name),
			 errdetail("Job %lld did so last. From now on it shows what job \"%s\" publishes.",
					   (long long) before->job_id, job->name)));
}

/*
 * change_views makes those views show the new outputs that do not so already.
 */
static void
change_views(List *publications, Oid owner)
{
	List	   *changes = NIL;
	ListCell   *lc;

	foreach(lc, publications)
	{
		const TargetChange *publication = (const TargetChange *) lfirst(lc);
		CkptViewChange *change = palloc(sizeof(CkptViewChange));

		if (publication->target->as_table || !publication->changed)
			continue;
		*change = (CkptViewChange) {publication->target, publication->output_table,
			publication->desc};
		changes = lappend(changes, change);
	}
	ckpt_views_change(changes, owner);
}

/*
 * look_at_view notes whether a view is to change.
 */
static void
look_at_view(TargetChange *publication)
{
	publication->made = true;
	publication->changed = !ckpt_view_shows(publication->target, publication->output_table);
}

/*
 * change_table makes a table hold the rows that it is to hold.
 */
static void
change_table(TargetChange *publication, Oid owner)
{
	const CkptTarget *target = publication->target;
	const CkptTargetRecord *before = &publication->before;

	/* where somebody else runs the owner's job, triggers of the owner's cannot be put off */
	if (GetUserId() != owner)
		ckpt_table_check_constraints(owner);
	if (OidIsValid(ckpt_target_relid(target)))
	{
		publication->made = publication->recorded && ckpt_target_is_made(target, before);
		publication->changed = ckpt_table_merge(target, publication->output_table,
												publication->desc, owner);
		return;
	}
	ckpt_table_make(target, publication->output_table, publication->desc, owner);
	publication->made = publication->changed = true;
}

/*
 * ckpt_publish shows checkpoints' outputs under the names of targets (CkptTarget *),
 * which are in the order of their names, and puts that on record.  All of them change,
 * or it raises.
 */
void
ckpt_publish(List *targets, const CkptJob *job)
{
	List	   *publications = NIL;
	bool		tables = false;
	ListCell   *lc;

	if (targets == NIL)
		return;
	foreach(lc, targets)
		lock_name((const CkptTarget *) lfirst(lc));

	PushActiveSnapshot(GetTransactionSnapshot());
	foreach(lc, targets)
		publications = lappend(publications, look_at((CkptTarget *) lfirst(lc), job->owner));
	foreach(lc, publications)
	{
		TargetChange *publication = (TargetChange *) lfirst(lc);

		if (publication->target->as_table)
		{
			change_table(publication, job->owner);
			tables = true;
		}
		else
			look_at_view(publication);
		ckpt_catalog_record_target(publication->target, job->job_id, publication->made,
								   publication->made && publication->target->as_table ?
								   ckpt_target_identity(publication->target) : NULL,
								   publication->changed);
		tell_of_other_job(publication, job);
	}
	if (tables)
		ckpt_table_check_constraints(job->owner);
	PopActiveSnapshot();
	change_views(publications, job->owner);
}

/*
 * ckpt_publish_tell_abandoned says which targets earlier runs of a job have
 * published, and this one, which ends, has not.
 */
void
ckpt_publish_tell_abandoned(const CkptJob *job)
{
	ListCell   *lc;

	foreach(lc, ckpt_catalog_abandoned_targets(job))
	{
		const CkptTarget *target = (const CkptTarget *) lfirst(lc);

		Oid			relid = ckpt_target_relid(target);

		if (target->as_table ? get_rel_relkind(relid) != RELKIND_RELATION :
			!ckpt_target_shows_result(relid))
			continue;
		ereport(NOTICE,
				(errmsg("target %s was not published by this run", target->qualified),
				 errdetail("It shows what an earlier run of job \"%s\" has published.", job->name),
				 errhint("If it is not wanted any more, call checkpoint.unpublish(%s).",
						 quote_literal_cstr(target->qualified))));
	}
}

/*
 * raise_not_published raises 42704: nothing is published under a name.
 */
static void
raise_not_published(const char *name)
{
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 errmsg("nothing is published as \"%s\"", name),
			 errhint("See the view checkpoint.published.")));
}

/*
 * unpublish(target) drops what a step has published.  A table that was made by hand,
 * also in the place of one that a step had made, stays, and is on record no more.
 */
Datum
checkpoint_unpublish(PG_FUNCTION_ARGS)
{
	char	   *name = PG_ARGISNULL(0) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(0));
	CkptTarget *target;
	CkptTargetRecord record;

	ckpt_job_check_writable("checkpoint.unpublish()");
	if (name == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"target\" must not be null"),
				 errhint("Pass the name of a published view or table.")));
	target = ckpt_target_find(name);
	if (target == NULL)
		raise_not_published(name);
	lock_name(target);
	if (!ckpt_catalog_get_target(target->schema, target->name, &record) ||
		record.as_table != target->as_table ||
		(!target->as_table && !ckpt_target_shows_result(ckpt_target_relid(target))))
		raise_not_published(name);
	ckpt_target_check_owner(target);
	ckpt_catalog_forget_target(target->schema, target->name);
	if (ckpt_target_is_made(target, &record))
		ckpt_table_drop(target, GetUserId());
	else if (!target->as_table)
	{
		CkptViewChange change = {target, NULL, NULL};

		ckpt_views_change(list_make1(&change), GetUserId());
	}
	PG_RETURN_VOID();
}
